package protocol_test

import (
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// BenchmarkRound measures what one step costs in a synchronous round of many nodes, as a simulation of
// a million does them: all wake, all calls arrive, all answers arrive. In the quiet ones nobody has
// anything to say, in the others everybody has the same message. More nodes than caches hold, because
// what a step costs is mostly waiting for memory.
func BenchmarkRound(b *testing.B) {
	const n = 200_000
	for _, name := range []string{"push", "pull", "push-pull", "median-counter"} {
		for _, quiet := range []bool{true, false} {
			if name == "push" && quiet {
				continue // nobody wakes
			}
			what := map[bool]string{true: "quiet", false: "infective"}[quiet]
			b.Run(name+"/"+what, func(b *testing.B) { benchmarkRound(b, name, n, quiet) })
		}
	}
}

func benchmarkRound(b *testing.B, name string, n int, quiet bool) {
	set := map[string]string{"phase": "aligned", "interval": "1s"}
	if name == "median-counter" {
		set["cphase"] = "64"
	} else {
		set["stop"] = "never"
	}
	kind, err := protocol.Find(name)
	if err != nil {
		b.Fatal(err)
	}
	values, err := kind.Values(set)
	if err != nil {
		b.Fatal(err)
	}
	born := kind.Make(values)
	now := start
	var out gossip.Outbox
	nodes, timers := make([]gossip.Protocol, n), make([]gossip.Timer, n)
	remember := func(i int) {
		for _, a := range out.Alarms {
			timers[i] = a.Timer
		}
		out.Detach()
	}
	body := []byte("banana")
	for i := range nodes {
		id := gossip.NodeID(i + 1)
		nodes[i] = born(protocol.Environment{Self: id, Rand: protocol.Generator(1, id)})
		nodes[i].Peers(now, gossip.Everyone(n, id), &out)
		if !quiet {
			// All have it from one that is in C, so the median counter passes it on for a while.
			m := gossip.Message{ID: gossip.ID{Origin: 1, Run: 1, Seq: 1}, Body: body, Sent: now}
			nodes[i].Receive(now, 1, gossip.Packet{Kind: 1, Messages: []gossip.Message{m}, Limit: limitOf(name)}, &out)
		}
		remember(i)
	}
	var calls, answers []happening
	steps := 0
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		now = now.Add(time.Second)
		calls, answers = calls[:0], answers[:0]
		for i := range nodes {
			nodes[i].Wake(now, timers[i], &out)
			for _, s := range out.Sends {
				calls = append(calls, happening{to: s.To, from: gossip.NodeID(i + 1), packet: s.Packet})
			}
			remember(i)
		}
		for i := range calls {
			c := &calls[i]
			nodes[c.to-1].Receive(now, c.from, c.packet, &out)
			for _, s := range out.Sends {
				answers = append(answers, happening{to: s.To, from: c.to, packet: s.Packet})
			}
			remember(int(c.to) - 1)
		}
		for i := range answers {
			a := &answers[i]
			nodes[a.to-1].Receive(now, a.from, a.packet, &out)
			remember(int(a.to) - 1)
		}
		steps += n + len(calls) + len(answers)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
	b.ReportMetric(0, "ns/op")
}

// limitOf is the Limit of a packet with a message that its receiver will pass on.
func limitOf(name string) int {
	if name == "median-counter" {
		return 4
	}
	return 0
}
