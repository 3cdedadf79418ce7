package netctl

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
)

// Opinion is what one node believes of the others, counted. Of what it believes dead or gone and most others have
// forgotten, or the other way round, nothing is made: who is not there is not missed.
type Opinion struct {
	Alive   int `json:"alive"`
	Suspect int `json:"suspect"`
	Dead    int `json:"dead"`
	Left    int `json:"left"`
	// Disagrees are the nodes of which it says something else than most nodes that run.
	Disagrees []gossip.NodeID `json:"disagrees"`
}

// unknown is how a node stands with one that has never heard of it.
const unknown = "unknown"

// Views are the own views of the nodes of a network, as they were asked at one moment.
type Views struct {
	Partial bool                // nodes know only some of the others, on purpose
	Asked   []gossip.NodeID     // those that run, by number
	Answers []api.MembersAnswer // theirs, in the same order; Node is 0 where there was none
	all     []gossip.NodeID     // everybody anybody has heard of, and those of the network, by number
	most    map[gossip.NodeID]belief
	says    []map[gossip.NodeID]belief // by the place of the one who says it
}

// belief is what somebody says of a node. The zero value: nothing.
type belief struct {
	state string
	run   uint32
}

func (b belief) String() string {
	if b.state == "" {
		return unknown
	}
	return b.state
}

// gone reports whether the node is not there, by this belief.
func (b belief) gone() bool {
	return b.state == "" || b.state == gossip.Dead.String() || b.state == gossip.Left.String()
}

// differs reports whether two beliefs contradict each other. Who never heard of a node that is gone, contradicts
// nobody; where views are partial, neither does who does not know a node that is there.
func (b belief) differs(from belief, partial bool) bool {
	switch {
	case b.state == "" || from.state == "":
		return !partial && b.gone() != from.gone()
	case b.gone() && from.gone(): // whatever its run was when that was noticed
		return b.state != from.state
	}
	return b != from
}

// Members asks every node that runs who is there, in its own view.
func (n *Network) Members(ctx context.Context) (*Views, error) {
	if !n.state.Spec.Assembles() {
		return nil, n.knowsNobody()
	}
	network, err := n.Wiring(ctx)
	if err != nil {
		return nil, err
	}
	return n.membersOf(ctx, &network)
}

// membersOf asks those nodes of a view that run.
func (n *Network) membersOf(ctx context.Context, network *View) (*Views, error) {
	v := &Views{Partial: n.state.Spec.partial()}
	for _, node := range network.Nodes {
		if node.State == Running {
			v.Asked = append(v.Asked, node.ID)
		}
		if node.State != Removed {
			v.all = append(v.all, node.ID)
		}
	}
	answers, _ := Each(v.Asked, func(id gossip.NodeID) (api.MembersAnswer, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return n.client(id).Members(ctx)
	})
	v.Answers = answers
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	v.count()
	return v, nil
}

// knowsNobody is the error about views in a network where nodes have none.
func (n *Network) knowsNobody() error {
	return api.NewError(api.CodeUsage, fmt.Sprintf("the nodes of network %q have no view of their own: the controller tells them their peers", n.Name()),
		"start a network with gossipctl start-network bootstrap, or with --membership swim")
}

// count finds out what most say of each node. What a node that runs says of itself, that it is alive, counts as
// well. Of as many voices each the better news stands.
func (v *Views) count() {
	v.says = make([]map[gossip.NodeID]belief, len(v.Asked))
	for i, a := range v.Answers {
		v.says[i] = make(map[gossip.NodeID]belief, len(a.Members)+1)
		if a.Node == 0 {
			continue
		}
		for _, m := range a.Members {
			v.says[i][m.ID] = belief{m.State, m.Run}
			v.all = append(v.all, m.ID)
		}
		v.says[i][v.Asked[i]] = belief{gossip.Alive.String(), a.Run}
	}
	slices.Sort(v.all)
	v.all = slices.Compact(v.all)
	v.most = make(map[gossip.NodeID]belief, len(v.all))
	for _, about := range v.all {
		votes := make(map[belief]int)
		for i := range v.says {
			if b, knows := v.says[i][about]; knows || !v.Partial && v.Answers[i].Node != 0 {
				votes[b]++
			}
		}
		var most belief
		for b, n := range votes {
			if n > votes[most] || n == votes[most] && better(b, most) {
				most = b
			}
		}
		v.most[about] = most
	}
}

// better orders beliefs that have as many voices: there before gone, of those there the latest life, and so that
// it does not depend on the order in which they are looked at.
func better(a, b belief) bool {
	switch {
	case a.gone() != b.gone():
		return !a.gone()
	case a.run != b.run:
		return a.run > b.run
	}
	return a.state != "" && (b.state == "" || a.state < b.state)
}

// All are the numbers of everybody anybody has heard of, in order.
func (v *Views) All() []gossip.NodeID { return slices.Clone(v.all) }

// Says is what the i-th node that was asked says of a node, and whether most say something else. Of itself it says
// that it is there, and there is no arguing with that.
func (v *Views) Says(i int, about gossip.NodeID) (state string, disagrees bool) {
	b := v.says[i][about]
	if v.Answers[i].Node == 0 {
		return unknown, false
	}
	return b.String(), about != v.Asked[i] && b.differs(v.most[about], v.Partial)
}

// Most is what most nodes say of a node.
func (v *Views) Most(about gossip.NodeID) string { return v.most[about].String() }

// Opinion counts what the i-th node that was asked believes; nil when it did not answer.
func (v *Views) Opinion(i int) *Opinion {
	if v.Answers[i].Node == 0 {
		return nil
	}
	o := &Opinion{Disagrees: []gossip.NodeID{}}
	for _, m := range v.Answers[i].Members {
		switch m.State {
		case gossip.Alive.String():
			o.Alive++
		case gossip.Suspect.String():
			o.Suspect++
		case gossip.Dead.String():
			o.Dead++
		case gossip.Left.String():
			o.Left++
		}
	}
	for _, about := range v.all {
		if _, differs := v.Says(i, about); differs {
			o.Disagrees = append(o.Disagrees, about)
		}
	}
	return o
}

// Ask adds to a view what each node that runs believes of the others, where nodes have a view.
func (n *Network) Ask(ctx context.Context, view *View) error {
	if !n.state.Spec.Assembles() {
		return nil
	}
	v, err := n.membersOf(ctx, view)
	if err != nil {
		return err
	}
	for i, id := range v.Asked {
		at := slices.IndexFunc(view.Nodes, func(node NodeView) bool { return node.ID == id })
		view.Nodes[at].Sees = v.Opinion(i)
	}
	return nil
}

// MembersOf asks one node who is there, in its own view.
func (n *Network) MembersOf(ctx context.Context, id gossip.NodeID) (api.MembersAnswer, error) {
	if !n.state.Spec.Assembles() {
		return api.MembersAnswer{}, n.knowsNobody()
	}
	node, err := n.Node(id)
	if err != nil {
		return api.MembersAnswer{}, err
	}
	answer, err := node.Members(ctx)
	return answer, n.Explain(err)
}

// Expect is what is waited for besides that all nodes agree.
type Expect struct{ Alive, Dead []gossip.NodeID }

// Agreement is what all nodes that run agree on.
type Agreement struct {
	Nodes  []gossip.NodeID `json:"nodes"` // that agree
	Alive  []gossip.NodeID `json:"alive"`
	Dead   []gossip.NodeID `json:"dead"`
	Left   []gossip.NodeID `json:"left"`
	Waited float64         `json:"waited_ms"`
}

// agreePoll is the pause between two looks at the views of all nodes. It is short beside a second, in which SWIM
// probes one node, and leaves the processors to those who are looked at.
const agreePoll = 100 * time.Millisecond

// AwaitAgreement waits until all nodes that run have the same view, in which nobody is merely suspected, and in which
// some are alive, or dead, where that was asked. A node expected to be dead may also have left or been forgotten.
func (n *Network) AwaitAgreement(ctx context.Context, expect Expect) (Agreement, error) {
	began := time.Now()
	for _, id := range slices.Concat(expect.Alive, expect.Dead) {
		if !n.Knows(id) && !slices.Contains(expect.Dead, id) {
			return Agreement{}, n.state.unknownNode(id)
		}
	}
	last := ""
	for {
		v, err := n.Members(ctx)
		if err == nil {
			var out Agreement
			if out, last = v.agreement(expect); last == "" {
				out.Waited = milliseconds(time.Since(began))
				return out, nil
			}
			pause(ctx, agreePoll)
		} else if ctx.Err() == nil {
			return Agreement{}, err
		}
		if ctx.Err() != nil {
			if err := context.Cause(ctx); api.CodeOf(err) != api.CodeTimeout || last == "" {
				return Agreement{}, err
			}
			return Agreement{}, api.NewError(api.CodeTimeout, fmt.Sprintf("the nodes did not agree within %v: %s", time.Since(began).Round(10*time.Millisecond), last),
				"look with gossipctl list-members --all, or give them longer with --timeout")
		}
	}
}

// agreement says what all agree on, or else why they do not.
func (v *Views) agreement(expect Expect) (out Agreement, why string) {
	out = Agreement{Nodes: v.Asked, Alive: []gossip.NodeID{}, Dead: []gossip.NodeID{}, Left: []gossip.NodeID{}}
	if len(v.Asked) == 0 {
		return out, "no node runs"
	}
	for _, about := range v.all {
		want := ""
		switch {
		case slices.Contains(expect.Alive, about):
			want = gossip.Alive.String()
		case slices.Contains(expect.Dead, about):
			want = gossip.Dead.String()
		}
		state, why := v.unanimous(about, want)
		if why != "" {
			return out, why
		}
		switch state {
		case gossip.Alive.String():
			out.Alive = append(out.Alive, about)
		case gossip.Dead.String():
			out.Dead = append(out.Dead, about)
		case gossip.Left.String():
			out.Left = append(out.Left, about)
		}
	}
	return out, ""
}

// unanimous is what all say of a node, or else why they do not agree. Want is alive, dead or empty.
func (v *Views) unanimous(about gossip.NodeID, want string) (state, why string) {
	var others []gossip.NodeID // who say something else, or not what is wanted
	says := ""
	most := v.most[about]
	for i, id := range v.Asked {
		if v.Answers[i].Node == 0 {
			return "", fmt.Sprintf("node %d did not answer", id)
		}
		b := v.says[i][about]
		wrong := b.differs(most, v.Partial) || b.state == gossip.Suspect.String()
		switch {
		case want == "" || id == about:
		case want == gossip.Dead.String():
			wrong = !b.gone()
		case b.state == "":
			wrong = !v.Partial
		default:
			wrong = wrong || b.state != want // also in which life
		}
		if wrong {
			if says == "" {
				says = b.String()
			}
			others = append(others, id)
		}
	}
	switch {
	case len(others) > 0 && want != "":
		return "", fmt.Sprintf("%s of %d do not say that node %d is %s (node %d says %s)", count(len(others), "node"), len(v.Asked), about, want, others[0], says)
	case len(others) > 0:
		return "", fmt.Sprintf("%s of %d say otherwise of node %d than most, or only suspect it (node %d says %s, most say %s)",
			count(len(others), "node"), len(v.Asked), about, others[0], says, most)
	case want == gossip.Alive.String() && most.gone():
		return "", fmt.Sprintf("nobody knows node %d", about)
	}
	return most.state, ""
}
