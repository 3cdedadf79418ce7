package check

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"encoding/json"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// run makes the events of a run that keeps every guarantee: nodes that flood a full mesh over links that
// lose and repair, publish and set values while some are killed, restored from disk and cut off, heal, know of each
// other, and are read.
func run(seed uint64, nodes, messages int, c *Conditions) []trace.Event {
	rng := rand.New(rand.NewPCG(seed, 1))
	type peer struct {
		run     uint32
		order   []gossip.ID
		has     map[gossip.ID]bool
		synced  int
		seq     uint32
		pending []gossip.ID // sent to it while it was away
		down    bool
		version uint32
		values  map[string]gossip.ID // by owner and key
	}
	type line struct{ from, to gossip.NodeID }
	now := epoch
	var events []trace.Event
	say := func(e trace.Event) {
		now = now.Add(time.Duration(rng.IntN(1000)) * time.Microsecond)
		e.At = now
		events = append(events, e)
	}
	all := make([]*peer, nodes+1)
	passed := make(map[line]uint64) // to the present life, by the present life
	say(trace.Event{Kind: trace.Start})
	c.Nodes, c.Durable, c.Order, c.Converge, c.Controlled = nil, true, NoOrder, 10*time.Second, true
	c.Membership, c.DeadWithin, c.AliveWithin, c.ValuesWithin = Swim, 10*time.Second, 10*time.Second, 10*time.Second
	for id := 1; id <= nodes; id++ {
		all[id] = &peer{run: 1, has: make(map[gossip.ID]bool), values: make(map[string]gossip.ID)}
		c.Nodes = append(c.Nodes, gossip.NodeID(id))
		say(trace.Event{Kind: trace.Start, Node: gossip.NodeID(id), Run: 1})
	}
	about := func(kind trace.Kind, id gossip.NodeID, m gossip.ID) trace.Event {
		e := trace.Event{Kind: kind, Node: id, Run: all[id].run, Message: m}
		if kind == trace.Publish || kind == trace.Deliver || kind == trace.Inbox {
			e.Digest, e.Size = trace.Digest([]byte(m.String())), 100
		}
		return e
	}
	deliver := func(id gossip.NodeID, m gossip.ID) {
		say(about(trace.Deliver, id, m))
		all[id].order, all[id].has[m] = append(all[id].order, m), true
	}
	arrive := func(from, to gossip.NodeID, m gossip.ID) {
		send := about(trace.Send, from, m)
		send.Peer = to
		say(send)
		if all[to].down {
			all[to].pending = append(all[to].pending, m)
			return
		}
		passed[line{from, to}]++
		receive := about(trace.Receive, to, m)
		receive.Peer = from
		say(receive)
		if all[to].has[m] {
			drop := about(trace.Drop, to, m)
			drop.Peer, drop.Reason = from, "duplicate"
			say(drop)
			return
		}
		deliver(to, m)
	}
	member := func(at, of int, run uint32, how string) {
		if at != of && !all[at].down {
			say(trace.Event{Kind: trace.Member, Node: gossip.NodeID(at), Run: all[at].run, Peer: gossip.NodeID(of), PeerRun: run, Reason: how})
		}
	}
	value := func(kind trace.Kind, at int, key string, u gossip.ID) {
		e := about(kind, gossip.NodeID(at), u)
		e.Name, e.Digest, e.Size = key, trace.Digest([]byte(u.String())), 8
		if e.Count = uint64(u.Seq/5) % 2; e.Count > 0 {
			e.Digest, e.Size = trace.Digest(nil), 0
		}
		say(e)
	}
	set := func(owner int) {
		p := all[owner]
		p.version++
		u := gossip.UpdateID(gossip.NodeID(owner), 1, p.version) // the map is on disk: its life goes on
		key := string("ab"[p.version%2])
		say(about(trace.Publish, gossip.NodeID(owner), u))
		for at := range all {
			if at == 0 || all[at].down {
				continue
			}
			if at != owner {
				say(trace.Event{Kind: trace.Send, Node: gossip.NodeID(owner), Run: p.run, Message: u, Peer: gossip.NodeID(at)})
				say(trace.Event{Kind: trace.Receive, Node: gossip.NodeID(at), Run: all[at].run, Message: u, Peer: gossip.NodeID(owner)})
			}
			all[at].values[key+string(rune('0'+owner))] = u
			value(trace.Apply, at, key, u)
		}
	}
	for at := 1; at <= nodes; at++ {
		for of := 1; of <= nodes; of++ {
			member(at, of, 1, "alive")
		}
	}
	up := func(id gossip.NodeID) {
		p := all[id]
		p.down = false
		p.run++
		defer func() { // it comes to have what the others have, and all come to know of it
			other := all[1+int(id)%nodes]
			for _, name := range slices.Sorted(maps.Keys(other.values)) {
				if u := other.values[name]; u.Origin != id {
					p.values[name] = u
					value(trace.Apply, int(id), name[:1], u)
				}
			}
			for of := 1; of <= nodes; of++ {
				member(of, int(id), p.run, "alive")
				member(int(id), of, all[of].run, "alive")
			}
		}()
		c.Runs = map[gossip.NodeID]uint32{id: p.run}
		p.seq = 0
		keep := p.synced + rng.IntN(len(p.order)-p.synced+1)
		for _, m := range p.order[keep:] {
			delete(p.has, m)
			p.pending = append(p.pending, m)
		}
		p.order = p.order[:keep]
		say(trace.Event{Kind: trace.Start, Node: id, Run: p.run, Count: uint64(keep)})
		for other := 1; other <= nodes; other++ {
			delete(passed, line{gossip.NodeID(other), id})
			delete(passed, line{id, gossip.NodeID(other)})
		}
		for _, m := range p.pending {
			if from := gossip.NodeID(1 + int(id)%nodes); !p.has[m] && all[from].has[m] {
				arrive(from, id, m)
			}
		}
		p.pending = nil
	}
	say(trace.Event{Kind: trace.Fault, Name: "f1", Reason: "loss 0.5"})
	victim := gossip.NodeID(1 + rng.IntN(nodes))
	for k := range messages {
		id := gossip.NodeID(1 + rng.IntN(nodes))
		switch k {
		case messages / 3:
			all[victim].down = true
			say(trace.Event{Kind: trace.Kill, Node: victim, Run: all[victim].run, Reason: "killed by signal 9"})
			for at := 1; at <= nodes; at++ {
				member(at, int(victim), all[victim].run, "suspect")
				member(at, int(victim), all[victim].run, "dead")
			}
		case messages / 2:
			up(victim)
		}
		p := all[id]
		if p.down {
			continue
		}
		if k%3 == 0 {
			set(int(id))
		}
		p.seq++
		m := gossip.ID{Origin: id, Run: p.run, Seq: p.seq}
		say(about(trace.Publish, id, m))
		deliver(id, m)
		p.synced = len(p.order)
		say(trace.Event{Kind: trace.Sync, Node: id, Run: p.run, Count: uint64(p.synced)})
		say(about(trace.Accept, id, m))
		for to := 1; to <= nodes; to++ {
			if to != int(id) {
				arrive(id, gossip.NodeID(to), m)
			}
		}
	}
	say(trace.Event{Kind: trace.Heal, Name: "f1"})
	now = now.Add(15 * time.Second)
	for id := gossip.NodeID(1); int(id) <= nodes; id++ {
		for i, m := range all[id].order {
			e := about(trace.Inbox, id, m)
			e.Count = uint64(i + 1)
			say(e)
		}
		for other := gossip.NodeID(1); int(other) <= nodes; other++ {
			if other == id {
				continue
			}
			sent, heard := passed[line{id, other}], passed[line{other, id}]
			say(trace.Event{Kind: trace.Link, Node: id, Run: all[id].run, Peer: other, PeerRun: all[other].run,
				Counts: map[string]uint64{trace.CountSent: sent + 3, trace.CountPassed: sent, "lost": 3}})
			say(trace.Event{Kind: trace.Heard, Node: id, Run: all[id].run, Peer: other, PeerRun: all[other].run, Counts: map[string]uint64{trace.CountReceived: heard}})
		}
		for _, name := range slices.Sorted(maps.Keys(all[id].values)) {
			value(trace.Value, int(id), name[:1], all[id].values[name])
		}
		for of := 1; of <= nodes; of++ {
			if of != int(id) {
				say(trace.Event{Kind: trace.View, Node: id, Run: all[id].run, Peer: gossip.NodeID(of), PeerRun: all[of].run, Reason: "alive", Name: trace.Neighbour})
			}
		}
		say(trace.Event{Kind: trace.End, Node: id, Run: all[id].run, Count: uint64(len(all[id].order)),
			Counts: map[string]uint64{trace.CountValues: uint64(len(all[id].values)), trace.CountViews: uint64(nodes - 1)}})
	}
	say(trace.Event{Kind: trace.End})
	return events
}

// folder writes a run down as a live network does: a log for each node, and one for the controller.
func folder(t testing.TB, c Conditions, events []trace.Event) fstest.MapFS {
	t.Helper()
	manifest, err := json.MarshalIndent(Manifest{FileVersion: ManifestVersion, Seed: 7, Conditions: c}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{ManifestName: {Data: manifest}, EventsFolder + "/notes.txt": {Data: []byte("hello")}}
	for i := range events {
		name := NodeLog(events[i].Node)
		if belongs(&events[i], ownerControl) {
			name = ControllerName
		}
		f := files[EventsFolder+"/"+name]
		if f == nil {
			f = &fstest.MapFile{}
			files[EventsFolder+"/"+name] = f
		}
		f.Data = append(trace.AppendJSON(f.Data, &events[i]), '\n')
	}
	return files
}

func TestLawfulRunsAreValid(t *testing.T) {
	for seed := range uint64(60) {
		var c Conditions
		events := run(seed, 3+int(seed%8), 36, &c)
		if v := judge(c, events); v.Valid != True {
			t.Fatalf("seed %d: %v %+v %q", seed, v.Valid, v.Violations, v.Unknown)
		}
		m, v, err := Folder(folder(t, c, events))
		if v.Valid != True || err != nil || m.Seed != 7 {
			t.Fatalf("seed %d, from files: %v %v %+v %q", seed, err, v.Valid, v.Violations, v.Unknown)
		}
		for _, checked := range v.Checked {
			if checked.Facts == 0 && checked.Guarantee != Ordering {
				t.Errorf("seed %d: nothing of %s was checked", seed, checked.Guarantee)
			}
		}
	}
}

func BenchmarkChecker(b *testing.B) {
	var c Conditions
	events := run(1, 20, 174, &c)
	b.ReportMetric(float64(len(events)), "events/run")
	b.ReportAllocs()
	for b.Loop() {
		if v := judge(c, events); v.Valid != True {
			b.Fatal(v.Valid)
		}
	}
}
