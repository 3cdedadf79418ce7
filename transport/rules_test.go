package transport

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// Over every transport: rules come and go while packets flow, what arrives is whole, what was damaged is
// counted and not handed on, what is cut does not come, and both ends agree.
func TestContractOfRules(t *testing.T) {
	for name, newWorld := range map[string]func() world{"mem": newMemWorld, "http": newHTTPWorld} {
		t.Run(name, func(t *testing.T) {
			w := &faultyWorld{newWorld(), &fault.Plan{Seed: 1}}
			a, b := w.join(t, 1).(*Faulty), w.join(t, 2).(*Faulty)
			w.connected(t)
			in := newCollector()
			serve(t, a, func([]gossip.Envelope) {})
			serve(t, b, in.recv)
			sendAll(t, a, 2, 1, func(int) *gossip.Envelope { return message(1, 1, nil) })
			in.wait(t, 1)
			before := a.Links()[0]
			in.take()

			const n = 500
			all := make(map[string]LinkStats)
			want := 0
			for _, rule := range []fault.Rule{
				{Name: "corrupt", Corrupt: 0.3}, {Name: "twice", Duplicate: 0.3}, {Name: "loss", Loss: 0.3},
				{Name: "cut", Cut: true}, {Name: "cut from 2", Cut: true, Nodes: []gossip.NodeID{2}, Direction: fault.Out},
				{Name: "late", Delay: fault.UniformLatency(0, 2*time.Millisecond)}, {Name: "both damaged", Duplicate: 1, Corrupt: 0.5},
			} {
				a.SetRules([]fault.Rule{rule})
				for i := range n {
					v := a.Plan().Judge(fault.Link{From: 1, To: 2}, a.Links()[0].Sent)
					for _, good := range []bool{!v.Lost && !v.Corrupt, v.Twice && !v.Corrupt2} {
						if good {
							want++
						}
					}
					if err := a.Send(2, message(1, i+1, []byte("banana"))); err != nil {
						t.Fatal(err)
					}
				}
				all[rule.Name] = a.Links()[0]
				balanced(t, all[rule.Name])
			}
			a.SetRules(nil)
			got := in.wait(t, want)
			if len(got) != want {
				t.Errorf("%d came, %d should have", len(got), want)
			}
			for _, line := range got {
				if !strings.Contains(line, `"banana"`) {
					t.Fatal(line)
				}
			}
			atRest(a)
			l, h := a.Links()[0], b.Heard()[0]
			balanced(t, l)
			if h.Received != uint64(want)+1 || h.Received+h.Corrupt != l.Passed || h.Corrupt < n/5 || l.Sent != before.Sent+7*n {
				t.Errorf("%+v, heard %+v, %d should have come", l, h, want)
			}
			if l.Dropped[DropPartition] != n || l.Dropped[DropLoss] < n/5 || l.Dropped[DropLoss] > n/2 {
				t.Errorf("%+v", l)
			}
		})
	}
}

// A bound of 100 KB/s makes 1 MB take about ten seconds, however large the pieces, and only on its link.
func TestBandwidth(t *testing.T) {
	for _, size := range []int{100, 10_000, gossip.MaxBody} {
		synctest.Test(t, func(t *testing.T) {
			net := NewMem()
			wire := NewFaulty(net.Join(1), 1, nil)
			in, other := newCollector(), newCollector()
			serve(t, wire, func([]gossip.Envelope) {})
			serve(t, net.Join(2), in.recv)
			serve(t, net.Join(3), other.recv)
			wire.SetRules([]fault.Rule{{Name: "f1", Peers: []gossip.NodeID{2}, Bandwidth: 100_000}})
			begun := time.Now()
			n := 0
			for sent := 0; sent < 1_000_000; n++ {
				e := message(1, n+1, make([]byte, size))
				frame, _ := gossip.AppendFrame(nil, e)
				sent += len(frame)
				if err := wire.Send(2, e); err != nil {
					t.Fatal(err)
				}
			}
			wire.Send(3, message(1, 1, nil))
			synctest.Wait()
			if len(other.take()) != 1 {
				t.Error("another link is held up")
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if half := len(in.take()); half < n*4/10 || half > n*6/10 {
				t.Errorf("%d of %d came after five seconds", half, n)
			}
			for len(in.take()) > 0 || wire.Stats().Waiting > 0 {
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(begun); took < 9900*time.Millisecond || took > 10800*time.Millisecond {
				t.Errorf("1 MB in pieces of %d took %v", size, took)
			}
		})
	}
}

// What a bound on bandwidth holds up is bounded and counted, and leaves at once when the bound is lifted,
// in order; under another bound it goes on with that.
func TestBandwidthIsBoundedAndLifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMem()
		wire := NewFaulty(net.Join(1), 1, nil)
		in := newCollector()
		serve(t, wire, func([]gossip.Envelope) {})
		serve(t, net.Join(2), in.recv)
		slow := fault.Rule{Name: "f1", Bandwidth: 1000, Delay: fault.ConstantLatency(time.Second)}
		wire.SetRules([]fault.Rule{slow})
		taken := 0
		for wire.Send(2, message(1, taken+1, make([]byte, 10_000))) == nil {
			taken++
		}
		l := wire.Links()[0]
		balanced(t, l)
		if l.Dropped[DropQueueFull] != 1 || l.Queued > QueueBytes || l.Queued < QueueBytes*9/10 || l.Waiting != uint64(taken) {
			t.Errorf("%d taken: %+v", taken, l)
		}
		slow.Bandwidth = 1_000_000
		wire.SetRules([]fault.Rule{slow})
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if came := len(in.take()); came < 280 || came > 310 {
			t.Errorf("%d came in four seconds at 1 MB/s, one of them under way", came)
		}
		wire.SetRules(nil)
		time.Sleep(time.Second) // that their latency takes
		synctest.Wait()
		got := in.take()
		if !slices.IsSortedFunc(got, func(a, b string) int { return len(a) - len(b) }) || wire.Stats().Waiting > 0 {
			t.Errorf("%d came, %d wait", len(got), wire.Stats().Waiting)
		}
		if l := wire.Links()[0]; l.Passed != uint64(taken) || l.InFlight != 0 {
			t.Errorf("%+v", l)
		}
		balance(t, wire.Stats())
	})
}

// A rule ends by itself at its time, also when nothing is sent: what was calm is calm again.
func TestRulesEndByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMem()
		net.Join(2)
		wire := NewFaulty(net.Join(1), 1, nil)
		serve(t, wire, func([]gossip.Envelope) {})
		rules := []fault.Rule{
			{Name: "f1", Cut: true, Until: time.Now().Add(time.Second)},
			{Name: "f2", Loss: 1, Until: time.Now().Add(2 * time.Second)},
		}
		wire.SetRules(rules)
		for _, want := range []string{DropPartition, DropLoss, ""} {
			wire.Send(2, message(1, 1, nil))
			l := wire.Links()[0]
			if want != "" && l.Dropped[want] != 1 || want == "" && l.InFlight != 1 {
				t.Errorf("not %q: %+v", want, l)
			}
			balanced(t, l)
			time.Sleep(time.Second)
		}
		if !wire.calm.Load() || len(wire.Plan().Rules) != 0 {
			t.Errorf("%+v", wire.Plan())
		}
	})
}

// Some packets are overtaken, and none is lost or comes twice.
func TestReorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMem()
		wire := NewFaulty(net.Join(1), 1, nil)
		in := newCollector()
		serve(t, wire, func([]gossip.Envelope) {})
		serve(t, net.Join(2), in.recv)
		wire.SetRules([]fault.Rule{{Name: "f1", Reorder: 0.2}})
		const n = 300
		for i := range n {
			wire.Send(2, message(1, i+1, nil))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got := in.take()
		overtaken := 0
		for i := range got[1:] {
			if len(got[i]) > len(got[i+1]) || len(got[i]) == len(got[i+1]) && got[i] > got[i+1] {
				overtaken++
			}
		}
		slices.Sort(got)
		if overtaken < n/20 || overtaken > n/2 || len(slices.Compact(got)) != n {
			t.Errorf("%d overtaken of %d", overtaken, len(got))
		}
	})
}

// A transport that writes no frames cannot have them damaged: they are lost, and counted so.
func TestForeignTransportsAreCounted(t *testing.T) {
	sink := &sinkhole{}
	wire := NewFaulty(sink, 1, &fault.Plan{Rules: []fault.Rule{{Name: "f1", Corrupt: 0.5}}})
	for range 100 {
		wire.Send(2, message(1, 1, nil))
	}
	wire.SetPlan(nil)
	wire.Send(2, message(1, 1, nil))
	l := wire.Links()[0]
	balanced(t, l)
	if l.Sent != 101 || l.Passed != uint64(sink.got) || l.Dropped[DropCorrupt] == 0 || l.Dropped[DropCorrupt]+l.Passed != 101 {
		t.Errorf("%+v, %d came", l, sink.got)
	}
	refuses := NewFaulty(&refusing{}, 1, nil)
	if err := refuses.Send(2, message(1, 1, nil)); !errors.Is(err, ErrQueueFull) || refuses.Links()[0].Dropped[DropQueueFull] != 1 {
		t.Errorf("%v, %+v", err, refuses.Links())
	}
}

type refusing struct{ sinkhole }

func (*refusing) Send(gossip.NodeID, *gossip.Envelope) error { return ErrQueueFull }
