package protocol_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

var (
	oneSeed = flag.Int64("seed", -1, "try the laws with this seed only")
	seeds   = flag.Int64("seeds", 200, "how many seeds to try the laws with; even ones calm, odd ones rough")
)

// promises is the share of deliveries that each protocol owes on a connected network without loss,
// over all calm seeds together. A new protocol states its own here; chance lowers it, nothing else does.
var promises = map[string]float64{
	"flood":            1,
	"push":             0.99,
	"pull":             0.99,
	"push-pull":        0.99,
	"median-counter":   0.98,
	"quasirandom":      1,
	"mongering":        1,
	"push-ack":         0.95,
	"transmit-limited": 0.9,
	"plumtree":         1,
	"rumor":            0.93,
	"anti-entropy":     1,
	"gossipsub":        1,
}

// content are protocols that send nobody a message once everybody has everything, though they would hand
// out what they hold to whoever came. That is rest for them, and a trial need not go on for a minute.
var content = map[string]bool{"anti-entropy": true}

// TestLaws tries what every protocol must keep, whatever it is:
//
//  1. A message is delivered at most once at a node.
//  2. Packets are sent to current peers only.
//  3. Nothing is delivered that was not published.
//  4. On a connected network without loss everybody delivers, or the share that is promised.
//  5. Work ends: some time after the last message nothing but periodic timers is left.
//  6. The same seed gives the same events.
//  7. Nothing in an answer is shared with the machine that gave it.
//  8. No packet panics or causes sends without bound: see [FuzzReceive].
//  9. Once nobody is infective and nothing is under way, no message is sent any more. With those that
//     are content that begins when nobody lacks anything.
func TestLaws(t *testing.T) {
	for _, kind := range protocol.Table() {
		lawful(t, kind, *seeds)
	}
	for _, kind := range protocol.Table() { // what repair adds breaks none of them, and reaches everybody
		lawful(t, repairedKind(kind), max(1, *seeds/10))
	}
}

// lawful tries the laws with one protocol.
func lawful(t *testing.T, kind protocol.Kind, seeds int64) {
	t.Run(kind.Name, func(t *testing.T) {
		t.Parallel()
		promise, stated := promises[kind.Name]
		if strings.HasSuffix(kind.Name, repairedSuffix) {
			promise, stated = 1, true
		}
		if !stated {
			t.Fatalf("state in promises which share of nodes %s reaches without loss", kind.Name)
		}
		first, last := int64(0), seeds
		if *oneSeed >= 0 {
			first, last = *oneSeed, *oneSeed+1
		}
		owed, done := 0, 0
		for seed := first; seed < last; seed++ {
			tr := try(kind, uint64(seed), promise)
			if !tr.rough {
				owed, done = owed+tr.owed, done+tr.done
			}
			if len(tr.complaints) > 0 {
				if *oneSeed >= 0 {
					t.Log(tr)
				}
				t.Fatalf("%s\nto see it all: go test ./protocol -run 'TestLaws/^%s$' -seed %d",
					strings.Join(tr.complaints, "\n"), kind.Name, seed)
			}
		}
		if float64(done) < promise*float64(owed) {
			t.Errorf("law 4: %d of %d deliveries, promised are %v", done, owed, promise)
		}
	})
}

// try runs the trial of one seed twice and returns the first with all complaints.
func try(kind protocol.Kind, seed uint64, promise float64) *trial {
	tr, again := newTrial(kind, seed), newTrial(kind, seed)
	tr.run()
	again.run()
	if !slices.Equal(tr.log, again.log) {
		at := 0
		for at < min(len(tr.log), len(again.log)) && tr.log[at] == again.log[at] {
			at++
		}
		tr.complain(fmt.Sprintf("law 6: from event %d on, two runs differ:\n%s\nand again:\n%s", at+1,
			strings.Join(tr.log[at:min(at+3, len(tr.log))], "\n"), strings.Join(again.log[at:min(at+3, len(again.log))], "\n")))
	}
	if !tr.rough && promise == 1 && tr.done < tr.owed {
		tr.complain(fmt.Sprintf("law 4: %d of %d deliveries", tr.done, tr.owed))
	}
	return tr
}

// Times of a trial, in its own clock.
const (
	lastWord = time.Second // by when everything is published and every edge changed
	patience = time.Minute // by when the work must have ended
	stillFor = 20 * time.Second
	rest     = 2 * time.Second // how long a network that says it is at rest is watched
)

// trial is one random network with its weather and what happens to it, all drawn from one seed.
type trial struct {
	rough      bool // packets are lost and repeated, edges come and go, settings are odd
	endless    bool // the settings say that messages are passed on for ever
	content    bool // see content
	graph      graph
	settings   map[string]string
	world      *world
	plans      []plan
	published  map[gossip.ID][]byte
	complaints []string
	log        []string // every event, in order
	lastCargo  time.Time
	owed, done int // deliveries
}

// plan is something that will happen at a moment.
type plan struct {
	at   time.Time
	what func()
}

func newTrial(kind protocol.Kind, seed uint64) *trial {
	rng := rand.New(rand.NewPCG(seed, 0))
	tr := &trial{rough: seed%2 == 1, published: make(map[gossip.ID][]byte), settings: make(map[string]string)}
	n := 1 + rng.IntN(16)
	tr.graph = scattered(rng, n, rng.IntN(n))
	if tr.rough {
		tr.roughen(kind, rng)
	}
	tr.settings = agreeing(kind, tr.settings)
	values, err := kind.Values(tr.settings)
	if err != nil {
		tr.complain(err.Error())
	}
	tr.endless = values.Has("stop") && values.Choice("stop") == "never"
	tr.content = content[kind.Name]
	tr.world = &world{now: start} // for those that ask to be woken as soon as they are born
	tr.world = newWorld(tr.graph, func(id gossip.NodeID) gossip.Protocol {
		w := newWitness(kind, values, seed, id, tr.published, tr.complain)
		if _, is := w.one.(gossip.Restless); is {
			return restless{w}
		}
		return w
	}, tr.observe)
	tr.world.weather = tr.weather(rng)
	for i := range 1 + rng.IntN(5) {
		origin, limit := gossip.NodeID(1+rng.IntN(n)), rng.IntN(4)
		tr.plan(rng, func() {
			if _, err := tr.world.publish(origin, fmt.Sprintf("message %d", i), limit); err != nil {
				tr.complain(err.Error())
			}
		})
	}
	slices.SortStableFunc(tr.plans, func(a, b plan) int { return a.at.Compare(b.at) })
	return tr
}

func (tr *trial) plan(rng *rand.Rand, what func()) {
	tr.plans = append(tr.plans, plan{start.Add(time.Duration(rng.Int64N(int64(lastWord)))), what})
}

// roughen draws settings near their lower bounds, and edges that come and go.
func (tr *trial) roughen(kind protocol.Kind, rng *rand.Rand) {
	for _, s := range kind.Settings {
		if rng.IntN(2) == 0 {
			tr.settings[s.Name] = small(s, rng.IntN(4))
		}
	}
	n := len(tr.graph)
	for range rng.IntN(n) {
		a, b := gossip.NodeID(1+rng.IntN(n)), gossip.NodeID(1+rng.IntN(n))
		if a == b {
			continue
		}
		now := make(graph) // each end learns of it on its own
		for _, end := range [][2]gossip.NodeID{{a, b}, {b, a}} {
			tr.plan(rng, func() {
				now[end[0]] = slices.Clone(tr.world.peers[end[0]])
				if slices.Contains(now[end[0]], end[1]) {
					now[end[0]] = slices.DeleteFunc(now[end[0]], func(id gossip.NodeID) bool { return id == end[1] })
				} else {
					now[end[0]] = append(now[end[0]], end[1])
					slices.Sort(now[end[0]])
				}
				tr.world.setPeers(end[0], now[end[0]])
			})
		}
	}
}

// agreeing leaves out of some settings what keeps the others from going together.
func agreeing(kind protocol.Kind, set map[string]string) map[string]string {
	for {
		if _, err := kind.Values(set); err == nil || len(set) == 0 {
			return set
		}
		names := slices.Sorted(maps.Keys(set))
		for _, name := range names {
			less := maps.Clone(set)
			delete(less, name)
			if _, err := kind.Values(less); err == nil {
				return less
			}
		}
		delete(set, names[0])
	}
}

// weather delays every packet by its own time; when it is rough, some are lost and some come twice.
func (tr *trial) weather(rng *rand.Rand) func() []time.Duration {
	slowest := int64(time.Millisecond) << rng.IntN(9)
	lost, twice := 0.0, 0.0
	if tr.rough {
		lost, twice = 0.4*rng.Float64(), 0.2*rng.Float64()
	}
	return func() []time.Duration {
		var delays []time.Duration
		if rng.Float64() >= lost {
			delays = append(delays, time.Duration(rng.Int64N(slowest)))
		}
		if rng.Float64() < twice {
			delays = append(delays, time.Duration(rng.Int64N(slowest)))
		}
		return delays
	}
}

// More steps in one trial, or more packets under way at once, are taken for work without end.
const (
	tooManySteps   = 100_000
	tooManyFlights = 2_000
)

func (tr *trial) run() {
	w, end := tr.world, start.Add(patience)
	rested := false
	for steps := 0; ; steps++ {
		if !rested && len(tr.plans) == 0 && len(w.flights) == 0 && (w.atRest() || tr.content && tr.complete()) {
			rested, end = true, w.now.Add(rest)
		}
		cargo := tr.lastCargo
		by := end
		if len(tr.plans) > 0 {
			by = tr.plans[0].at
		}
		more, err := w.advance(by)
		if rested && tr.lastCargo.After(cargo) {
			tr.complain("law 9: a message was sent although nobody was infective, or lacked any")
			break
		}
		switch {
		case err != nil:
			tr.complain(err.Error())
		case steps > tooManySteps || len(w.flights) > tooManyFlights:
			tr.complain(fmt.Sprintf("law 5: no end after %d steps, %d packets under way", steps, len(w.flights)))
		case len(tr.complaints) > 5: // enough to know
		case more:
			continue
		case len(tr.plans) > 0:
			w.now = tr.plans[0].at
			tr.plans[0].what()
			tr.plans = tr.plans[1:]
			continue
		}
		break
	}
	if w.err != nil {
		tr.complain(w.err.Error())
	}
	if !rested && !tr.endless && !tr.lastCargo.Before(end.Add(-stillFor)) {
		tr.complain(fmt.Sprintf("law 5: a message was still sent %v after the last one was published", tr.lastCargo.Sub(start)-lastWord))
	}
	tr.owed = len(tr.published) * len(w.ids)
	for _, id := range w.ids {
		tr.done += len(entries(w.nodes[id]))
	}
}

// complete reports whether every node has every message.
func (tr *trial) complete() bool {
	for _, n := range tr.world.nodes {
		if messages, _, _ := n.Size(); messages < len(tr.published) {
			return false
		}
	}
	return true
}

func (tr *trial) observe(st step) {
	for _, e := range st.Events {
		tr.log = append(tr.log, fmt.Sprintf("%v %d %v", tr.world.since(), st.node, e))
	}
	for _, send := range st.Sends {
		if len(send.Packet.Messages) > 0 {
			tr.lastCargo = tr.world.now
		}
	}
	for _, a := range st.Alarms {
		tr.log = append(tr.log, fmt.Sprintf("%v %d will wake at %v", tr.world.since(), st.node, a.At.Sub(start)))
	}
}

func (tr *trial) complain(what string) { tr.complaints = append(tr.complaints, what) }

// String tells the network and everything that happened, for whoever has to find out why.
func (tr *trial) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rough %v, settings %v\n", tr.rough, tr.settings)
	for _, id := range tr.graph.nodes() {
		fmt.Fprintf(&b, "%d knows %s\n", id, list(tr.graph[id], " "))
	}
	const most = 60
	b.WriteString(strings.Join(tr.log[:min(len(tr.log), most)], "\n"))
	if len(tr.log) > most {
		fmt.Fprintf(&b, "\n… and %d events more", len(tr.log)-most)
	}
	return b.String()
}
