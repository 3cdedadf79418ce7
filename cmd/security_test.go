//go:build linux

package cmd_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// However a name comes in, one that could be a path, or be taken for another name, is misuse and
// touches nothing. (Row 43.)
func TestRow43Names(t *testing.T) {
	b := newBox(t)
	victim := filepath.Join(b.home, "state", "victim")
	for _, folder := range []string{victim, filepath.Join(b.root(), "lab")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(victim, "state.json"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(b.home, "config.yaml")
	before := snapshot(t, filepath.Join(b.home, "state"))
	commands := [][]string{{"start-network", "-n", "1"}, {"stop-network"}, {"get-messages", "1"}, {"show-logs"}}
	for _, name := range []string{
		"..", ".", "../victim", "lab/../../victim", "/etc", victim, "lab/", "./lab", "lab/.", "lab\\..", "~", "~/x", "$HOME", "",
		".lab", "-lab", "--help", "lab ", " lab", "lab\n", "LAB", "Lab", "lab.json", "lab\x00", "lab\x00/../../victim", "%2e%2e",
		"ⅼab", "lаb", "lab\u200b", "ｌａｂ", "lab\u202e", "l\u0061\u0301b", "\xff", "con:", "*", strings.Repeat("x", 33), strings.Repeat("x", 5000),
	} {
		literal, _ := json.Marshal(name)
		if err := os.WriteFile(config, append([]byte("network: "), literal...), 0o600); err != nil {
			t.Fatal(err)
		}
		for i, args := range commands {
			if strings.Contains(name, "\xff") || i > 1 && len(name) > 3 {
				continue // JSON cannot say it; and one command more says enough
			}
			r := b.run([]string{"GOSSIPCTL_CONFIG=" + config, "GOSSIPCTL_NETWORK="}, args...)
			if r.code != 2 || !strings.Contains(r.err, "1 to 32 of a-z, 0-9 and -") {
				t.Errorf("config file %q: %v", name, r)
			}
		}
		if strings.Contains(name, "\x00") {
			continue // neither an argument nor a variable can hold it
		}
		for _, args := range commands {
			r := b.run(nil, append(args, "--network="+name)...)
			if r.code != 2 || !strings.Contains(r.err, "1 to 32 of a-z, 0-9 and -") {
				t.Errorf("--network %q: %v", name, r)
			}
		}
		if name == "" {
			continue // an empty variable is none
		}
		if r := b.run([]string{"GOSSIPCTL_NETWORK=" + name}, commands[0]...); r.code != 2 || !strings.Contains(r.err, "1 to 32 of a-z, 0-9 and -") {
			t.Errorf("variable %q: %v", name, r)
		}
	}
	if after := snapshot(t, filepath.Join(b.home, "state")); !maps.Equal(before, after) {
		t.Errorf("files were touched: %v, before %v", after, before)
	}
}

// A recorder is a server that should never be asked anything.
func recorder(t *testing.T) (addr string, visits func() int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), n.Load
}

// Requests go to the network and nowhere else, whatever the environment says. (Row 44.)
func TestRow44NoProxy(t *testing.T) {
	addr, visits := recorder(t)
	b := newBox(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "FTP_PROXY", "SOCKS_PROXY"} {
		b.env = append(b.env, name+"=http://"+addr)
	}
	b.env = append(b.env, "NO_PROXY=", "no_proxy=", "RES_OPTIONS=attempts:1", "LOCALDOMAIN=evil.example", "GODEBUG=netdns=go")
	b.start(2)
	b.must(0, "", "send-message", "1", "banana")
	b.must(0, "", "wait-message", "1.1.1")
	b.must(0, "banana", "get-messages", "2")
	b.must(0, "", "list-peers", "1")
	b.must(0, "", "show-network")
	b.must(0, "", "stop-network")
	if n := visits(); n > 0 {
		t.Errorf("the proxy got %d connections", n)
	}
}

// occupy serves on a port of the box in place of a process of a network.
func (b *box) occupy(node int, handler http.HandlerFunc) (leave func()) {
	b.t.Helper()
	l, err := net.Listen("tcp", b.addr(node))
	if err != nil {
		b.t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() { server.Serve(l); close(done) }()
	return func() { server.Close(); <-done }
}

// strangeAnswers are what somebody could say who sits on a port of a network.
func strangeAnswers(elsewhere string) map[string]http.HandlerFunc {
	say := func(status int, header, value string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			w.Write(body)
		}
	}
	jsonText := func(text string) http.HandlerFunc { return say(200, "Content-Type", "application/json", []byte(text)) }
	blanks := bytes.Repeat([]byte(" "), 1<<20)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(blanks)
	z.Close()
	bomb := bytes.Repeat(packed.Bytes(), 512) // one such file behind the other is a file again
	const when = `"sent":"2026-01-02T03:04:05Z","received":"2026-01-02T03:04:05Z"`
	return map[string]http.HandlerFunc{
		"elsewhere":       say(302, "Location", "http://"+elsewhere+"/", nil),
		"elsewhere, POST": say(307, "Location", "http://"+elsewhere+"/", nil),
		"bomb":            say(200, "Content-Encoding", "gzip", bomb),
		"without end": func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; {
				_, err = w.Write(blanks)
			}
		},
		"HTML":          say(200, "Content-Type", "text/html", []byte("<html>\x1b[2J</html>")),
		"hostile error": say(500, "Content-Type", "application/json", []byte(`{"error":{"code":"\u001b[2J","message":"\u001b]0;x\u0007\u202e","hint":"\u009b2J"}}`)),
		"nothing":       say(200, "X", "", nil),
		"null":          jsonText(`null`),
		"list":          jsonText(`[]`),
		"empty object":  jsonText(`{}`),
		"message without a way": jsonText(`{"number":1,"id":"1.1.1","origin":1,` + when + `,"arrivals":[],
			"messages":[{"number":1,"id":"1.1.1","origin":1,` + when + `,"arrivals":[]}],"more":false}`),
		"messages without end": jsonText(`{"messages":[{"number":1,"id":"1.1.1","origin":1,` + when + `,"arrivals":[{"path":[1]}]}],"more":true}`),
		"a strange network": jsonText(`{"service":"gossipctl","network":"\u001b[2J","protocol":"\u001b[2J","topology":{"kind":"\u202e"},
			"nodes":[{"id":1,"state":"dead","peers":[1,1,-1,0,2147483647]},{"id":1,"state":"\u001b[2J","exit":"\u009b"},{"id":-1,"state":"running","peers":[-1]}]}`),
		"strange peers": jsonText(`{"node":1,"peers":[{"id":-1,"addr":"\u001b[2J"},{"id":1,"addr":"evil.example:1"},{"id":2,"addr":"127.0.0.1:1"}]}`),
	}
}

// Whoever holds a port that a network wants is asked who he is; nothing he says does any harm.
// (Rows 41, 42 and 44.)
func TestRow41AskingWhoHoldsAPort(t *testing.T) {
	elsewhere, visits := recorder(t)
	b := newBox(t)
	for name, handler := range strangeAnswers(elsewhere) {
		leave := b.occupy(0, handler)
		begun := time.Now()
		r := b.run(nil, "start-network", "circular", "-n", "1")
		leave()
		if r.code != 6 || !strings.Contains(r.err, "port "+strconv.Itoa(b.base)+" is in use by") || harm(r.out+r.err) != "" {
			t.Errorf("%s: %v", name, r)
		}
		if took := time.Since(begun); took > 10*time.Second || r.memory > ownMemory()+128<<20 {
			t.Errorf("%s: took %v and %d bytes", name, took, r.memory)
		}
	}
	if n := visits(); n > 0 {
		t.Errorf("%d connections went elsewhere", n)
	}
}

// When a network was killed, anybody may take its ports. Commands that still believe in it then speak
// to a stranger; they say so, in bounded time and memory, and nothing he says does any harm.
// (Rows 41, 42 and 44.)
func TestRow41StrangersInPlaceOfANetwork(t *testing.T) {
	elsewhere, visits := recorder(t)
	b := newBox(t)
	v := b.start(2)
	if err := syscall.Kill(v.Controller.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !holds(10*time.Second, func() bool { return len(b.processes()) == 0 }) {
		t.Fatalf("left are %v", b.processes())
	}
	all := strangeAnswers(elsewhere)
	all["ways that go in circles"] = b.circles
	for name, handler := range all {
		leave := []func(){b.occupy(0, handler), b.occupy(1, handler), b.occupy(2, handler)}
		for _, args := range [][]string{
			{"get-messages", "1"}, {"send-message", "1", "x"}, {"list-peers", "1", "--depth", "3"}, {"trace-message", "1.1.1"},
			{"trace-message", "1.1.1", "--plot", filepath.Join(b.home, "x.svg")},
			{"wait-message", "1.1.1"}, {"show-network"}, {"plot-network"}, {"remove-node", "1"}, {"rewire-network"},
		} {
			begun := time.Now()
			r := b.run(nil, append(args, "--timeout=5s")...)
			if r.code > 6 || r.code == 2 || harm(r.out+r.err) != "" {
				t.Errorf("%s: %s in %v", name, harm(r.out+r.err), r)
			}
			if took := time.Since(begun); took > 20*time.Second || r.memory > ownMemory()+256<<20 {
				t.Errorf("%s: %q took %v and %d bytes", name, args, took, r.memory)
			}
		}
		for _, end := range leave {
			end()
		}
	}
	if n := visits(); n > 0 {
		t.Errorf("%d connections went elsewhere", n)
	}
}

// circles answers for a whole network in which each node has heard of every message from the other.
func (b *box) circles(w http.ResponseWriter, r *http.Request) {
	self := 1
	if r.Host == b.addr(2) {
		self = 2
	}
	switch {
	case r.URL.Path == "/v1/network":
		fmt.Fprintf(w, `{"network":%q,"protocol":"flood","topology":{"kind":"circular"},"nodes":[{"id":1,"state":"running","peers":[2]},{"id":2,"state":"running","peers":[1,9]}]}`, b.name)
	case r.URL.Path == "/v1/peers":
		fmt.Fprintf(w, `{"node":%d,"peers":[{"id":1,"addr":"127.0.0.1:1"},{"id":2,"addr":"127.0.0.1:2"},{"id":9,"addr":"127.0.0.1:9"}]}`, self)
	default:
		fmt.Fprintf(w, `{"number":1,"id":"1.1.1","origin":7,"sent":"2026-01-02T03:04:05Z","received":"1970-01-01T00:00:00Z","arrivals":[{"path":[7,%d,%d]},{"path":[-1]}]}`, 3-self, self)
	}
}
