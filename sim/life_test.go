package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
)

// What waits at the door of a node that stands still comes when it goes on: packets and alarms, in order.
func TestPauseAndResume(t *testing.T) {
	w, events := pairs(t, 3, nil)
	w.Pause(2)
	w.Pause(2)
	for k := range 5 {
		w.At(time.Duration(k)*100*ms, func() { publish(t, w, 1) })
	}
	for w.Step() {
	}
	for k := range 5 {
		if has(w, 2, k) || !has(w, 3, k) {
			t.Errorf("message %d: 2 has it: %v, 3 has it: %v", k, has(w, 2, k), has(w, 3, k))
		}
	}
	if w.Quiet() || !w.Paused(2) || w.UnderWay() != 10 {
		t.Errorf("quiet %v, %d packets under way", w.Quiet(), w.UnderWay())
	}
	w.RunUntil(time.Second)
	w.Resume(2)
	w.Resume(2)
	finish(t, w)
	for k := range 5 {
		after, _, is := w.Tracks()[k].Arrived(2)
		if want := time.Second - time.Duration(k)*100*ms; !is || after != want {
			t.Errorf("message %d after %v, %v; want %v", k, after, is, want)
		}
	}
	page, _ := w.Node(2).Messages(node.Query{Status: node.All})
	for k, e := range page {
		if e.Message.ID != w.Tracks()[k].ID {
			t.Errorf("entry %d is %v", k, e.Message.ID)
		}
	}
	if got := told(*events, trace.Pause, trace.Resume); !slices.Equal(got, []string{"0s 2/1 pause  0", "1s 2/1 resume  0"}) {
		t.Errorf("%q", got)
	}
	if !w.Informed() || !w.Quiet() {
		t.Error("not at rest")
	}
}

func TestAlarmsOfAPausedNodeComeLateAndInOrder(t *testing.T) {
	var woken []string
	o := odd{wake: func(now time.Time, timer gossip.Timer, out *gossip.Outbox) {
		woken = append(woken, fmt.Sprint(timer, now.Sub(Begin)))
		if timer == 1 {
			out.Alarm(now.Add(ms), 9)
		}
	}, publish: func(_ gossip.Message, out *gossip.Outbox) {
		for k := range 4 {
			out.Alarm(Begin.Add(time.Duration(4-k)*10*ms), gossip.Timer(4-k))
		}
	}}
	w := oddWorld(2, o)
	publish(t, w, 1)
	w.At(15*ms, func() { w.Pause(1) })
	w.At(35*ms, func() { w.Resume(1) })
	finish(t, w)
	if want := []string{"1 10ms", "9 11ms", "2 35ms", "3 35ms", "4 40ms"}; !slices.Equal(woken, want) {
		t.Errorf("%q, want %q", woken, want)
	}
	if !w.Quiet() {
		t.Error("an alarm is left over")
	}
}

// The queue to a node that stands still is bounded, and what finds it full is counted; others go on.
func TestQueueToAPausedNodeIsBounded(t *testing.T) {
	w, events := pairs(t, 3, func(cfg *Config) { cfg.QueueBytes = 4000 })
	w.Pause(2)
	for range 20 {
		if _, err := w.Publish(1, make([]byte, 990), 0); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, w)
	if w.Count.Overflow != 2*16 || w.UnderWay() != 2*4 { // 5,000 bytes of each of two senders
		t.Errorf("%+v, %d under way", w.Count, w.UnderWay())
	}
	w.FinalRead()
	for _, e := range *events {
		if e.Kind == trace.Link && e.Peer == 2 && (e.Counts[DropQueueFull] != 16 || e.Counts[trace.CountInFlight] != 4) {
			t.Errorf("%d says %v", e.Node, e.Counts)
		}
		if e.Kind == trace.End && e.Node == 2 {
			t.Error("who stands still was read")
		}
	}
	w.Crash(2)
	if w.UnderWay() != 0 || w.Count.Missed != 8 || !w.Quiet() {
		t.Errorf("%+v, %d under way after its end", w.Count, w.UnderWay())
	}
	before := len(*events)
	w.FinalRead()
	for _, e := range (*events)[before:] {
		if e.Kind == trace.Link && e.Peer == 2 && (e.Counts[DropPeerDown] != 4 || e.Counts[trace.CountInFlight] != 0) {
			t.Errorf("%d says %v after the end of 2", e.Node, e.Counts)
		}
	}
}

// Who is gone misses nothing, and who comes back misses what its disk does not have.
func TestInformedOverLives(t *testing.T) {
	for _, durable := range []bool{false, true} {
		w, _ := pairs(t, 3, func(cfg *Config) { cfg.Durable = durable })
		publish(t, w, 1)
		finish(t, w)
		w.SetPlan(with(w, fault.Rule{Name: "p", Cut: true, Nodes: []gossip.NodeID{3}}))
		publish(t, w, 1)
		finish(t, w)
		if w.Informed() {
			t.Error("informed, and node 3 is cut off")
		}
		w.Crash(3)
		w.Crash(2)
		if !w.Informed() {
			t.Error("not informed, and the only node has everything")
		}
		w.Start(2)
		finish(t, w)
		if got := w.Informed(); got != durable {
			t.Errorf("durable %v: informed %v when 2 is back", durable, got)
		}
		w.Start(3)
		finish(t, w)
		if w.Informed() || has(w, 3, 0) != durable || has(w, 3, 1) {
			t.Errorf("durable %v: informed %v when 3 is back, has %v %v", durable, w.Informed(), has(w, 3, 0), has(w, 3, 1))
		}
	}
}

func TestPeersAreToldAtResume(t *testing.T) {
	w, _ := pairs(t, 3, nil)
	w.Pause(1)
	w.SetPeers(1, gossip.NewPeers([]gossip.NodeID{3}))
	w.Resume(1)
	publish(t, w, 1)
	w.Crash(3)
	finish(t, w)
	if has(w, 2, 0) {
		t.Error("node 1 still sends to 2")
	}
}

// A durable node that is killed has again exactly what it had, in the same order; after a loss of power
// it has what was synced.
func TestDurableNodesHaveItAgain(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 9))
		w, events := pairs(t, 4, func(cfg *Config) {
			cfg.Durable, cfg.SyncEvery = true, 20*ms
			cfg.Plan = &fault.Plan{Seed: seed, Latency: fault.UniformLatency(ms, 50*ms), Loss: 0.3, Duplicate: 0.2}
		})
		for range 20 {
			w.At(time.Duration(rng.IntN(400))*ms, func() { publish(t, w, gossip.NodeID(1+rng.IntN(2))) })
		}
		for !w.Idle() && w.Next() <= time.Duration(100+rng.IntN(300))*ms && w.Step() {
		}
		read := func(id gossip.NodeID) (list []string) {
			saved, _, _ := w.Node(id).Snapshot()
			for _, s := range saved {
				list = append(list, fmt.Sprint(s.Message.ID, string(s.Message.Body), s.Message.Sent, s.Route, s.Received))
			}
			return list
		}
		killed, failed := read(3), read(4)
		synced := 0
		for _, e := range *events {
			if e.Kind == trace.Sync && e.Node == 4 {
				synced = int(e.Count)
			}
		}
		w.Crash(3)
		w.PowerFail(4)
		w.Start(3)
		w.Start(4)
		if got := read(3); !slices.Equal(got, killed) {
			t.Fatalf("seed %d: had %q, has %q", seed, killed, got)
		}
		if got := read(4); !slices.Equal(got, failed[:synced]) {
			t.Fatalf("seed %d: of %q %d were synced, and there are %q", seed, failed, synced, got)
		}
		want := fmt.Sprintf("%v 3/2 start  %d", w.Now(), len(killed))
		if starts := told(*events, trace.Start); starts[len(starts)-2] != want {
			t.Errorf("seed %d: %q, want %q", seed, starts, want)
		}
		for !w.Idle() && w.Step() {
		}
		if err := w.Err(); err != nil { // nothing is delivered twice
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// A durable node says that it has a message when it is on disk, one sync for many; what was not said
// may be gone.
func TestAcceptedMeansSynced(t *testing.T) {
	w, events := pairs(t, 1, func(cfg *Config) { cfg.Durable, cfg.SyncEvery = true, 10*ms })
	for _, at := range []time.Duration{0, 4 * ms, 9 * ms, 10*ms + 1, 30 * ms} {
		w.At(at, func() { publish(t, w, 1) })
	}
	w.At(25*ms, func() { w.Pause(1); w.Resume(1) })
	w.At(35*ms, func() { w.PowerFail(1) })
	w.At(36*ms, func() { w.Start(1) })
	finish(t, w)
	want := []string{
		"0s 1/1 start  0", "10ms 1/1 sync  3", "10ms 1/1 accept  0", "10ms 1/1 accept  0", "10ms 1/1 accept  0",
		"20.000001ms 1/1 sync  4", "20.000001ms 1/1 accept  0", "35ms 1/1 kill power 0", "36ms 1/2 start  4", "36ms 1/2 sync  4",
	}
	if got := told(*events, trace.Start, trace.Sync, trace.Accept, trace.Kill); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if has(w, 1, 4) || !has(w, 1, 3) {
		t.Error("what was not synced is there, or what was is not")
	}
}

// A node that is stopped in order loses nothing, and one that stands still syncs when it goes on.
func TestSyncAtStopAndResume(t *testing.T) {
	w, events := pairs(t, 1, func(cfg *Config) { cfg.Durable, cfg.SyncEvery = true, 10*ms })
	publish(t, w, 1)
	w.At(5*ms, func() { w.Pause(1) })
	w.At(50*ms, func() { w.Resume(1) })
	w.At(60*ms, func() { publish(t, w, 1); w.Stop(1) })
	finish(t, w)
	want := []string{"0s 1/1 start  0", "50ms 1/1 sync  1", "50ms 1/1 accept  0", "60ms 1/1 sync  2", "60ms 1/1 accept  0", "60ms 1/1 stop  0"}
	if got := told(*events, trace.Start, trace.Sync, trace.Accept, trace.Stop); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// The last read tells the inbox of every live node in order, with the sums of what is in it.
func TestFinalRead(t *testing.T) {
	w, events := pairs(t, 3, nil)
	publish(t, w, 1)
	finish(t, w)
	publish(t, w, 2)
	finish(t, w)
	w.Crash(3)
	before := len(*events)
	w.FinalRead()
	var got []string
	for _, e := range (*events)[before:] {
		if e.Kind == trace.Inbox && (e.Digest != trace.Digest([]byte("banana")) || e.Size != 6) {
			t.Errorf("%+v", e)
		}
		got = append(got, fmt.Sprintf("%d/%d %s %v peer %d/%d %d %v", e.Node, e.Run, e.Kind, e.Message, e.Peer, e.PeerRun, e.Count, e.Counts))
	}
	count := func(sent, passed int) string {
		return fmt.Sprintf("map[in_flight:0 passed:%d repeated:0 sent:%d]", passed, sent)
	}
	none := gossip.ID{}
	var want []string
	for _, id := range []int{1, 2} {
		want = append(want, fmt.Sprintf("%d/1 inbox 1.1.1 peer 0/0 1 map[]", id), fmt.Sprintf("%d/1 inbox 2.1.1 peer 0/0 2 map[]", id))
		for _, peer := range []int{1, 2, 3} {
			if peer != id {
				want = append(want, fmt.Sprintf("%d/1 link %v peer %d/1 0 %s", id, none, peer, count(2, 2)))
			}
		}
		for _, peer := range []int{1, 2, 3} {
			if peer != id {
				want = append(want, fmt.Sprintf("%d/1 heard %v peer %d/1 0 map[corrupt:0 received:2]", id, none, peer))
			}
		}
		want = append(want, fmt.Sprintf("%d/1 end %v peer 0/0 2 map[]", id, none))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}
