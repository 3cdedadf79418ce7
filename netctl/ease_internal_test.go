package netctl

import (
	"strings"
	"testing"

	"gossipctl/membership"
)

// Large networks on few cores take it easy; others, and what the person has set, stay as they are.
func TestEase(t *testing.T) {
	swim, err := membership.Find("swim")
	if err != nil {
		t.Fatal(err)
	}
	values, err := swim.Values(nil)
	if err != nil || !values.Has("period") {
		t.Skip("swim has no period here")
	}
	for _, test := range []struct {
		nodes, cores int
		membership   string
		set          map[string]string
		want         string
	}{
		{16, 2, "swim", nil, ""},
		{64, 2, "swim", nil, ""},
		{256, 2, "swim", nil, "period=4s timeout=2s"},
		{256, 16, "swim", nil, ""},
		{256, 2, "none", nil, ""},
		{256, 2, "swim", map[string]string{"fanout": "3", "period": "1s"}, "fanout=3 period=1s"},
		{256, 2, "hyparview", nil, ""},
		{500, 1, "swim", map[string]string{"period": "2s"}, "period=2s"},
	} {
		s := Spec{Topology: TopologyBootstrap, Discovery: "bootstrap", Nodes: test.nodes, Membership: test.membership, MembershipSettings: test.set}
		told := s.ease(test.cores)
		var have []string
		for _, name := range []string{"fanout", "period", "timeout"} {
			if v, ok := s.MembershipSettings[name]; ok {
				have = append(have, name+"="+v)
			}
		}
		if got := strings.Join(have, " "); got != test.want || (told == "") != (len(s.MembershipSettings) == len(test.set)) {
			t.Errorf("%d nodes of %s on %d cores: %q, want %q; told: %q", test.nodes, test.membership, test.cores, got, test.want, told)
		}
	}
	s := Spec{Topology: "random", Nodes: 500}
	if s.ease(1); s.MembershipSettings != nil {
		t.Error("a network without membership has settings of one")
	}
}
