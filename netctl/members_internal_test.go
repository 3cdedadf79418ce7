package netctl

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gossipctl/gossip"
	"gossipctl/node/api"
)

// viewsOf makes views of a text: a line for each node that runs, with a sign for each node 1, 2, …: . alive,
// s suspect, d dead, l left, blank not known, – itself. Everybody is in life 1.
func viewsOf(partial bool, lines ...string) *Views {
	states := map[rune]string{'.': "alive", 's': "suspect", 'd': "dead", 'l': "left"}
	v := &Views{Partial: partial}
	for _, line := range lines {
		answer := api.MembersAnswer{Run: 1}
		for i, sign := range []rune(line) {
			id := gossip.NodeID(i + 1)
			if sign == '–' {
				answer.Node = id
				v.Asked = append(v.Asked, id)
			} else if state := states[sign]; state != "" {
				answer.Members = append(answer.Members, api.Member{ID: id, Run: 1, State: state})
			}
		}
		v.Answers = append(v.Answers, answer)
	}
	v.all = slices.Clone(v.Asked)
	v.count()
	return v
}

func TestDisagreement(t *testing.T) {
	for _, test := range []struct {
		name      string
		views     *Views
		disagrees []string // NODE:ABOUT
	}{
		{"all alive", viewsOf(false, "–..", ".–.", "..–"), nil},
		{"one is dead for all", viewsOf(false, "–.d", ".–d"), nil},
		{"one has not noticed", viewsOf(false, "–..d", ".–.d", "..–."), []string{"3:4"}},
		{"one does not know somebody who lives", viewsOf(false, "–..", ".–.", " .–"), []string{"3:1"}},
		{"one never heard of the dead", viewsOf(false, "–..d", ".–.d", "..– "), nil},
		{"one takes for dead who has left", viewsOf(false, "–..l", ".–.l", "..–d"), []string{"3:4"}},
		{"a partition: of as many voices each the better news stands", viewsOf(false, "–.dd", ".–dd", "dd–.", "dd.–"), []string{"1:3", "1:4", "2:3", "2:4", "3:1", "3:2", "4:1", "4:2"}},
		{"partial views", viewsOf(true, "–. ", ".–.", " .–"), nil},
		{"one of a partial view is wrong", viewsOf(true, "–.. ", ".–. ", "d.–."), []string{"3:1"}},
	} {
		var have []string
		for i := range test.views.Asked {
			for _, about := range test.views.Opinion(i).Disagrees {
				have = append(have, fmt.Sprintf("%d:%d", test.views.Asked[i], about))
			}
		}
		if !slices.Equal(have, test.disagrees) {
			t.Errorf("%s: %v, want %v", test.name, have, test.disagrees)
		}
	}
}

func TestOpinionCounts(t *testing.T) {
	v := viewsOf(false, "–.sdl")
	if o := v.Opinion(0); o.Alive != 1 || o.Suspect != 1 || o.Dead != 1 || o.Left != 1 || len(o.Disagrees) != 0 {
		t.Errorf("%+v", o)
	}
	v.Answers[0].Node = 0 // it did not answer
	if v.Opinion(0) != nil {
		t.Error("an opinion without an answer")
	}
}

func TestAgreement(t *testing.T) {
	for _, test := range []struct {
		name   string
		views  *Views
		expect Expect
		why    string // empty: they agree
	}{
		{"all alive", viewsOf(false, "–..", ".–.", "..–"), Expect{}, ""},
		{"a suspicion", viewsOf(false, "–.s", ".–s"), Expect{}, "only suspect"},
		{"one is behind", viewsOf(false, "–..d", ".–.d", "..–."), Expect{}, "otherwise of node 4"},
		{"dead as asked", viewsOf(false, "–..d", ".–.d", "..– "), Expect{Dead: []gossip.NodeID{4}}, ""},
		{"not dead yet", viewsOf(false, "–..d", ".–.d", "..–."), Expect{Dead: []gossip.NodeID{4}}, "1 node of 3 do not say that node 4 is dead (node 3 says alive)"},
		{"all say alive of a dead one", viewsOf(false, "–..", ".–."), Expect{Dead: []gossip.NodeID{3}}, "2 nodes of 2"},
		{"left is as good as dead", viewsOf(false, "–.l", ".–l"), Expect{Dead: []gossip.NodeID{3}}, ""},
		{"dead, and to be alive", viewsOf(false, "–.d", ".–d"), Expect{Alive: []gossip.NodeID{3}}, "do not say that node 3 is alive"},
		{"alive as asked", viewsOf(false, "–..", ".–.", "..–"), Expect{Alive: []gossip.NodeID{1, 2, 3}}, ""},
		{"partial, alive", viewsOf(true, "–. ", ".–.", " .–"), Expect{Alive: []gossip.NodeID{3}}, ""},
		{"partial, forgotten", viewsOf(true, "–. ", ".– ", "  –"), Expect{Alive: []gossip.NodeID{1}}, ""},
	} {
		_, why := test.views.agreement(test.expect)
		if (why == "") != (test.why == "") || !strings.Contains(why, test.why) {
			t.Errorf("%s: %q, want %q", test.name, why, test.why)
		}
	}
}

// The others must have heard of the life that a node is in, not of an earlier one.
func TestAgreementOnLives(t *testing.T) {
	v := viewsOf(false, "–..", ".–.", "..–")
	v.Answers[2].Run = 2
	v.count()
	if _, why := v.agreement(Expect{Alive: []gossip.NodeID{3}}); why == "" {
		t.Error("all agree about a life that is over")
	}
	for i := range v.Answers[:2] {
		v.Answers[i].Members[1].Run = 2
	}
	v.count()
	if _, why := v.agreement(Expect{Alive: []gossip.NodeID{3}}); why != "" {
		t.Error(why)
	}
}

// Who is started again is given contacts that live; those started with it only when nobody else does.
func TestContactsAgain(t *testing.T) {
	c := &controller{state: State{Spec: Spec{Seed: 1}}}
	ids := func(list ...gossip.NodeID) []gossip.NodeID { return list }
	for _, test := range []struct {
		name               string
		id                 gossip.NodeID
		had, living, batch []gossip.NodeID
		want               int
		has, hasNot        []gossip.NodeID
	}{
		{"everybody's contact", 1, nil, ids(2, 3, 4, 5), ids(1), 3, nil, ids(1)},
		{"its contact is dead", 4, ids(1), ids(2, 3), ids(4), 2, ids(2, 3), ids(1)},
		{"its contact lives", 4, ids(1), ids(1, 2, 3), ids(4), 3, ids(1), nil},
		{"all at once", 4, ids(1), nil, ids(1, 2, 3, 4), 3, ids(1, 2, 3), nil},
		{"all at once, its contact dead", 4, ids(1), nil, ids(2, 3, 4, 5, 6), 3, ids(2, 3, 5), nil},
		{"nobody else", 1, nil, nil, ids(1), 0, nil, nil},
	} {
		got := c.contactsAgain(test.id, test.had, test.living, test.batch)
		if len(got) != test.want || slices.Contains(got, test.id) {
			t.Errorf("%s: %v", test.name, got)
		}
		for _, id := range test.has {
			if !slices.Contains(got, id) {
				t.Errorf("%s: %v lacks %d", test.name, got, id)
			}
		}
		for _, id := range test.hasNot {
			if slices.Contains(got, id) {
				t.Errorf("%s: %v has %d", test.name, got, id)
			}
		}
	}
}

func TestFirstContacts(t *testing.T) {
	s := Spec{Topology: TopologyBootstrap, Discovery: api.DiscoverBootstrap, Nodes: 4, Contacts: 2}
	g, err := s.wiring()
	if err != nil || g.NumEdges() != 0 || g.Len() != 4 {
		t.Fatal(g, err)
	}
	got := s.firstContacts(g)
	for id, want := range map[gossip.NodeID][]gossip.NodeID{1: {2}, 2: {1}, 3: {1, 2}, 4: {1, 2}} {
		if !slices.Equal(got[id], want) {
			t.Errorf("node %d is given %v, want %v", id, got[id], want)
		}
	}
	s = Spec{Topology: "line", Membership: "swim", Nodes: 3}
	if g, err = s.wiring(); err != nil {
		t.Fatal(err)
	}
	if got := s.firstContacts(g); !slices.Equal(got[2], []gossip.NodeID{1, 3}) {
		t.Errorf("in a line, node 2 is given %v", got[2])
	}
}

func TestImpossibleAssemblies(t *testing.T) {
	fine := Spec{Network: "x", Topology: TopologyBootstrap, Discovery: api.DiscoverBootstrap, Nodes: 4, Protocol: "flood", BasePort: 7000, Seed: 1}
	if _, err := fine.graph(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Spec){
		"no discovery":           func(s *Spec) { s.Discovery = "foo" },
		"that they are told":     func(s *Spec) { s.Discovery = "" },
		"leaves nothing":         func(s *Spec) { s.Topology = "circular" },
		"which only --discovery": func(s *Spec) { s.Discovery, s.Contacts = api.DiscoverScan, 1 },
		"5 contacts":             func(s *Spec) { s.Contacts = 5 },
		"--reconnect":            func(s *Spec) { s.Reconnect = true },
		"does not look":          func(s *Spec) { s.Places = []string{"a:1"} },
		"needs one name":         func(s *Spec) { s.Discovery = api.DiscoverDNS },
		"one file":               func(s *Spec) { s.Discovery, s.Places = api.DiscoverFile, []string{"/a", "/b"} },
		"whole path":             func(s *Spec) { s.Discovery, s.Places = api.DiscoverFile, []string{"a"} },
		"65 contacts":            func(s *Spec) { s.Nodes, s.Contacts = 100, 65 },
		"no place":               func(s *Spec) { s.Discovery, s.Places = api.DiscoverScan, []string{"a:\x1b"} },
		"no membership \"foo\"":  func(s *Spec) { s.Membership = "foo" },
		"no setting":             func(s *Spec) { s.Membership, s.MembershipSettings = "swim", map[string]string{"no-such": "1"} },
		"of no use": func(s *Spec) {
			s.Discovery, s.Topology, s.MembershipSettings = "", "circular", map[string]string{"a": "1"}
		},
		"at least 1 node": func(s *Spec) { s.Nodes = 0 },
	} {
		s := fine
		change(&s)
		_, err := s.graph()
		if api.CodeOf(err) != api.CodeUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
