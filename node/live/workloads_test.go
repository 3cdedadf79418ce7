package live

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/values"
	"gossipctl/workload"

	"github.com/google/go-cmp/cmp"
)

// keepers starts nodes that keep values, all of them peers of each other.
func keepers(t *testing.T, n int, change func(*Config)) []*running {
	t.Helper()
	nodes := make([]*running, n)
	listeners := make([]net.Listener, n)
	for i := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[i] = l
	}
	for i := range nodes {
		cfg := Config{ID: gossip.NodeID(i + 1), Run: 1, Seed: 1, Network: "test", NetworkID: "0123", ControlToken: control, PeerToken: peer}
		for j := range nodes {
			if j != i {
				cfg.Peers = append(cfg.Peers, api.Peer{ID: gossip.NodeID(j + 1), Addr: listeners[j].Addr().String()})
			}
		}
		if change != nil {
			change(&cfg)
		}
		nodes[i] = serveKeeper(t, cfg, listeners[i])
	}
	return nodes
}

func serveKeeper(t *testing.T, cfg Config, l net.Listener) *running {
	t.Helper()
	flood, err := protocol.New("flood", protocol.Environment{Self: cfg.ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := values.Around(flood, values.Environment{Self: cfg.ID, Run: cfg.Run, Rand: values.Generator(cfg.Seed, cfg.ID)}, values.Rules{Every: 20 * time.Millisecond})
	s, err := newServer(cfg, p, l.Addr(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, l, func() error { return nil }) }()
	shared := api.NewTransport()
	t.Cleanup(func() {
		shared.CloseIdleConnections()
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("node %d: %v", cfg.ID, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("node %d does not end", cfg.ID)
		}
	})
	addr := l.Addr().String()
	return &running{s, addr, api.NewClient(shared, "http://"+addr, "0123", control, fmt.Sprintf("node %d", cfg.ID))}
}

// picture is what a node knows, as text.
func (r *running) picture(t *testing.T) []string {
	t.Helper()
	told, err := r.client.Values(t.Context(), api.ValuesQuery{})
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, v := range told.Values {
		list = append(list, fmt.Sprintf("%d %s=%s v%d", v.Owner, v.Key, v.Value, v.Version))
	}
	return list
}

// eventually waits for something that a watcher is told of to become so.
func (r *running) eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx := deadline(t)
	for after := uint64(0); !is(); {
		answer, err := r.client.Watch(ctx, after, 50*time.Millisecond)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		after = answer.Last
	}
}

func set(t *testing.T, r *running, req api.SetValueRequest) api.SetValueAnswer {
	t.Helper()
	answer, err := r.client.SetValue(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func asText(s string) *string { return &s }

func TestAValueReachesEveryNode(t *testing.T) {
	nodes := keepers(t, 3, nil)
	set(t, nodes[0], api.SetValueRequest{Key: "colour", Value: asText("blue")})
	set(t, nodes[1], api.SetValueRequest{Key: "colour", Value: asText("red")})
	set(t, nodes[0], api.SetValueRequest{Key: "colour", Value: asText("green")})
	set(t, nodes[0], api.SetValueRequest{Key: "gone", Value: asText("x")})
	set(t, nodes[0], api.SetValueRequest{Key: "gone", Delete: true})
	want := []string{"1 colour=green v2", "2 colour=red v1"}
	for i, n := range nodes {
		n.eventually(t, fmt.Sprint("node ", i+1), func() bool {
			told, err := n.client.Values(t.Context(), api.ValuesQuery{Owner: 1, Key: "gone", All: true})
			return err == nil && len(told.Values) == 1 && told.Values[0].Deleted && cmp.Equal(want, n.picture(t))
		})
		if box, err := n.client.Inbox(t.Context(), 0, 0); err != nil || box.Messages != 0 {
			t.Errorf("updates are in the inbox: %+v, %v", box, err)
		}
	}
}

// Two nodes whose clocks are an hour apart write the same register. The last writer wins, whose clock says what it
// may, and all agree; what is older or equal changes nothing.
func TestARegisterOfWrongClocks(t *testing.T) {
	nodes := keepers(t, 3, func(cfg *Config) {
		cfg.Rules = []fault.Rule{{Name: "f1", Nodes: []gossip.NodeID{1}, Clock: time.Hour}}
	})
	agree := func(value string, owner gossip.NodeID) {
		t.Helper()
		for i, n := range nodes {
			n.eventually(t, fmt.Sprintf("node %d: %s", i+1, value), func() bool {
				told, err := n.client.Values(t.Context(), api.ValuesQuery{Key: "anything"})
				return err == nil && len(told.Values) == 1 && string(told.Values[0].Value) == value && told.Values[0].Owner == owner && told.Values[0].Register
			})
		}
	}
	first := set(t, nodes[0], api.SetValueRequest{Key: "anything", Value: asText("from the future"), Register: true})
	if ahead := time.Until(first.Updated); ahead < 59*time.Minute || ahead > 61*time.Minute {
		t.Fatalf("the clock of node 1 is ahead by %v", ahead)
	}
	agree("from the future", 1)
	// Node 2 has heard of it, so what it writes comes later, an hour's worth of clocks or not.
	set(t, nodes[1], api.SetValueRequest{Key: "anything", Value: asText("from today"), Register: true})
	agree("from today", 2)
	set(t, nodes[2], api.SetValueRequest{Key: "anything", Value: asText("again"), Register: true})
	agree("again", 3)
	// Other keys of that name, of owners who mean no register, stay their own.
	set(t, nodes[2], api.SetValueRequest{Key: "private", Value: asText("x")})
	set(t, nodes[1], api.SetValueRequest{Key: "private", Value: asText("y")})
	nodes[0].eventually(t, "private", func() bool {
		told, err := nodes[0].client.Values(t.Context(), api.ValuesQuery{Key: "private"})
		return err == nil && len(told.Values) == 2
	})
}

// Whoever watches is told of every change once and in order, waits where there is none, and is told how many it missed.
func TestWatchingValues(t *testing.T) {
	n := keepers(t, 1, nil)[0]
	ctx := deadline(t)
	told := make(chan api.WatchAnswer, 1)
	failed := make(chan error, 1)
	go func() {
		answer, err := n.client.Watch(ctx, 0, 8*time.Second)
		if err != nil {
			failed <- err
			return
		}
		told <- answer
	}()
	set(t, n, api.SetValueRequest{Key: "k", Value: asText("0")})
	select {
	case answer := <-told:
		if answer.Last != 1 || len(answer.Changes) != 1 || string(answer.Changes[0].Value) != "0" || answer.Changes[0].Updated.IsZero() || answer.Run != 1 {
			t.Errorf("%+v", answer)
		}
	case err := <-failed:
		t.Fatal(err)
	}
	const more = keptChanges + 50
	for i := range more {
		set(t, n, api.SetValueRequest{Key: "k", Value: asText(fmt.Sprint(i + 1))})
	}
	answer, err := n.client.Watch(ctx, 1, 0)
	if err != nil || answer.Missed != 50 || len(answer.Changes) != keptChanges || answer.Last != more+1 {
		t.Fatalf("%d changes, %d missed, last %d, %v", len(answer.Changes), answer.Missed, answer.Last, err)
	}
	for i, v := range answer.Changes {
		if want := fmt.Sprint(51 + i); string(v.Value) != want {
			t.Fatalf("change %d is %q, want %s", i, v.Value, want)
		}
	}
	if answer, err = n.client.Watch(ctx, answer.Last, 10*time.Millisecond); err != nil || len(answer.Changes) != 0 || answer.Missed != 0 {
		t.Errorf("%+v, %v", answer, err)
	}
	// A number of another life begins anew, and large values push out the older ones.
	large := strings.Repeat("x", values.MaxValue)
	for range 40 {
		set(t, n, api.SetValueRequest{Key: "k", Value: &large})
	}
	if answer, err = n.client.Watch(ctx, 1<<40, 0); err != nil || len(answer.Changes) == 0 || len(answer.Changes) > keptChangeBytes/len(large) || answer.Missed == 0 {
		t.Errorf("%d changes, %d missed, %v", len(answer.Changes), answer.Missed, err)
	}
}

func TestTheNewestChangeIsKept(t *testing.T) {
	var c changes
	n := keepers(t, 1, nil)[0]
	n.mu.Lock()
	defer n.mu.Unlock()
	c.add(n.node, []gossip.Applied{{ID: gossip.UpdateID(1, 1, 1), Key: "k", Value: make([]byte, 2*keptChangeBytes)}})
	if got := c.since(0); len(got.List) != 1 || got.Missed != 0 {
		t.Errorf("%d, %d", len(got.List), got.Missed)
	}
	c.add(n.node, []gossip.Applied{{ID: gossip.UpdateID(1, 1, 2), Key: "k"}})
	if got := c.since(0); len(got.List) != 1 || got.Missed != 1 || c.bytes != 1 {
		t.Errorf("%d, %d, %d bytes", len(got.List), got.Missed, c.bytes)
	}
}

// workload is how a workload at a node stands.
func (r *running) workload(t *testing.T, name string) api.WorkloadStatus {
	t.Helper()
	answer, err := r.client.Workloads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range answer.Workloads {
		if s.Name == name {
			return s
		}
	}
	return api.WorkloadStatus{}
}

func (r *running) value(t *testing.T, owner gossip.NodeID, key string) api.Value {
	t.Helper()
	told, err := r.client.Values(t.Context(), api.ValuesQuery{Owner: owner, Key: key})
	if err != nil || len(told.Values) > 1 {
		t.Fatal(err, told)
	}
	if len(told.Values) == 0 {
		return api.Value{}
	}
	return told.Values[0]
}

// A workload acts at once, and what it is told while it runs takes effect at once: another interval, another list, a
// pause, and its end.
func TestWorkloadsAtANode(t *testing.T) {
	n := keepers(t, 1, nil)[0]
	tell := func(list ...workload.Settings) {
		t.Helper()
		if err := n.client.SetWorkloads(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	hourly := workload.Settings{Name: workload.Movies, Every: time.Hour, List: []string{"Z"}, TTL: 3}
	tell(hourly)
	n.eventually(t, "the first draw", func() bool { return n.workload(t, workload.Movies).Ticks == 1 })
	if v := n.value(t, 1, "movie"); string(v.Value) != "Z" || v.Version != 1 {
		t.Errorf("%+v", v)
	}
	if next := time.Until(n.workload(t, workload.Movies).Next); next < 44*time.Minute || next > 76*time.Minute {
		t.Errorf("the next draw comes in %v", next)
	}
	tell(hourly) // again: nothing happens
	if s := n.workload(t, workload.Movies); s.Ticks != 1 {
		t.Errorf("%+v", s)
	}
	other := hourly
	other.List = []string{"M"}
	tell(other)
	n.eventually(t, "another list", func() bool { return string(n.value(t, 1, "movie").Value) == "M" })
	fast := other
	fast.Every = 10 * time.Millisecond
	tell(fast, workload.Settings{Name: workload.Counter, Every: 10 * time.Millisecond})
	n.eventually(t, "another interval", func() bool {
		return n.workload(t, workload.Movies).Ticks > 5 && n.workload(t, workload.Counter).Ticks > 5
	})
	fast.Paused = true
	tell(fast, workload.Settings{Name: workload.Counter, Every: 10 * time.Millisecond})
	paused := n.workload(t, workload.Movies)
	counted := n.workload(t, workload.Counter).Ticks
	n.eventually(t, "the counter", func() bool { return n.workload(t, workload.Counter).Ticks > counted+5 })
	if s := n.workload(t, workload.Movies); s.Ticks != paused.Ticks || !s.Paused || !s.Next.IsZero() {
		t.Errorf("a paused workload went from %d ticks to %d: %+v", paused.Ticks, s.Ticks, s)
	}
	fast.Paused = false
	tell(fast)
	n.eventually(t, "going on", func() bool { return n.workload(t, workload.Movies).Ticks > paused.Ticks })
	tell()
	last := n.value(t, 1, "movie").Version
	if answer, err := n.client.Watch(deadline(t), n.Changed(), 100*time.Millisecond); err != nil || len(answer.Changes) > 0 {
		t.Errorf("after its end it went on from version %d: %+v, %v", last, answer.Changes, err)
	}
	if s := n.workload(t, workload.Counter); s.Name != "" {
		t.Errorf("%+v", s)
	}
	counter := n.value(t, 1, "counter")
	tell(workload.Settings{Name: workload.Counter, Every: time.Hour})
	n.eventually(t, "counting on", func() bool { return n.value(t, 1, "counter").Version > counter.Version })
	if before, now := string(counter.Value), string(n.value(t, 1, "counter").Value); fmt.Sprint(len(before), before) >= fmt.Sprint(len(now), now) {
		t.Errorf("the counter went from %s to %s", before, now)
	}
}

// While a network is read to its end no node does anything by itself.
func TestAHeldNodeRests(t *testing.T) {
	n := keepers(t, 1, func(cfg *Config) {
		cfg.Workloads = []workload.Settings{{Name: workload.Counter, Every: 10 * time.Millisecond}}
	})[0]
	n.eventually(t, "the first ticks", func() bool { return n.workload(t, workload.Counter).Ticks > 2 })
	n.Hold(time.Hour)
	if _, err := n.client.Watch(deadline(t), n.Changed(), 50*time.Millisecond); err != nil { // one tick may be under way
		t.Fatal(err)
	}
	if answer, err := n.client.Watch(deadline(t), n.Changed(), 200*time.Millisecond); err != nil || len(answer.Changes) > 0 {
		t.Errorf("%d changes, %v", len(answer.Changes), err)
	}
	before := n.Changed()
	n.Hold(0)
	n.SetWorkloads([]workload.Settings{{Name: workload.Counter, Every: 20 * time.Millisecond}}) // has a look at once
	n.eventually(t, "going on", func() bool { return n.Changed() > before+2 })
}

// Nodes are born with their workloads, everybody knows everybody's favourite, and chat is in the inboxes.
func TestWorkloadsFromBirth(t *testing.T) {
	nodes := keepers(t, 3, func(cfg *Config) {
		cfg.Workloads = []workload.Settings{{Name: workload.Movies, Every: time.Hour}, {Name: workload.Chat, Every: time.Hour}}
	})
	for i, n := range nodes {
		n.eventually(t, fmt.Sprint("node ", i+1), func() bool {
			told, err := n.client.Values(t.Context(), api.ValuesQuery{Key: "movie"})
			return err == nil && len(told.Values) == 3
		})
		if box, err := n.client.Inbox(deadline(t), 3, 5*time.Second); err != nil || box.Messages != 3 {
			t.Errorf("node %d: %+v, %v", i+1, box, err)
		}
	}
}

// What a node has no room for is said where the workload is listed.
func TestAWorkloadThatCannot(t *testing.T) {
	n := keepers(t, 1, func(cfg *Config) {
		cfg.Capacity = 1
		cfg.Workloads = []workload.Settings{{Name: workload.Chat, Every: 10 * time.Millisecond}}
	})[0]
	ctx := deadline(t)
	for n.workload(t, workload.Chat).Error == "" {
		if ctx.Err() != nil {
			t.Fatal("a full inbox is no trouble")
		}
		n.client.Inbox(ctx, 5, 20*time.Millisecond) // waits
	}
	if s := n.workload(t, workload.Chat); !strings.Contains(s.Error, "inbox full") {
		t.Errorf("%+v", s)
	}
}
