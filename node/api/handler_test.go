package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/protocol"
	"gossipctl/workload"
)

// desk is a node on a desk: no wires, one step at a time.
type desk struct {
	node  *node.Node
	peers []Peer
	rules []fault.Rule
	sent  []sending
	syncs []int // how many messages the inbox had each time
	fail  error // of Sync and Save

	changes Changes
	after   []uint64 // what Changes was asked for
	work    []WorkloadStatus
}

// sending is what one packet came to that the node wants to send.
type sending struct {
	to  gossip.NodeID
	err error // why no wire could carry it
}

func newDesk(t testing.TB, cfg node.Config) *desk {
	t.Helper()
	p, err := protocol.New("flood", protocol.Environment{Self: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ID, cfg.Run, cfg.Protocol = 1, 1, p
	return &desk{node: node.New(cfg)}
}

func (d *desk) Step(do func(now time.Time, n *node.Node) node.Effects) {
	fx := do(time.Unix(1_800_000_000, 0), d.node)
	for to, e := range fx.Envelopes() {
		_, err := gossip.AppendEnvelope(nil, e)
		d.sent = append(d.sent, sending{to, err})
	}
}
func (d *desk) Room(context.Context) error { return nil }
func (d *desk) Sync(context.Context) error {
	messages, _, _ := d.node.Size()
	d.syncs = append(d.syncs, messages)
	return d.fail
}
func (d *desk) Save(context.Context) (int, error) {
	messages, _, _ := d.node.Size()
	return messages, d.fail
}
func (d *desk) Wait(_ context.Context, ready func(n *node.Node) bool) error {
	ready(d.node)
	return nil
}
func (d *desk) SetPeers(peers []Peer) {
	d.peers = peers
	ids := make([]gossip.NodeID, len(peers))
	for i, p := range peers {
		ids[i] = p.ID
	}
	slices.Sort(ids)
	d.Step(func(now time.Time, n *node.Node) node.Effects { return n.SetPeers(now, gossip.NewPeers(ids)) })
}
func (d *desk) Wires() Wires {
	links := make([]Link, len(d.peers))
	for i, p := range d.peers {
		links[i] = Link{Peer: p, Sent: 3, Passed: 1, Drops: map[string]uint64{"queue_full": 2}}
	}
	return Wires{Links: links, Former: []Link{}, Heard: []Heard{{Peer: 2, Run: 1, Received: 5, Corrupt: 1, EarlierReceived: 4}}}
}
func (d *desk) SetFaults(rules []fault.Rule) { d.rules = rules }
func (d *desk) Faults() []fault.Rule         { return d.rules }
func (d *desk) Changes(ctx context.Context, after uint64) Changes {
	d.after = append(d.after, after)
	if d.changes.Last <= after {
		<-ctx.Done()
	}
	return d.changes
}
func (d *desk) Changed() uint64 { return d.changes.Last }
func (d *desk) SetWorkloads(list []workload.Settings) {
	d.work = nil
	for _, s := range list {
		d.work = append(d.work, WorkloadStatus{Settings: s, Ticks: 3})
	}
}
func (d *desk) Workloads() []WorkloadStatus { return d.work }

func (d *desk) routes() *http.ServeMux {
	h := Handler{Network: "test", Node: 1, Run: 1, Backend: d, Refused: func() map[Code]uint64 { return nil }}
	return h.Routes()
}

// call sends a request to the desk and reads the answer into v, where there is one.
func (d *desk) call(t testing.TB, method, path, body string, v any) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	d.routes().ServeHTTP(w, r)
	if v != nil {
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w.Code, w.Body.String()
}

// A body is what was asked for, exactly, and asked for in one way.
func TestPublishingBodies(t *testing.T) {
	for request, want := range map[string]string{
		`{"body":""}`:               "",
		`{"body_base64":""}`:        "",
		`{"body":"\u00e9\u0000"}`:   "é\x00",
		`{"body_base64":"//4A"}`:    "\xff\xfe\x00",
		`{"batch_base64":["eA=="]}`: "x",
	} {
		d := newDesk(t, node.Config{})
		var out PublishAnswer
		if status, answer := d.call(t, "POST", "/v1/messages", request, &out); status != 200 || out.Accepted != 1 {
			t.Errorf("%s: %d %s", request, status, answer)
			continue
		}
		var page ReadAnswer
		d.call(t, "POST", "/v1/messages/read", `{"status":"all"}`, &page)
		if len(page.Messages) != 1 || string(page.Messages[0].Body) != want || page.Messages[0].ID != out.ID {
			t.Errorf("%s: %+v", request, page)
		}
	}
	for _, request := range []string{
		`{}`, `{"body":null}`, `{"relays":1}`, `{"body":"x","body_base64":"eA=="}`, `{"body":"x","batch_base64":[]}`,
		`{"body_base64":"","batch_base64":["eA=="]}`, `{"body":"","body_base64":""}`,
	} {
		d := newDesk(t, node.Config{})
		if status, answer := d.call(t, "POST", "/v1/messages", request, nil); status != 400 || !strings.Contains(answer, "give one of") {
			t.Errorf("%s: %d %s", request, status, answer)
		}
		if messages, _, _ := d.node.Size(); messages != 0 {
			t.Errorf("%s: %d messages", request, messages)
		}
	}
	d := newDesk(t, node.Config{})
	var out PublishAnswer
	if status, answer := d.call(t, "POST", "/v1/messages", `{"batch_base64":[]}`, &out); status != 200 || out.Accepted != 0 || out.ID != "" {
		t.Errorf("an empty batch: %d %s", status, answer)
	}
}

// What a client asks for is what goes over the wire, also where it is empty.
func TestEmptyIsNotMissing(t *testing.T) {
	for want, req := range map[string]PublishRequest{
		`{"body_base64":""}`:           {BodyBase64: []byte{}},
		`{"batch_base64":[]}`:          {Batch: [][]byte{}},
		`{"body":"","relays":2}`:       {Body: new(string), Relays: 2},
		`{"batch_base64":["","eA=="]}`: {Batch: [][]byte{{}, {'x'}}},
	} {
		if got, err := json.Marshal(req); err != nil || string(got) != want {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
	}
}

// Every path that is there says which methods it takes, all of them, and the others are not there.
func TestNotFoundAndAllow(t *testing.T) {
	d := newDesk(t, node.Config{})
	allowed := map[string][]string{
		"/v1/health":         {"GET", "HEAD"},
		"/v1/messages":       {"POST"},
		"/v1/messages/read":  {"GET", "HEAD", "POST"}, // a message of that name could be asked for
		"/v1/messages/8.1.1": {"GET", "HEAD"},
		"/v1/inbox":          {"GET", "HEAD"},
		"/v1/peers":          {"GET", "HEAD", "PUT"},
		"/v1/stats":          {"GET", "HEAD"},
		"/v1/faults":         {"GET", "HEAD", "PUT"},
		"/metrics":           {"GET", "HEAD"},
		"/v1/packets":        {"POST"},
		"/v1/save":           {"POST"},
	}
	for path, methods := range allowed {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
			w := httptest.NewRecorder()
			d.routes().ServeHTTP(w, httptest.NewRequest(method, path, nil))
			if slices.Contains(methods, method) {
				if w.Code == http.StatusMethodNotAllowed {
					t.Errorf("%s %s: %d", method, path, w.Code)
				}
				continue
			}
			if got, want := w.Header().Get("Allow"), strings.Join(methods, ", "); w.Code != http.StatusMethodNotAllowed || got != want {
				t.Errorf("%s %s: %d, allowed are %q, want %q", method, path, w.Code, got, want)
			}
		}
	}
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/stats", "/v1/stats/", "/v1/messages/8.1.1/x", "/debug/pprof/", "/debug/vars", "/favicon.ico", "/.env", "/<script>"} {
		for _, method := range slices.Sorted(maps.Keys(map[string]bool{"GET": true, "POST": true, "OPTIONS": true})) {
			w := httptest.NewRecorder()
			d.routes().ServeHTTP(w, httptest.NewRequest(method, path, nil))
			if w.Code != http.StatusNotFound || w.Header().Get("Allow") != "" || strings.Contains(w.Body.String(), "<script>") {
				t.Errorf("%s %s: %d %v %s", method, path, w.Code, w.Header(), w.Body)
			}
		}
	}
}

// A page is bounded by all that it holds: messages that came by many long ways fill it too. (Row 38.)
func TestAPageIsBoundedByItsPaths(t *testing.T) {
	d := newDesk(t, node.Config{})
	const messages, hops = 10, 16000
	d.SetPeers([]Peer{{2, ""}, {3, ""}, {4, ""}, {5, ""}})
	route := make(gossip.Route, hops)
	for i := range route {
		route[i] = gossip.NodeID(10_000 + i)
	}
	for seq := range uint32(messages) {
		for from := range 4 { // in all, as much as is kept of one message's ways
			route[0], route[hops-1] = 9, gossip.NodeID(2+from)
			d.node.Receive(time.Unix(1_800_000_000, 0), &gossip.Envelope{
				From: gossip.NodeID(2 + from), Routes: []gossip.Route{route},
				Packet: gossip.Packet{Kind: 1, Limit: 1, Hops: 1, Messages: []gossip.Message{{ID: gossip.ID{Origin: 9, Run: 1, Seq: seq + 1}, Sent: time.Unix(1_800_000_000, 0)}}},
			})
		}
	}
	seen, after := 0, uint64(0)
	for more := true; more; {
		var page ReadAnswer
		_, answer := d.call(t, "POST", "/v1/messages/read", fmt.Sprintf(`{"status":"all","after":%d}`, after), &page)
		if len(answer) > 2<<20 {
			t.Errorf("a page of %d messages has %d bytes", len(page.Messages), len(answer))
		}
		if len(page.Messages) == 0 {
			t.Fatal("an empty page")
		}
		if copies := len(page.Messages[0].Arrivals); copies != 4 {
			t.Fatalf("%d copies", copies)
		}
		seen, after, more = seen+len(page.Messages), page.Messages[len(page.Messages)-1].Number, page.More
	}
	if seen != messages {
		t.Errorf("%d messages, want %d", seen, messages)
	}
}
