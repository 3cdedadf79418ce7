package trace

import (
	"testing"
	"time"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSpread(t *testing.T) {
	sent := time.Unix(1000, 0)
	at := func(ms int) time.Time { return sent.Add(time.Duration(ms) * time.Millisecond) }
	id := gossip.ID{Origin: 1, Run: 1, Seq: 1}
	// A square 1-2-3-4 with relay limit 1: every directed edge carries one copy, 8 in all.
	records := []Record{
		{Node: 3, Received: at(4), Route: gossip.Route{1, 2, 3}, Copies: 2, Sent: 2},
		{Node: 1, Received: sent, Route: gossip.Route{1}, Copies: 2, Sent: 2},
		{Node: 4, Received: at(3), Route: gossip.Route{1, 4}, Copies: 2, Sent: 2},
		{Node: 2, Received: at(1), Route: gossip.Route{1, 2}, Copies: 2, Sent: 2},
	}
	got := NewSpread(id, sent, []gossip.NodeID{5, 4, 3, 2, 1}, records)
	want := Spread{
		ID: id, Sent: sent, Nodes: 5, Reached: 4, Coverage: 0.8, Packets: 8, Redundancy: 8.0/3 - 1,
		MaxHops: 2, MeanHops: 4.0 / 3, P50: 3 * time.Millisecond, P99: 4 * time.Millisecond, Last: 4 * time.Millisecond,
		Tree: []Step{
			{Node: 1, Received: sent},
			{Node: 2, From: 1, Hop: 1, Received: at(1), After: time.Millisecond},
			{Node: 4, From: 1, Hop: 1, Received: at(3), After: 3 * time.Millisecond},
			{Node: 3, From: 2, Hop: 2, Received: at(4), After: 4 * time.Millisecond},
		},
		Missing: []gossip.NodeID{5},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSpreadOfALonelyNode(t *testing.T) {
	sent := time.Unix(1000, 0)
	got := NewSpread(gossip.ID{Origin: 1, Run: 1, Seq: 1}, sent, []gossip.NodeID{1}, []Record{{Node: 1, Received: sent, Route: gossip.Route{1}}})
	if got.Coverage != 1 || got.Redundancy != 0 || got.MeanHops != 0 || got.Last != 0 {
		t.Errorf("%+v", got)
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{nil, 0.5, 0}, {[]time.Duration{7}, 0.5, 7}, {[]time.Duration{7}, 0, 7}, {[]time.Duration{7}, 1, 7},
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0.001, 1}, {hundred[:3], 0.5, 2},
	} {
		if got := Percentile(c.values, c.p); got != c.want {
			t.Errorf("Percentile(%d values, %v) = %d, want %d", len(c.values), c.p, got, c.want)
		}
	}
}
