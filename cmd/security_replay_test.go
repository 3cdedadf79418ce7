//go:build linux

package cmd_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/transport"
)

// eavesdropper stands between a node and its peer, passes on what they say, and keeps what the node said on its first
// connection, byte for byte.
type eavesdropper struct {
	net.Listener
	to   string
	mu   sync.Mutex
	kept []byte
	once sync.Once
	all  sync.WaitGroup
}

func listen(t *testing.T, to string) *eavesdropper {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &eavesdropper{Listener: l, to: to}
	e.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			e.all.Go(func() { e.pass(conn) })
		}
	})
	return e
}

func (e *eavesdropper) pass(conn net.Conn) {
	defer conn.Close()
	onward, err := net.Dial("tcp", e.to)
	if err != nil {
		return
	}
	defer onward.Close()
	keep := io.Discard
	e.once.Do(func() { keep = e })
	r := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			return
		}
		if strings.HasPrefix(line, "Host:") {
			line = "Host: " + e.to + "\r\n" // the node believes that its peer is here
		}
		fmt.Fprint(io.MultiWriter(onward, keep), line)
	}
	e.all.Go(func() {
		io.Copy(conn, onward)
		conn.Close()
	})
	io.Copy(io.MultiWriter(onward, keep), r)
}

func (e *eavesdropper) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept = append(e.kept, p...)
	return len(p), nil
}

func (e *eavesdropper) heard() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return bytes.Clone(e.kept)
}

// resend says to a node what somebody has said before, waits until it is read, and returns the answer.
func resend(t *testing.T, addr string, said []byte) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(said); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).CloseWrite()
	if rest, _ := io.ReadAll(r); resp.StatusCode == http.StatusSwitchingProtocols && len(rest) > 0 {
		t.Errorf("%d bytes are answered", len(rest))
	}
	return resp
}

// What was said on a link is recorded and said again, as it was and forged. Without the token of the network it is refused and
// counted; with it nothing is delivered twice or lost, though nobody repairs anything here, and the accounts still balance. (Row 51;
// there are no datagrams: all packets travel on links.)
func TestRow51ForgedAndReplayed(t *testing.T) {
	b := newBox(t)
	b.start(2, "--repair", "none")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, control, peer := b.tokens()
	spy := listen(t, b.addr(2))
	defer func() {
		spy.Close()
		b.must(0, "", "stop-network") // which ends the connections
		spy.all.Wait()
	}()
	if err := b.client(1).SetPeers(ctx, []api.Peer{{ID: 2, Addr: spy.Addr().String()}}); err != nil {
		t.Fatal(err)
	}
	sent := 0
	send := func(messages int) {
		t.Helper()
		for range messages {
			sent++
			body := fmt.Sprintf("message %d", sent)
			if _, err := b.client(1).Publish(ctx, api.PublishRequest{Body: &body}); err != nil {
				t.Fatal(err)
			}
		}
	}
	arrived := func() {
		t.Helper()
		if _, err := b.client(2).Message(ctx, gossip.ID{Origin: 1, Run: 1, Seq: uint32(sent)}, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	send(50)
	arrived()
	said := spy.heard()
	if bytes.Count(said, []byte("message ")) != 50 || !bytes.Contains(said, []byte(peer)) {
		t.Fatalf("what was heard is not what was said: %.300q", said)
	}

	for name, c := range map[string]struct {
		old, new string
		want     int
		counted  string
	}{
		"no token":        {"Bearer " + peer, "", 401, "refused_unauthorized"},
		"forged token":    {peer, strings.Repeat("0", len(peer)), 401, "refused_unauthorized"},
		"another's token": {peer, control[:len(control)-1] + "x", 401, "refused_unauthorized"},
		"another network": {transport.HeaderNetwork + ": ", transport.HeaderNetwork + ": 0", 403, "refused_wrong_network"},
	} {
		before := b.stats(ctx, 2)[2]
		forged := bytes.Replace(said, []byte(c.old), []byte(c.new), 1)
		if resp := resend(t, b.addr(2), forged); resp.StatusCode != c.want {
			t.Errorf("%s: %s", name, resp.Status)
		}
		after := b.stats(ctx, 2)[2]
		if after.Dropped[c.counted] != before.Dropped[c.counted]+1 || after.Inbox != before.Inbox || after.Received != before.Received {
			t.Errorf("%s: %+v, before %+v", name, after, before)
		}
	}

	// With the token: again and again, while the node that said it goes on.
	for range 3 {
		send(20)
		if resp := resend(t, b.addr(2), said); resp.StatusCode != http.StatusSwitchingProtocols {
			t.Error(resp.Status)
		}
		send(20)
	}
	arrived()
	var wrong []string
	if !holds(10*time.Second, func() bool { wrong = unbalanced(b.stats(ctx, 2)); return len(wrong) == 0 }) {
		t.Error(strings.Join(wrong, "\n"))
	}
	read, err := b.client(2).Read(ctx, api.ReadRequest{Status: "all"})
	if err != nil || len(read) != sent {
		t.Errorf("%d messages of %d, %v", len(read), sent, err)
	}
	for k, m := range read {
		if string(m.Body) != fmt.Sprintf("message %d", k+1) {
			t.Errorf("message %d is %q", k+1, m.Body)
		}
	}
	if s := b.stats(ctx, 2)[2]; s.Dropped["replayed"] != 150 {
		t.Errorf("replayed: %v", s.Dropped)
	}
}
