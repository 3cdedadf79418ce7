//go:build linux

package cmd_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/node/api"
)

// A server is one process of a network with an HTTP face, and a request of it that is always good.
type server struct {
	name, addr       string
	read             string // a path
	post, body       string // a path, and a request that changes nothing
	wrong            string // a method that is not possible at post
	reads, forWrites []string
}

func (b *box) servers() []server {
	return []server{
		{
			"controller", b.addr(0), "/v1/network", "/v1/edges", `{"a":1,"b":2}`, "DELETE", []string{"/v1/health", "/v1/network", "/metrics", "/v1/faults"},
			[]string{"/v1/stop", "/v1/nodes", "/v1/nodes/remove", "/v1/edges", "/v1/edges/cut", "/v1/rewire",
				"/v1/nodes/kill", "/v1/nodes/pause", "/v1/nodes/resume", "/v1/nodes/restart", "/v1/faults/clear", "/v1/final"},
		},
		{
			"node", b.addr(1), "/v1/stats", "/v1/messages/read", `{"status":"read"}`, "DELETE",
			[]string{"/v1/health", "/v1/messages/1.1.1", "/v1/inbox", "/v1/peers", "/v1/stats", "/v1/faults", "/metrics"},
			[]string{"/v1/messages", "/v1/messages/read", "/v1/peers", "/v1/packets", "/v1/link", "/v1/save", "/v1/final"},
		},
	}
}

// Whoever comes from a web page, by another name of the host or without the token gets nothing from
// any process of a network, on any path. (Rows 45 to 47.)
func TestRow45ToRow47TheGuard(t *testing.T) {
	b := newBox(t)
	b.start(2)
	_, control, peer := b.tokens()
	for _, s := range b.servers() {
		_, port, _ := net.SplitHostPort(s.addr)
		own := "http://127.0.0.1:" + port
		for name, c := range map[string]struct {
			method, path string
			header       map[string]string
			want         int
		}{
			"good":                     {"POST", s.post, bearer(control), 200},
			"good to read":             {"GET", s.read, bearer(control), 200},
			"localhost":                {"GET", s.read, bearer(control, "Host", "localhost:"+port), 200},
			"IPv6":                     {"GET", s.read, bearer(control, "Host", "[::1]:"+port), 200},
			"own origin":               {"POST", s.post, bearer(control, "Origin", own), 200},
			"health":                   {"GET", "/v1/health", nil, 200},
			"rebound name":             {"POST", s.post, bearer(control, "Host", "evil.example:"+port), 421},
			"rebound, health":          {"GET", "/v1/health", map[string]string{"Host": "evil.example:" + port}, 421},
			"rebound, nothing there":   {"GET", "/nothing", bearer(control, "Host", "evil.example"), 421},
			"rebound, two slashes":     {"GET", "/v1//health", map[string]string{"Host": "evil.example"}, 421},
			"rebound, dots":            {"GET", "/v1/../v1/health", map[string]string{"Host": "evil.example"}, 421},
			"rebound, POST, dots":      {"POST", "/x/.." + s.post, map[string]string{"Host": "evil.example"}, 421},
			"rebound, link":            {"POST", "/v1/link", bearer(peer, "Host", "evil.example"), 421},
			"rebound, packets":         {"POST", "/v1/packets", bearer(peer, "Host", "evil.example"), 421},
			"rebound, options":         {"OPTIONS", "*", map[string]string{"Host": "evil.example"}, 421},
			"0.0.0.0":                  {"GET", s.read, bearer(control, "Host", "0.0.0.0:"+port), 421},
			"127.0.0.2":                {"GET", s.read, bearer(control, "Host", "127.0.0.2:"+port), 421},
			"subdomain":                {"GET", s.read, bearer(control, "Host", "localhost.evil.com:"+port), 421},
			"other port":               {"GET", s.read, bearer(control, "Host", "127.0.0.1:1"), 421},
			"no port":                  {"GET", s.read, bearer(control, "Host", "127.0.0.1"), 421},
			"cross-site page":          {"POST", s.post, bearer(control, "Origin", "https://evil.example"), 403},
			"cross-site GET":           {"GET", s.read, bearer(control, "Origin", "https://evil.example"), 403},
			"page on another port":     {"POST", s.post, bearer(control, "Origin", "http://127.0.0.1:1"), 403},
			"sandboxed page":           {"POST", s.post, bearer(control, "Origin", "null"), 403},
			"own origin over TLS":      {"POST", s.post, bearer(control, "Origin", "https://127.0.0.1:"+port), 403},
			"cross-site by metadata":   {"POST", s.post, bearer(control, "Sec-Fetch-Site", "cross-site"), 403},
			"same-site by metadata":    {"POST", s.post, bearer(control, "Sec-Fetch-Site", "same-site"), 403},
			"preflight":                {"OPTIONS", s.post, map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, 403},
			"form":                     {"POST", s.post, bearer(control, "Content-Type", "text/plain"), 415},
			"urlencoded":               {"POST", s.post, bearer(control, "Content-Type", "application/x-www-form-urlencoded"), 415},
			"multipart":                {"POST", s.post, bearer(control, "Content-Type", "multipart/form-data; boundary=x"), 415},
			"no media type":            {"POST", s.post, bearer(control, "Content-Type", ""), 415},
			"no token":                 {"POST", s.post, bearer(control, "Authorization", ""), 401},
			"no token, to read":        {"GET", s.read, nil, 401},
			"no token, nothing there":  {"GET", "/nothing", nil, 401},
			"no token, two slashes":    {"GET", "/v1//health", nil, 401},
			"wrong token":              {"POST", s.post, bearer(strings.Repeat("0", len(control))), 401},
			"empty token":              {"POST", s.post, bearer(""), 401},
			"token without its word":   {"POST", s.post, bearer(control, "Authorization", control), 401},
			"token as a password":      {"POST", s.post, bearer(control, "Authorization", "Basic "+control), 401},
			"token in the address":     {"POST", s.post + "?token=" + control, bearer("x"), 401},
			"token in a cookie":        {"POST", s.post, bearer("x", "Cookie", "token="+control), 401},
			"a peer's token":           {"POST", s.post, bearer(peer), 401},
			"a peer's token, to read":  {"GET", s.read, bearer(peer), 401},
			"wrong network":            {"POST", s.post, bearer(control, "Gossip-Network", "ffff"), 403},
			"health is only read":      {"POST", "/v1/health", nil, 401},
			"nothing there":            {"GET", "/nothing", bearer(control), 404},
			"wrong method":             {s.wrong, s.post, bearer(control), 405},
			"method in a header":       {"GET", s.post, bearer(control, "X-HTTP-Method-Override", "POST"), 0},
			"a very long header":       {"GET", s.read, bearer(control, "X-Long", strings.Repeat("x", 64<<10)), 431},
			"a very long address":      {"GET", "/" + strings.Repeat("x", 64<<10), bearer(control), 431},
			"debugging, without token": {"GET", "/debug/pprof/", nil, 401},
		} {
			body := s.body
			if c.method != "POST" {
				body = ""
			}
			status, answer, header := ask(t, s.addr, c.method, c.path, body, c.header)
			if c.want == 0 && (status < 400 || status >= 500) || c.want > 0 && status != c.want {
				t.Errorf("%s, %s: %d, want %d: %.200s", s.name, name, status, c.want, answer)
			}
			if told := fmt.Sprint(answer, header); strings.Contains(told, control) || strings.Contains(told, peer) {
				t.Errorf("%s, %s: the answer tells a token", s.name, name)
			}
			if status == 405 && header.Get("Allow") == "" {
				t.Errorf("%s, %s: no Allow header", s.name, name)
			}
			for name := range header {
				if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" || name == "Server" {
					t.Errorf("%s: the answer has a header %s", s.name, name)
				}
			}
		}
	}
}

// Asking changes nothing, whatever the path and however it is asked. (Row 46.)
func TestRow46ReadingChangesNothing(t *testing.T) {
	b := newBox(t)
	b.start(2, "--repair", "none") // repair talks whether anybody asks or not
	b.must(0, "", "send-message", "1", "banana")
	b.must(0, "", "wait-message", "1.1.1")
	_, control, _ := b.tokens()
	state := func() map[string]string {
		all := snapshot(t, b.root())
		maps.DeleteFunc(all, func(path, _ string) bool { return strings.HasSuffix(path, ".log") })
		_, all["network"], _ = ask(t, b.addr(0), "GET", "/v1/network", "", bearer(control))
		for node := 1; node <= 2; node++ {
			_, stats, _ := ask(t, b.addr(node), "GET", "/v1/stats", "", bearer(control))
			s := parse[api.Stats](t, stats)
			s.HeapBytes, s.Goroutines, s.Dropped = 0, 0, nil // of the asking itself
			_, inbox, _ := ask(t, b.addr(node), "POST", "/v1/messages/read", `{"status":"all","peek":true}`, bearer(control))
			all[b.addr(node)] = fmt.Sprintf("%+v %s", s, inbox)
		}
		for pid, argv := range b.processes() {
			all[fmt.Sprint(pid)] = argv
		}
		return all
	}
	before := state()
	bodies := []string{"", `{}`, `{"body":"x"}`, `{"status":"all"}`, `{"peers":[]}`, `{"a":1,"b":2}`, `{"node":2}`}
	for _, s := range b.servers() {
		for _, path := range append(s.reads, s.forWrites...) {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE"} {
				for _, body := range bodies {
					status, answer, _ := ask(t, s.addr, method, path, body, bearer(control, "X-HTTP-Method-Override", "POST"))
					if status >= 500 {
						t.Errorf("%s: %s %s: %d %s", s.name, method, path, status, answer)
					}
				}
				ask(t, s.addr, method, path+"?_method=POST&body=x&status=all&relays=1", "", bearer(control))
			}
		}
	}
	after := state()
	for what, was := range before {
		if after[what] != was {
			t.Errorf("%s was\n%s\nand is\n%s", what, was, after[what])
		}
	}
	if len(after) != len(before) {
		t.Errorf("there are %d things, %d before", len(after), len(before))
	}
}

// Requests for changes that are malformed, or ask for what cannot be, are refused and change nothing.
// (Row 40.)
func TestRow40MalformedChanges(t *testing.T) {
	b := newBox(t)
	before := b.start(4)
	_, control, _ := b.tokens()
	for path, bodies := range map[string][]string{
		"/v1/stop":          {`{"now":true}`, `{"":1}`},
		"/v1/nodes":         {`{"peers":[1,77]}`, `{"peers":[0]}`, `{"peers":[-1]}`, `{"peers":[5]}`, `{"degree":-1}`, `{"degree":2147483648}`, `{"degree":9223372036854775807}`, `{"degree":77}`, `{"Peers":[1]}`},
		"/v1/nodes/remove":  {`{}`, `{"node":0}`, `{"node":-1}`, `{"node":77}`, `{"node":2147483647}`, `{"node":2147483648}`, `{"node":1.5}`, `{"node":"1"}`, `{"node":1,"node":2}`, `{"Node":1}`},
		"/v1/nodes/kill":    {`{}`, `{"nodes":null}`, `{"nodes":[0]}`, `{"nodes":[1,77]}`, `{"nodes":["1"]}`, `{"nodes":1}`, `{"nodes":[1],"nodes":[2]}`, `{"node":[1]}`},
		"/v1/nodes/pause":   {`{}`, `{"nodes":[-1]}`, `{"nodes":[1,77]}`, `{"nodes":[1.5]}`, `{"Nodes":[1]}`},
		"/v1/nodes/resume":  {`{}`, `{"nodes":[2147483648]}`, `{"nodes":[1,77]}`},
		"/v1/nodes/restart": {`{}`, `{"nodes":[0]}`, `{"nodes":[1,77]}`, `{"nodes":"all"}`},
		"/v1/faults": {`{}`, `{"rule":{}}`, `{"rule":{"loss":2}}`, `{"rule":{"loss":-1}}`, `{"rule":{"loss":1},"for_ns":-1}`, `{"rule":{"loss":1},"for_ns":9223372036854775807}`,
			`{"rule":{"loss":1,"nodes":[77]}}`, `{"rule":{"loss":1,"nodes":[2,1]}}`, `{"rule":{"loss":1,"nodes":[0]}}`, `{"rule":{"loss":1,"loss":0}}`, `{"rule":{"Loss":1}}`,
			`{"rule":{"cut":true,"groups":[[1],[1]]}}`, `{"rule":{"cut":true,"groups":[[]]}}`, `{"rule":{"cut":true,"name":"f1"}}`, `{"rule":{"cut":true,"name":"\u001b[2J"}}`,
			`{"rule":{"cut":true,"name":"../x"}}`, `{"rule":{"cut":true,"until":"2030-01-01T00:00:00Z"}}`, `{"rule":{"delay":"banana"}}`, `{"rule":{"delay":"constant:9999h"}}`, `{"rule":{"clock_ns":1,"loss":1}}`},
		"/v1/faults/clear": {`{"names":["f1"]}`, `{"names":[1]}`, `{"names":"f1"}`, `{"partitions":"yes"}`},
		"/v1/edges":        {`{}`, `{"a":1}`, `{"a":1,"b":1}`, `{"a":-1,"b":1}`, `{"a":1,"b":77}`, `{"a":77,"b":77}`},
		"/v1/edges/cut":    {`{}`, `{"a":1}`, `{"a":1,"b":1}`, `{"a":1,"b":3}`, `{"a":-1,"b":-1}`},
		"/v1/rewire":       {`{"min_peers":-1,"max_peers":-1}`, `{"min_peers":4,"max_peers":4}`, `{"min_peers":3,"max_peers":1}`, `{"min_peers":9223372036854775807,"max_peers":9223372036854775807}`, `{"min_peers":0,"max_peers":0}`, `{"seed":-1}`},
	} {
		for _, body := range append(bodies, ``, `null`, `[]`, `{`, `{} {}`, "{\"\xff\":1}", `{"banana":1}`, strings.Repeat("[", 100_000), `{"x":"`+strings.Repeat("x", 2<<20)+`"}`) {
			status, answer, _ := ask(t, b.addr(0), "POST", path, body, bearer(control))
			if status < 400 || status >= 500 {
				t.Errorf("%s %.60s: %d %.300s", path, body, status, answer)
			}
			if len(answer) > 2000 {
				t.Errorf("%s %.60s: an answer of %d bytes", path, body, len(answer))
			}
		}
	}
	after := b.view()
	if fmt.Sprintf("%+v", after.Nodes) != fmt.Sprintf("%+v", before.Nodes) {
		t.Errorf("there is %+v, before %+v", after.Nodes, before.Nodes)
	}
}

// A token is good for one network, and for one life of it. (Row 47.)
func TestRow47TokensOfOtherNetworks(t *testing.T) {
	b, c := newBox(t), newBox(t)
	b.start(2)
	c.start(2)
	_, ofB, _ := b.tokens()
	_, ofC, _ := c.tokens()
	refused := func(when, token string, by *box) {
		t.Helper()
		for _, s := range by.servers() {
			for _, header := range []map[string]string{bearer(token), bearer(token, "Gossip-Network", by.state().NetworkID)} {
				if status, answer, _ := ask(t, s.addr, "GET", s.read, "", header); status != 401 {
					t.Errorf("%s: the %s answers %d %s", when, s.name, status, answer)
				}
			}
		}
	}
	refused("the token of one network", ofB, c)
	refused("the token of the other", ofC, b)

	before := b.state().NetworkID
	b.must(0, "", "stop-network")
	b.start(2)
	refused("the token of before", ofB, b)
	_, now, _ := b.tokens()
	if now == ofB {
		t.Error("the token is the same as before")
	}
	for _, s := range b.servers() {
		if status, _, _ := ask(t, s.addr, "GET", s.read, "", bearer(now, "Gossip-Network", before)); status != 403 {
			t.Errorf("the %s takes one from before for its own: %d", s.name, status)
		}
	}
}

// Strangers that ask faster than anybody sane are told so, cannot keep out who has the token, and are
// served again when they stop. (Row 39.)
func TestRow39RequestsWithoutEnd(t *testing.T) {
	b := newBox(t)
	b.start(2)
	_, control, _ := b.tokens()
	for _, s := range b.servers() {
		begun := time.Now()
		health := fmt.Sprintf("GET /v1/health HTTP/1.1\r\nHost: %s\r\n\r\n", s.addr)
		answers := make(map[int]int)
		for answers[503] == 0 && time.Since(begun) < 20*time.Second {
			pipeline(t, s.addr, strings.Repeat(health, 3000), answers)
		}
		if answers[503] == 0 || answers[200] == 0 { // many of these are lost when it hangs up
			t.Errorf("%s: %v", s.name, answers)
		}
		if status, answer, _ := ask(t, s.addr, "GET", s.read, "", bearer(control)); status != 200 {
			t.Errorf("%s: with the token: %d %s", s.name, status, answer)
		}
		if !holds(20*time.Second, func() bool {
			status, _, _ := ask(t, s.addr, "GET", "/v1/health", "", nil)
			return status == 200
		}) {
			t.Errorf("%s does not recover", s.name)
		}
	}
}

// pipeline writes requests without waiting for answers, and counts these by status until the server
// hangs up or all are there.
func pipeline(t *testing.T, addr, requests string, answers map[int]int) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(conn, requests) // fails when the server hangs up
	in := bufio.NewReader(conn)
	for range strings.Count(requests, "\r\n\r\n") {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return
		}
		io.Copy(io.Discard, resp.Body)
		answers[resp.StatusCode]++
	}
}

// However many connections are opened and left half-open, a process keeps a bounded number of them,
// and has time for a good request. (Row 39.)
func TestRow39ConnectionsWithoutEnd(t *testing.T) {
	const many, bound = 400, 256
	b := newBox(t)
	v := b.start(2)
	_, control, _ := b.tokens()
	pids := map[string]int{"controller": v.Controller.PID, "node": v.Nodes[0].PID}
	for _, s := range b.servers() {
		var conns []net.Conn
		for i := range many {
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if i%2 == 0 {
				fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bea", s.post, s.addr)
			}
			conns = append(conns, conn)
		}
		begun := time.Now()
		if status, answer, _ := ask(t, s.addr, "GET", s.read, "", bearer(control)); status != 200 {
			t.Errorf("%s: %d %s", s.name, status, answer)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: a good request took %v", s.name, took)
		}
		closed := func() (n int) {
			for _, conn := range conns {
				conn.SetReadDeadline(time.Now().Add(time.Microsecond))
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					n++
				}
			}
			return n
		}
		if !holds(5*time.Second, func() bool { return closed() >= many-bound }) {
			t.Errorf("%s: only %d of %d connections are closed", s.name, closed(), many)
		}
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pids[s.name]))
		if err != nil && !errors.Is(err, syscall.EACCES) || len(files) > bound+64 {
			t.Errorf("%s: %d open files, %v", s.name, len(files), err)
		}
	}
}
