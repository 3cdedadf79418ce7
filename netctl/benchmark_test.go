package netctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/topology"

	"github.com/google/go-cmp/cmp"
)

func TestLoadIsChecked(t *testing.T) {
	good := Load{Single: DefaultSingle, Burst: DefaultBurst, Size: DefaultSize, Senders: DefaultSenders, Relays: 1}
	if err := good.check(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	for name, change := range map[string]func(l *Load){
		"single":   func(l *Load) { l.Single = -1 },
		"burst":    func(l *Load) { l.Burst = -1 },
		"nothing":  func(l *Load) { l.Single, l.Burst = 0, 0 },
		"negative": func(l *Load) { l.Size = -1 },
		"huge":     func(l *Load) { l.Size = gossip.MaxBody + 1 },
		"senders":  func(l *Load) { l.Senders = -1 },
		"relays":   func(l *Load) { l.Relays = 0 },
		"relays +": func(l *Load) { l.Relays = gossip.MaxRelays + 1 },
	} {
		l := good
		change(&l)
		if err := l.check(); api.CodeOf(err) != api.CodeUsage {
			t.Errorf("%s: %v, want a usage error", name, err)
		}
	}
}

func TestLatency(t *testing.T) {
	var values []time.Duration
	for i := range 200 {
		values = append(values, time.Duration(200-i)*time.Millisecond)
	}
	want := Latency{P50: 100 * time.Millisecond, P99: 198 * time.Millisecond, Max: 200 * time.Millisecond}
	if got := newLatency(values); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := newLatency(nil); got != (Latency{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestFarthestFirst(t *testing.T) {
	g, err := topology.Generate(topology.Request{Kind: "circular", Nodes: 6})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]gossip.NodeID{5, 4, 6, 1, 3, 2}, farthestFirst(g, 2)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBatchFitsARequest(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, DefaultSize, 1000, 4096, gossip.MaxBody - 1, gossip.MaxBody} {
		n := batch(size)
		req := api.PublishRequest{Batch: make([][]byte, n), Relays: gossip.MaxRelays}
		for i := range req.Batch {
			req.Batch[i] = make([]byte, size)
		}
		data, err := json.Marshal(req)
		if err != nil || n < 1 || n > batchMost || len(data) > api.MaxRequest {
			t.Errorf("size %d: %d messages make %d bytes, error %v", size, n, len(data), err)
		}
	}
}

// moment is when the bursts of the tests begin.
var moment = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func inboxAt(last uint64, after time.Duration) api.Inbox {
	return api.Inbox{Last: last, Newest: moment.Add(after)}
}

func TestDeliveries(t *testing.T) {
	before := []api.Stats{{Inbox: inboxAt(7, -time.Hour)}, {Inbox: inboxAt(0, 0)}, {Inbox: inboxAt(50, -time.Hour)}, {Inbox: inboxAt(9, -time.Hour)}}
	reached := []api.Stats{
		{Inbox: inboxAt(107, 2*time.Second)},
		{Inbox: inboxAt(90, time.Second)},    // lacks ten
		{Inbox: inboxAt(160, 4*time.Second)}, // ten are not of the burst
		{Inbox: inboxAt(3, time.Minute)},     // was started anew meanwhile
	}
	r := Burst{Messages: 100}
	r.deliveries(moment, before, reached)
	if r.Deliveries != 290 || r.Missing != 110 || r.Took != 4*time.Second {
		t.Errorf("%d deliveries, %d missing, took %v; want 290, 110, 4s", r.Deliveries, r.Missing, r.Took)
	}
	if got := r.PerSecond(); got != 72.5 {
		t.Errorf("%v a second, want 72.5", got)
	}
	still := Burst{Messages: 1, Deliveries: 1}
	if got := still.PerSecond(); got != 0 {
		t.Errorf("%v a second in no time; JSON has no infinity", got)
	}
}

func TestCounters(t *testing.T) {
	before := []api.Stats{
		{Published: 5, Delivered: 10, Sent: 20, Received: 30, HeapBytes: 100, Dropped: map[string]uint64{"expired": 4}},
		{Published: 0, Delivered: 10, Sent: 0, Received: 10, HeapBytes: 300, Dropped: map[string]uint64{"queue_full": 1}},
	}
	after := []api.Stats{
		{Published: 15, Delivered: 20, Sent: 40, Received: 40, HeapBytes: 1000, Dropped: map[string]uint64{"expired": 4, "queue_full": 2}},
		{Published: 2, Delivered: 22, Sent: 10, Received: 30, HeapBytes: 3000, Dropped: map[string]uint64{"queue_full": 4}},
	}
	r := Burst{Messages: 10}
	r.counters(before, after)
	want := Burst{
		Messages: 10, Packets: 30, Redundancy: 2, Foreign: 2, HeapBefore: 200, HeapAfter: 2000,
		Dropped: map[string]uint64{"queue_full": 5},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// fakeNode answers a path such as "GET /v1/stats" by what stands for it.
func fakeNode(t *testing.T, answers map[string]func(r *http.Request) (any, error)) *api.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.Method+" "+r.URL.Path]
		if !known {
			t.Errorf("asked for %s %s", r.Method, r.URL.Path)
			http.NotFound(w, r)
			return
		}
		v, err := answer(r)
		if err != nil {
			api.WriteError(w, err)
			return
		}
		api.WriteJSON(w, v)
	}))
	t.Cleanup(server.Close)
	shared := api.NewTransport()
	t.Cleanup(shared.CloseIdleConnections)
	return api.NewClient(shared, server.URL, "", "", "node 1")
}

// A batch may be taken in half before a node is busy; what is left of it, and no more, is sent again.
func TestSenderRetriesWhenBusy(t *testing.T) {
	const already, share = 40, 100
	taken, busy, largest := 0, 0, 0
	client := fakeNode(t, map[string]func(r *http.Request) (any, error){
		"POST /v1/messages": func(r *http.Request) (any, error) {
			req, err := api.ReadPublish(httptest.NewRecorder(), r)
			if err != nil {
				return nil, err
			}
			largest = max(largest, len(req.Batch))
			if taken > 0 && busy < 2 {
				busy++
				taken += 3
				return nil, api.NewError(api.CodeBusy, "the node's queues are full", "")
			}
			taken += len(req.Batch)
			return api.PublishAnswer{ID: "1.1.41", Origin: 1, Sent: moment, Accepted: len(req.Batch)}, nil
		},
		"GET /v1/stats": func(*http.Request) (any, error) { return api.Stats{Published: uint64(already + taken)}, nil },
	})
	done := 0
	s := sender{client: client, bodies: make([][]byte, 30), published: already, done: func(n int) { done += n }}
	if err := s.send(t.Context(), share); err != nil {
		t.Fatal(err)
	}
	if taken != share || done != share || s.retries != 2 || !s.first.Equal(moment) || largest != 30 {
		t.Errorf("%d taken in, %d told, %d retries, first at %v, largest batch %d", taken, done, s.retries, s.first, largest)
	}
}

func TestSenderGivesUp(t *testing.T) {
	asked := 0
	client := fakeNode(t, map[string]func(r *http.Request) (any, error){
		"POST /v1/messages": func(*http.Request) (any, error) {
			asked++
			return nil, api.NewError(api.CodeInboxFull, "inbox full", "")
		},
	})
	s := sender{client: client, bodies: make([][]byte, 3), done: func(int) {}}
	if err := s.send(t.Context(), 10); api.CodeOf(err) != api.CodeInboxFull || asked != 1 {
		t.Errorf("%v after %d requests", err, asked)
	}
}

// slowly is a benchmark of one node that gains messages with every look at its counters, up to most.
func slowly(t *testing.T, most uint64) (b *Benchmark, looks *int) {
	var last uint64
	looks = new(int)
	client := fakeNode(t, map[string]func(r *http.Request) (any, error){
		"GET /v1/inbox": func(r *http.Request) (any, error) {
			if r.URL.Query().Get("wait_ms") != fmt.Sprint(standstill.Milliseconds()) {
				t.Errorf("asked with %s", r.URL.RawQuery)
			}
			return api.Inbox{Last: last}, nil
		},
		"GET /v1/stats": func(*http.Request) (any, error) {
			*looks++
			last = min(last+10, most)
			return api.Stats{Delivered: last, Inbox: api.Inbox{Last: last}}, nil
		},
	})
	return &Benchmark{Nodes: []gossip.NodeID{1}, clients: map[gossip.NodeID]*api.Client{1: client}, gone: make(map[gossip.NodeID]error), Load: Load{Burst: 50}}, looks
}

func TestSettleGoesOnWhileSomethingMoves(t *testing.T) {
	b, looks := slowly(t, 1000)
	if err := b.settle(t.Context(), make([]api.Stats, 1)); err != nil || *looks != 5 {
		t.Errorf("settled after %d looks, error %v; want 5", *looks, err)
	}
}

func TestSettleEndsAtAStandstill(t *testing.T) {
	b, looks := slowly(t, 30)
	if err := b.settle(t.Context(), make([]api.Stats, 1)); err != nil || *looks != 4 {
		t.Errorf("settled after %d looks, error %v; want 4, the last without news", *looks, err)
	}
}

func TestCalmWaitsForTheCounters(t *testing.T) {
	b, looks := slowly(t, 0)
	counts := []uint64{5, 9, 9}
	b.clients[1] = fakeNode(t, map[string]func(r *http.Request) (any, error){
		"GET /v1/stats": func(*http.Request) (any, error) {
			*looks++
			return api.Stats{Sent: counts[min(*looks, len(counts))-1]}, nil
		},
	})
	stats, err := b.calm(t.Context(), nil)
	if err != nil || *looks != 3 || stats[0].Sent != 9 {
		t.Errorf("calm after %d looks with %+v, error %v", *looks, stats, err)
	}
}

func TestLookKeepsWhatAGoneNodeHasSaid(t *testing.T) {
	b, looks := slowly(t, 1000)
	first, err := b.look(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.clients[1] = fakeNode(t, map[string]func(r *http.Request) (any, error){
		"GET /v1/stats": func(*http.Request) (any, error) {
			*looks++
			return nil, api.NewError(api.CodeFailed, "broken", "")
		},
	})
	for range 2 {
		again, err := b.look(t.Context(), first)
		if diff := cmp.Diff(first, again); err != nil || diff != "" {
			t.Errorf("error %v (-want +got)\n%s", err, diff)
		}
	}
	if *looks != 2 || b.gone[1] == nil {
		t.Errorf("asked %d times; want 2, not again after it failed", *looks)
	}
	clear(b.gone)
	if _, err := b.look(t.Context(), nil); err == nil {
		t.Error("a first look without an answer is a success")
	}
}

// possible is asked about inboxes before anything is sent.
func TestBenchmarkNeedsRoom(t *testing.T) {
	for _, c := range []struct {
		box    api.Inbox
		told   string
		burst  int
		enough bool
	}{
		{box: api.Inbox{Room: WarmUps + 100, RoomBytes: 1 << 20}, burst: 100, enough: true},
		{box: api.Inbox{Room: WarmUps + 99, RoomBytes: 1 << 20}, burst: 100, told: "node 1 has room for 104"},
		{box: api.Inbox{Room: 1000, RoomBytes: 1049}, burst: 100, told: "1049 bytes"},
		{box: api.Inbox{Room: 1000, RoomBytes: 1050}, burst: 100, enough: true},
	} {
		client := fakeNode(t, map[string]func(r *http.Request) (any, error){"GET /v1/inbox": func(*http.Request) (any, error) { return c.box, nil }})
		b := &Benchmark{Nodes: []gossip.NodeID{1}, clients: map[gossip.NodeID]*api.Client{1: client}, graph: topology.New(1), Load: Load{Burst: c.burst, Size: 10}}
		err := b.possible(t.Context())
		if c.enough && (err != nil || b.Load.Senders != 1) {
			t.Errorf("%+v is refused: %v", c.box, err)
		}
		if !c.enough && (api.CodeOf(err) != api.CodeUsage || !strings.Contains(err.Error(), c.told)) {
			t.Errorf("%+v: %v", c.box, err)
		}
	}
	b := &Benchmark{Nodes: []gossip.NodeID{1, 2}, graph: topology.New(2), Load: Load{Burst: 1}}
	if err := b.possible(t.Context()); api.CodeOf(err) != api.CodeUsage || !strings.Contains(err.Error(), "2 parts") {
		t.Errorf("a network in two parts: %v", err)
	}
}

// follow must tell a message that is lost from one that was given too little time.
func TestFollow(t *testing.T) {
	has := map[gossip.NodeID]bool{1: true, 2: true}
	b := &Benchmark{graph: topology.New(3), clients: make(map[gossip.NodeID]*api.Client), Load: Load{Timeout: time.Minute}}
	b.graph.AddEdge(1, 2)
	b.graph.AddEdge(2, 3)
	var asked []gossip.NodeID
	for _, id := range []gossip.NodeID{1, 2, 3} {
		b.clients[id] = fakeNode(t, map[string]func(r *http.Request) (any, error){
			"GET /v1/messages/1.1.1": func(*http.Request) (any, error) {
				if id == 3 {
					asked = append(asked, id)
				}
				if !has[id] {
					return nil, api.NewError(api.CodeNotFound, "not here", "")
				}
				return api.Message{Number: 1, ID: "1.1.1", Received: moment, Arrivals: []api.Arrival{{Path: gossip.Route{1, id}}}}, nil
			},
		})
	}
	id := gossip.ID{Origin: 1, Run: 1, Seq: 1}
	for _, c := range []struct {
		left             time.Duration
		third            bool
		records, askings int
		wantTimedOut     bool
	}{
		{left: time.Minute, third: true, records: 3, askings: 1},
		{left: time.Minute, records: 2, askings: 3}, // alone, with the others, and again since they had news
		{left: -1, records: 2, askings: 2, wantTimedOut: true},
	} {
		has[3], asked = c.third, nil
		records, timedOut, err := b.follow(context.Background(), id, time.Now().Add(c.left))
		if err != nil || len(records) != c.records || len(asked) != c.askings || timedOut != c.wantTimedOut {
			t.Errorf("%+v: %d records, %d askings, timed out %v, error %v", c, len(records), len(asked), timedOut, err)
		}
	}
}
