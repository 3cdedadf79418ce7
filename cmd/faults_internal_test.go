package cmd

import (
	"slices"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl"
)

func TestParseShare(t *testing.T) {
	for text, want := range map[string]float64{"0.5": 0.5, "50%": 0.5, "0": 0, "100%": 1, "0.1%": 0.001, "2": 2} {
		if v, err := parseShare(text); err != nil || v != want {
			t.Errorf("%q is %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "%", "half", "5 0%", "1,5", "NaN", "0x10p-4", "0X1%"} {
		if v, err := parseShare(text); err == nil {
			t.Errorf("%q is taken for %v", text, v)
		}
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512B": 512, "64KB": 64_000, "64kB/s": 64_000, "64KiB": 65_536, "1.5MB": 1_500_000, "1MiB": 1 << 20, "10 GB": fault.MaxBandwidth,
	} {
		if v, err := parseRate(text); err != nil || v != want {
			t.Errorf("%q is %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "0", "0.5", "-1", "KB", "64KX", "11GB", "NaN", "Inf", "1e300", "0x10KB1", "0x10p4", "0x1p4KB"} {
		if v, err := parseRate(text); err == nil {
			t.Errorf("%q is taken for %v", text, v)
		}
	}
}

func TestWhenAFaultEnds(t *testing.T) {
	now := time.Now()
	f := netctl.Fault{Rule: fault.Rule{Name: "f1", Loss: 0.5}}
	if text := leftText(f, now); text != "until cleared" {
		t.Error(text)
	}
	if d := docOfFault(f, nil, now); d.Until != nil || d.LeftMS != nil || d.Direction != "both" || d.Delay != "none" {
		t.Errorf("%+v", d)
	}
	f.Until = now.Add(90 * time.Second)
	if text := leftText(f, now); text != "1 min 30 s" {
		t.Error(text)
	}
	if d := docOfFault(f, nil, now.Add(time.Hour)); *d.LeftMS != 0 || d.What != "loss 50 % of all packets" {
		t.Errorf("%+v", d)
	}
}

// Nodes in none of the groups of a partition are one more group, and that has to be seen.
func TestTheRestOfAPartition(t *testing.T) {
	f := netctl.Fault{Rule: fault.Rule{Name: "f1", Cut: true, Groups: [][]gossip.NodeID{{1}, {2}}}}
	present := []gossip.NodeID{1, 2, 3, 4, 6}
	if d := docOfFault(f, present, time.Now()); d.What != "partition 1 / 2 / the rest (3-4,6)" || !slices.Equal(d.Rest, present[2:]) {
		t.Errorf("%+v", d)
	}
	if d := docOfFault(f, present[:2], time.Now()); d.What != "partition 1 / 2" || d.Rest == nil || len(d.Rest) > 0 {
		t.Errorf("%+v", d)
	}
	f.Rule = fault.Rule{Name: "f2", Loss: 1}
	if d := docOfFault(f, present, time.Now()); len(d.Rest) > 0 {
		t.Errorf("%+v", d)
	}
}
