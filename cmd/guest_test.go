//go:build linux

package cmd_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gossipctl/node/face"
)

// token is what a guest of the network is given.
func (b *box) guestToken() string {
	b.t.Helper()
	return strings.TrimSpace(b.must(0, "", "guest-token").out)
}

// call sends a request as a guest does.
func (b *box) call(method, url, token, body string) (status int, answer string) {
	b.t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := stranger.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// A program in another language joins, is heard by all nodes, and hears what they say: values, messages, other guests.
func TestPythonGuest(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3 is needed in CI: ", err)
		}
		t.Skip("python3 is not there: the guest in examples/guest was not tried")
	}
	b := newBox(t)
	b.start(8)
	port := freePort(t)
	c := exec.Command(python, "../examples/guest/guest.py", strconv.Itoa(port), strconv.Itoa(b.base+3))
	c.Env = append(os.Environ(), "GOSSIPCTL_TOKEN="+b.guestToken())
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	defer func() {
		c.Process.Kill()
		for range lines {
		}
		c.Wait()
		if t.Failed() {
			t.Logf("the guest's stderr: %s", errs.String())
		}
	}()
	hears := func(what string) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for {
			select {
			case line, more := <-lines:
				if !more {
					t.Fatalf("the guest ended before it heard %q", what)
				}
				if strings.Contains(line, what) {
					return
				}
			case <-deadline:
				t.Fatalf("the guest has not heard %q", what)
			}
		}
	}
	shows := func(node int, what string) {
		t.Helper()
		b.until(fmt.Sprintf("node %d shows %s", node, what), func() bool {
			r := b.run(nil, "get-values", strconv.Itoa(node), "port/"+strconv.Itoa(port), "-o", "json")
			return r.code == 0 && strings.Contains(r.out, what)
		})
	}

	hears("joined http://127.0.0.1:" + strconv.Itoa(b.base+3))
	for node := 1; node <= 8; node++ {
		shows(node, "hello from Python")
	}
	io.WriteString(in, "Zürich <b>\n")
	shows(7, "rich <b>") // the ü is written as Python writes it
	b.must(0, "", "set-value", "6", "movie", "Alien")
	hears(`"Alien"`)
	b.must(0, "", "send-message", "8", "banana")
	hears(`"banana"`)
	if status, answer := b.call("POST", b.url(5)+"/gossip/", b.guestToken(), gossipOf(1, 1, 8, `"another guest"`)); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	hears("another guest")
}

// gossipOf writes a piece of gossip of a guest that does not listen.
func gossipOf(port, version, ttl int, payload string) string {
	return fmt.Sprintf(`{"uuid":"00000000-0000-4000-8000-%012d","origin":%d,"version":%d,"ttl":%d,"payload":%s}`, version, port, version, ttl, payload)
}

// The newest piece of a guest counts, whichever node hears it, and what makes no sense is refused.
func TestGuestsVersions(t *testing.T) {
	b := newBox(t)
	b.start(3)
	token := b.guestToken()
	say := func(node int, body string) (news bool) {
		t.Helper()
		status, answer := b.call("POST", b.url(node)+"/gossip/", token, body)
		if status != 200 {
			t.Fatalf("%s: %d %s", body, status, answer)
		}
		return parse[face.Answer](t, answer).News
	}
	shown := func(node int) string {
		r := b.run(nil, "get-values", strconv.Itoa(node), "port/2", "-o", "json")
		var doc struct{ Values []struct{ Value string } }
		if json.Unmarshal([]byte(r.out), &doc) != nil || len(doc.Values) != 1 {
			return ""
		}
		return parse[face.Gossip](t, doc.Values[0].Value).UUID
	}
	if !say(1, gossipOf(2, 5, 8, `"five"`)) || say(1, gossipOf(2, 5, 8, `"five"`)) {
		t.Error("the first piece is news, and once only")
	}
	b.until("node 2 knows version 5", func() bool { return strings.HasSuffix(shown(2), "005") })
	if say(2, gossipOf(2, 4, 8, `"four"`)) {
		t.Error("an older version was news")
	}
	if !say(2, gossipOf(2, 6, 1, `6`)) {
		t.Error("a newer version, told to another node, was no news")
	}
	for node := 1; node <= 3; node++ {
		b.until("all know version 6", func() bool { return strings.HasSuffix(shown(node), "006") })
	}
	if !say(2, gossipOf(2, 7, 8, `{"deep":[1,"<&>"]}`)) {
		t.Error("a newer version was no news")
	}
	b.until("node 3 knows version 7", func() bool { return strings.HasSuffix(shown(3), "007") })
	if say(3, gossipOf(b.base+2, 1, 8, `"I am node 2"`)) {
		t.Error("what a guest says in the name of a node was news")
	}

	for name, c := range map[string]struct {
		token, body string
		status      int
		says        string
	}{
		"no token":      {"", gossipOf(2, 8, 8, `1`), 401, "token"},
		"other token":   {token[1:] + "0", gossipOf(2, 8, 8, `1`), 401, "token"},
		"no JSON":       {token, `hello`, 400, "JSON"},
		"bad uuid":      {token, strings.Replace(gossipOf(2, 8, 8, `1`), "00000000-", "zz", 1), 400, "UUID"},
		"no port":       {token, gossipOf(0, 7, 8, `1`), 400, "port"},
		"version 0":     {token, gossipOf(2, 0, 8, `1`), 400, "version"},
		"ttl 0":         {token, gossipOf(2, 8, 0, `1`), 400, "ttl"},
		"no payload":    {token, strings.Replace(gossipOf(2, 8, 8, `1`), `,"payload":1`, "", 1), 400, "payload"},
		"large":         {token, gossipOf(2, 8, 8, `"`+strings.Repeat("x", face.MaxPayload)+`"`), 400, "limit"},
		"unknown field": {token, strings.Replace(gossipOf(2, 8, 8, `1`), "{", `{"x":1,`, 1), 400, "x"},
	} {
		if status, answer := b.call("POST", b.url(1)+"/gossip/", c.token, c.body); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d %s, want %d and %q", name, status, answer, c.status, c.says)
		}
	}
	for _, path := range []string{"/v1/stats", "/v1/messages", "/v1/link", "/v1/packets"} {
		for _, method := range []string{"GET", "POST"} {
			if status, answer := b.call(method, b.url(1)+path, token, `{}`); status != 401 {
				t.Errorf("%s %s opens with a guest's token: %d %s", method, path, status, answer)
			}
		}
	}
	status, answer := b.call("POST", b.url(3)+"/gossip/?pull=true", token, gossipOf(3, 1, 8, `"new here"`))
	if got := parse[face.Answer](t, answer); status != 200 || len(got.Gossip) != 1 || !strings.Contains(fmt.Sprint(parse[map[string]any](t, string(got.Gossip[0].Payload))), "<&>") {
		t.Errorf("a guest that pulls is told %d %s", status, answer)
	}
}

// A guest that answers slowly, or with errors, is told everything in the end, and holds up nobody.
func TestGuestThatStumbles(t *testing.T) {
	b := newBox(t)
	b.start(2)
	token := b.guestToken()
	heard := make(chan face.Gossip, 100)
	fails := 3
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var g face.Gossip
		if err := json.NewDecoder(r.Body).Decode(&g); err != nil || r.Header.Get("Authorization") != "" {
			t.Errorf("the guest was sent %v with token %q", err, r.Header.Get("Authorization"))
		}
		if fails > 0 { // one request at a time comes
			fails--
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		heard <- g
	}))
	defer server.Close()
	_, text, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := b.call("POST", b.url(1)+"/gossip/", token, gossipOf(port, 1, 8, `"hi"`)); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	b.must(0, "", "set-value", "2", "k", "v")
	b.must(0, "", "set-value", "2", "k", "w")
	last := ""
	for deadline := time.After(20 * time.Second); !strings.Contains(last, `"w"`); {
		select {
		case g := <-heard:
			if g.Origin == port {
				t.Errorf("the guest is told what it has said itself")
			}
			if g.Origin == b.base+2 {
				last = string(g.Payload)
			}
		case <-deadline:
			t.Fatalf("the guest has heard %s last", last)
		}
	}
	if status, answer := b.call("GET", b.url(1)+"/peers/", token, ""); status != 200 || !strings.Contains(answer, ":"+text+`"`) {
		t.Errorf("the peers are %d %s", status, answer)
	}
}

// Where the example lies is written in the documents.
func TestGuestExampleIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "http-api.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "examples/guest/guest.py") {
		t.Error("docs/http-api.md does not name examples/guest/guest.py")
	}
	code, err := os.ReadFile(filepath.Join("..", "examples", "guest", "guest.py"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(code, []byte("\n")); n > 70 {
		t.Errorf("the example has %d lines; it is to be read in one go", n)
	}
}

// freePort returns a port at which nobody listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (b *box) url(node int) string { return "http://" + b.addr(node) }

// until waits for a condition.
func (b *box) until(what string, is func() bool) {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !is(); {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("not so after 30 s: %s", what)
		}
	}
}
