package live

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
)

// do sends a request as a stranger would write it.
func do(t *testing.T, addr, method, path, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	return resp, string(answer)
}

const jsonType = "application/json"

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token, "Content-Type": jsonType}
}

func with(header map[string]string, name, value string) map[string]string {
	header[name] = value
	return header
}

// Whoever comes from a web page, another host name or without the token gets nothing, on any path,
// and changes nothing. (Rows 45, 46, 47 of the fault matrix.)
func TestTheGuard(t *testing.T) {
	n := start(t, 1)[0]
	_, port, _ := net.SplitHostPort(n.addr)
	const send, publish = "/v1/messages", `{"body":"x"}`
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		want         int
	}{
		"good":                      {"POST", send, bearer(control), 200},
		"localhost":                 {"POST", send, with(bearer(control), "Host", "localhost:"+port), 200},
		"ipv6 name":                 {"POST", send, with(bearer(control), "Host", "[::1]:"+port), 200},
		"rebound name":              {"POST", send, with(bearer(control), "Host", "evil.example:"+port), 421},
		"rebound, health":           {"GET", "/v1/health", map[string]string{"Host": "evil.example"}, 421},
		"rebound, link":             {"POST", "/v1/link", with(bearer(peer), "Host", "evil.example"), 421},
		"rebound, nothing there":    {"GET", "/nothing", with(bearer(control), "Host", "evil.example"), 421},
		"0.0.0.0":                   {"POST", send, with(bearer(control), "Host", "0.0.0.0:"+port), 421},
		"subdomain":                 {"POST", send, with(bearer(control), "Host", "localhost.evil.com:"+port), 421},
		"other port":                {"POST", send, with(bearer(control), "Host", "127.0.0.1:1"), 421},
		"no port":                   {"POST", send, with(bearer(control), "Host", "127.0.0.1"), 421},
		"cross-site page":           {"POST", send, with(bearer(control), "Origin", "https://evil.example"), 403},
		"page on another port":      {"POST", send, with(bearer(control), "Origin", "http://127.0.0.1:1"), 403},
		"sandboxed page":            {"POST", send, with(bearer(control), "Origin", "null"), 403},
		"own origin over https":     {"POST", send, with(bearer(control), "Origin", "https://127.0.0.1:"+port), 403},
		"cross-site by metadata":    {"POST", send, with(bearer(control), "Sec-Fetch-Site", "cross-site"), 403},
		"same-site by metadata":     {"POST", send, with(bearer(control), "Sec-Fetch-Site", "same-site"), 403},
		"cross-site GET":            {"GET", "/v1/stats", with(bearer(control), "Origin", "https://evil.example"), 403},
		"form":                      {"POST", send, with(bearer(control), "Content-Type", "text/plain"), 415},
		"urlencoded":                {"POST", send, with(bearer(control), "Content-Type", "application/x-www-form-urlencoded"), 415},
		"no token":                  {"POST", send, map[string]string{"Content-Type": jsonType}, 401},
		"no token, stats":           {"GET", "/v1/stats", nil, 401},
		"no token, nothing there":   {"GET", "/nothing", nil, 401},
		"wrong token":               {"POST", send, bearer("x"), 401},
		"empty token":               {"POST", send, bearer(""), 401},
		"token without its word":    {"POST", send, map[string]string{"Authorization": control}, 401},
		"a peer's token":            {"POST", send, bearer(peer), 401},
		"a peer's token, set peers": {"PUT", "/v1/peers", bearer(peer), 401},
		"a peer's token, save":      {"POST", "/v1/save", bearer(peer), 401},
		"no token, save":            {"POST", "/v1/save", nil, 401},
		"a peer's token, packets":   {"POST", "/v1/packets", bearer(peer), 400},
		"no token, link":            {"POST", "/v1/link", nil, 401},
		"wrong network":             {"POST", send, with(bearer(control), "Gossip-Network", "ffff"), 403},
		"health needs no token":     {"GET", "/v1/health", nil, 200},
		"health is only read":       {"POST", "/v1/health", nil, 401},
		"nothing there":             {"GET", "/nothing", bearer(control), 404},
		"GET changes nothing":       {"GET", "/v1/messages/read", bearer(control), 400},
		"wrong method says which":   {"DELETE", send, bearer(control), 405},
		"peers by POST":             {"POST", "/v1/peers", bearer(control), 405},
		"path traversal":            {"GET", "/v1/messages/..%2f..%2fetc", bearer(control), 400},
	} {
		body := publish
		if c.method == "GET" {
			body = ""
		}
		resp, answer := do(t, n.addr, c.method, c.path, body, c.header)
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d: %s", name, resp.StatusCode, c.want, answer)
		}
		if strings.Contains(answer, control) || strings.Contains(answer, peer) {
			t.Errorf("%s: the answer tells a token", name)
		}
		if resp.StatusCode == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s: no Allow header", name)
		}
	}
	stats, err := n.client.Stats(deadline(t))
	if err != nil || stats.Published != 3 {
		t.Errorf("%d messages published, want those of the 3 good requests, %v", stats.Published, err)
	}
	for _, reason := range []string{"refused_wrong_host", "refused_forbidden", "refused_unauthorized", "refused_wrong_network"} {
		if stats.Dropped[reason] == 0 {
			t.Errorf("%s was not counted: %v", reason, stats.Dropped)
		}
	}
}

// Requests that are not exactly one well-formed object of known fields are refused by name and
// change nothing. (Row 40.)
func TestMalformedRequests(t *testing.T) {
	n := start(t, 1)[0]
	for name, c := range map[string]struct {
		body, says string
	}{
		"nothing":          {``, "JSON object"},
		"null":             {`null`, "JSON object"},
		"array":            {`[]`, "JSON object"},
		"cut short":        {`{"body":"x"`, ""},
		"trailing":         {`{"body":"x"} {"body":"y"}`, "follows"},
		"unknown field":    {`{"body":"x","banana":1}`, "banana"},
		"twice":            {`{"body":"x","body":"y"}`, "twice"},
		"letter case":      {`{"Body":"x"}`, "Body"},
		"wrong type":       {`{"body":7}`, "body"},
		"bad base64":       {`{"body_base64":"***"}`, "base64"},
		"relays too large": {`{"body":"x","relays":1001}`, "relay limit"},
		"relays negative":  {`{"body":"x","relays":-1}`, "relay limit"},
		"two bodies":       {`{"body":"x","body_base64":"eA=="}`, "one of"},
		"huge number":      {`{"body":"x","relays":1e999}`, "relays"},
		"deep":             {`{"body":` + strings.Repeat("[", 100_000), ""},
	} {
		resp, answer := do(t, n.addr, "POST", "/v1/messages", c.body, bearer(control))
		if resp.StatusCode != 400 || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, answer)
		}
	}
	if stats, err := n.client.Stats(deadline(t)); err != nil || stats.Published != 0 {
		t.Errorf("%d messages published, %v", stats.Published, err)
	}
}

// Ten megabytes are refused without being kept. (Row 34.)
func TestOversizedRequests(t *testing.T) {
	n := start(t, 1)[0]
	large := `{"body":"` + strings.Repeat("x", 10_000_000) + `"}`
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	resp, answer := do(t, n.addr, "POST", "/v1/messages", large, bearer(control))
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(large)
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("%d bytes are kept", grown)
	}
	resp, answer = do(t, n.addr, "POST", "/v1/messages", `{"body":"`+strings.Repeat("x", gossip.MaxBody+1)+`"}`, bearer(control))
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(answer, "65536") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	resp, _ = do(t, n.addr, "GET", "/v1/stats", "", with(bearer(control), "X-Long", strings.Repeat("x", 64<<10)))
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("long header: %d", resp.StatusCode)
	}
}

// A thousand half-open requests keep nobody out, and are gone after the header's time. (Row 39.)
func TestHalfOpenRequests(t *testing.T) {
	n := start(t, 1)[0]
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range 1000 {
		c, err := net.Dial("tcp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /v1/messages HTTP/1.1\r\nHost: ")
		conns = append(conns, c)
	}
	begun := time.Now()
	if _, err := n.client.Health(deadline(t)); err != nil {
		t.Errorf("a good request among half-open ones: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("a good request took %v", took)
	}
	// The newest are within the bound, and end by their time.
	last := conns[len(conns)-1]
	last.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, last); err != nil {
		t.Errorf("a half-open request is kept: %v", err)
	}
}

// A full inbox says so with its own status. (Row 38.)
func TestAFullInboxIs429(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := serveNode(t, Config{ID: 1, Capacity: 2}, l)
	ctx := deadline(t)
	_, err = n.client.Publish(ctx, api.PublishRequest{Batch: [][]byte{{1}, {2}, {3}}})
	if api.CodeOf(err) != api.CodeInboxFull || !strings.Contains(err.Error(), "inbox full (2 messages); the message was not sent; 2 messages before it were") {
		t.Errorf("%v", err)
	}
	resp, _ := do(t, n.addr, "POST", "/v1/messages", `{"body":"x"}`, bearer(control))
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// Whatever bytes a link carries, the node lives on.
func TestGarbageOnALink(t *testing.T) {
	n := start(t, 1)[0]
	for i, garbage := range [][]byte{
		{0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 1, 0}, bytes.Repeat([]byte{0}, 4096), []byte("GET / HTTP/1.1\r\n\r\n"), {0, 0, 0, 9, 1, 2, 3},
	} {
		conn, err := net.Dial("tcp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /v1/link HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nGossip-From: %d\r\nGossip-Life: 1-00000000000000ff\r\nGossip-Frames: 0 0\r\nConnection: Upgrade\r\nUpgrade: gossip/3\r\nContent-Length: 0\r\n\r\n", n.addr, peer, i+2)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, %v", resp, err)
		}
		conn.Write(garbage)
		conn.Close()
	}
	if _, err := n.client.Stats(deadline(t)); err != nil {
		t.Error(err)
	}
}
