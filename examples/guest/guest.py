#!/usr/bin/env python3
"""A gossip node in Python: it joins a running gossipctl network, tells it what is typed, and prints what it hears.

    GOSSIPCTL_TOKEN=$(gossipctl guest-token) python3 guest.py 9001 7001

9001 is the port at which it listens, 7001 that of any node. The format is in docs/http-api.md.
"""
import http.server, json, os, sys, threading, time, urllib.request, uuid

PORT, CONTACT = int(sys.argv[1]), int(sys.argv[2])
TOKEN = os.environ["GOSSIPCTL_TOKEN"]
heard, lock = {}, threading.Lock()  # the newest version of each thing an author speaks of; who may touch it


def call(method, url, body=None):
    data = json.dumps(body).encode() if body else None
    headers = {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def tell(item, peers):
    """Pass a piece of gossip on to some peers; a peer that is gone is passed over."""
    for peer in peers:
        try:
            call("POST", peer + "/gossip/", item)
        except OSError as problem:
            print("not told", peer, problem, file=sys.stderr, flush=True)


def hear(item):
    """Take in a piece: what is older than what its author has said of the same thing is no news."""
    payload = item["payload"]
    about = payload.get("key", item["uuid"]) if isinstance(payload, dict) else None
    with lock:
        if item["origin"] == PORT or heard.get((item["origin"], about), 0) >= item["version"]:
            return
        heard[item["origin"], about] = item["version"]
        print("heard", item["origin"], item["version"], json.dumps(payload), flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        hear(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
peers = call("GET", f"http://127.0.0.1:{CONTACT}/peers/")
print("joined", *peers, flush=True)
version = int(time.time())  # grows over restarts, too
text = "hello from Python"
while text:
    version += 1
    item = {"uuid": str(uuid.uuid4()), "origin": PORT, "version": version, "ttl": 8, "payload": text.rstrip("\n")}
    tell(item, peers[:3])
    text = sys.stdin.readline()
