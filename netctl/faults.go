package netctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/topology"
	"gossipctl/trace"
)

// Bounds of the faults in force.
const (
	// MaxFaults is far more than anybody can follow, and is looked through by every node for each packet.
	MaxFaults = 1000
	// maxRules is how many bytes all of them may take as JSON: half of what a node reads of one request.
	maxRules = api.MaxRequest / 2
	// MaxFor is how far ahead a fault may end by itself. Who wants it longer clears it.
	MaxFor = 365 * 24 * time.Hour
)

// FaultState is a fault in force, in the state file.
type FaultState struct {
	Rule  fault.Rule `json:"rule"`
	Since time.Time  `json:"since"`
}

// Fault is a fault in force.
type Fault struct {
	fault.Rule
	Since time.Time `json:"since"`
}

// FaultRequest asks for a fault. A rule without a name gets the next of f1, f2, …
type FaultRequest struct {
	Rule fault.Rule    `json:"rule"`
	For  time.Duration `json:"for_ns,omitempty"` // after which it ends by itself; 0: never
}

// FaultAnswer is what setting a fault has done.
type FaultAnswer struct {
	Fault Fault `json:"fault"`
	// Parts are those into which the nodes that live fall when edges on which nothing passes in either
	// direction count for nothing: sorted; one when all can reach each other.
	Parts  [][]int         `json:"parts"`
	Fell   bool            `json:"fell"`   // there were fewer parts before
	Links  int             `json:"links"`  // directions of links that the fault is about now
	Untold []gossip.NodeID `json:"untold"` // nodes it is about that did not answer and will be told later
}

// ClearRequest says which faults are to end.
type ClearRequest struct {
	Names      []string `json:"names,omitempty"`      // empty: all
	Partitions bool     `json:"partitions,omitempty"` // only partitions
}

// Cleared is what clearing faults has done.
type Cleared struct {
	Cleared []string        `json:"cleared"` // names
	Left    int             `json:"left"`    // faults still in force
	Untold  []gossip.NodeID `json:"untold"`  // nodes that did not answer and will be told later
}

// FaultsAnswer lists the faults in force.
type FaultsAnswer struct {
	Faults []Fault `json:"faults"`
}

// Partition reports whether a rule is a partition, which heal-network ends.
func Partition(r *fault.Rule) bool { return len(r.Groups) > 0 && r.Cut }

// faults are those in force, in the order in which they were set.
func (s *State) faults() []Fault {
	list := make([]Fault, 0, len(s.Faults))
	for _, f := range s.Faults {
		list = append(list, Fault{f.Rule, f.Since})
	}
	return list
}

func (c *controller) faults() FaultsAnswer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return FaultsAnswer{c.state.faults()}
}

// rules are the faults in force as nodes are told them.
func (c *controller) rules() []fault.Rule {
	c.mu.Lock()
	defer c.mu.Unlock()
	return rulesOf(c.state.Faults)
}

func rulesOf(faults []FaultState) []fault.Rule {
	rules := make([]fault.Rule, len(faults))
	for i, f := range faults {
		rules[i] = f.Rule
	}
	return rules
}

func (c *controller) setFault(ctx context.Context, req FaultRequest) (FaultAnswer, error) {
	c.change.Lock()
	defer c.change.Unlock()
	f := FaultState{Rule: req.Rule, Since: time.Now().UTC()}
	if err := c.checkFault(&f.Rule, req.For); err != nil {
		return FaultAnswer{}, err
	}
	if req.For > 0 {
		f.Rule.Until = f.Since.Add(req.For)
	}
	before := len(topology.Components(c.open()))
	c.mu.Lock()
	set := c.state.FaultsSet + 1
	if f.Rule.Name == "" {
		f.Rule.Name = fmt.Sprintf("f%d", set)
	}
	next := append(slices.Clone(c.state.Faults), f)
	if data, err := json.Marshal(rulesOf(next)); err != nil || len(data) > maxRules {
		c.mu.Unlock()
		return FaultAnswer{}, api.NewError(api.CodeUsage, fmt.Sprintf("the faults in force would name more nodes than fit in %d bytes", maxRules), "run gossipctl clear-faults")
	}
	c.state.Faults, c.state.FaultsSet = next, set
	c.mu.Unlock()
	c.record(trace.Event{Kind: trace.Fault, Name: f.Rule.Name, Reason: f.Rule.String()})
	c.log.Info("fault set", "fault", f.Rule.Name, "for", req.For)
	out := FaultAnswer{Fault: Fault{f.Rule, f.Since}, Untold: c.tellFaults(ctx, c.present())}
	out.Parts = topology.Components(c.open())
	out.Fell = len(out.Parts) > before
	var about map[gossip.NodeID]bool
	about, out.Links = c.concerned(&f.Rule)
	out.Untold = slices.DeleteFunc(out.Untold, func(id gossip.NodeID) bool { return !about[id] })
	select {
	case c.sooner <- struct{}{}:
	default:
	}
	return out, c.saveFaults()
}

// concerned are the nodes whose packets or clocks a rule is about, and how many directions of links it is
// about, by the peers that nodes have now.
func (c *controller) concerned(r *fault.Rule) (nodes map[gossip.NodeID]bool, links int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	nodes = make(map[gossip.NodeID]bool)
	for i := range c.state.Nodes {
		n := &c.state.Nodes[i]
		if n.Removed {
			continue
		}
		if r.Clock != 0 && (len(r.Nodes) == 0 || slices.Contains(r.Nodes, n.ID)) {
			nodes[n.ID] = true
		}
		peers := n.Peers
		if c.state.Spec.Assembles() { // anybody may come to talk to anybody
			peers = c.state.present()
		}
		for _, peer := range peers {
			if peer != n.ID && r.Matches(fault.Link{From: n.ID, To: peer}) {
				nodes[n.ID] = true
				links++
			}
		}
	}
	return nodes, links
}

// checkFault makes sure that a fault can be set.
func (c *controller) checkFault(r *fault.Rule, lasts time.Duration) error {
	if err := r.Check(); err != nil {
		return usage(err, "")
	}
	switch {
	case lasts < 0 || lasts > MaxFor:
		return usage(fmt.Errorf("a fault for %v is not possible: up to %v", lasts, MaxFor), "")
	case r.Itself():
		return usage(fmt.Errorf("node %d has no link to itself", r.Nodes[0]), "")
	case !r.Until.IsZero():
		return usage(errors.New("say how long a fault is to last, not until when"), "")
	}
	if r.Name != "" {
		if err := fault.CheckName(r.Name); err != nil {
			return usage(err, "")
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.state.Faults) >= MaxFaults {
		return api.NewError(api.CodeConflict, fmt.Sprintf("%d faults are in force, and more are not possible", MaxFaults), "run gossipctl clear-faults")
	}
	if slices.ContainsFunc(c.state.Faults, func(f FaultState) bool { return f.Rule.Name == r.Name }) {
		return api.NewError(api.CodeConflict, fmt.Sprintf("there is a fault %q already", r.Name), "run gossipctl clear-faults "+r.Name)
	}
	for _, set := range append([][]gossip.NodeID{r.Nodes, r.Peers}, r.Groups...) {
		for _, id := range set {
			if n := c.state.node(id); n == nil || n.Removed {
				return c.state.unknownNode(id)
			}
		}
	}
	return nil
}

func (c *controller) clearFaults(ctx context.Context, req ClearRequest) (Cleared, error) {
	c.change.Lock()
	defer c.change.Unlock()
	c.mu.Lock()
	for _, name := range req.Names {
		if !slices.ContainsFunc(c.state.Faults, func(f FaultState) bool { return f.Rule.Name == name }) {
			defer c.mu.Unlock()
			return Cleared{}, c.state.unknownFault(name)
		}
	}
	c.mu.Unlock()
	return c.drop(ctx, func(r *fault.Rule) bool {
		return (len(req.Names) == 0 || slices.Contains(req.Names, r.Name)) && (!req.Partitions || Partition(r))
	})
}

// drop ends faults. It is called with c.change held.
func (c *controller) drop(ctx context.Context, which func(*fault.Rule) bool) (Cleared, error) {
	out := Cleared{Cleared: []string{}, Untold: []gossip.NodeID{}}
	c.mu.Lock()
	var left []FaultState
	for _, f := range c.state.Faults {
		if which(&f.Rule) {
			out.Cleared = append(out.Cleared, f.Rule.Name)
		} else {
			left = append(left, f)
		}
	}
	c.state.Faults, out.Left = left, len(left)
	c.mu.Unlock()
	if len(out.Cleared) == 0 {
		return out, nil
	}
	c.log.Info("faults ended", "faults", strings.Join(out.Cleared, " "))
	out.Untold = c.tellFaults(ctx, c.present())
	for _, name := range out.Cleared { // not before the last node knows
		c.record(trace.Event{Kind: trace.Heal, Name: name})
	}
	return out, c.saveFaults()
}

func (c *controller) saveFaults() error {
	if err := c.save(); err != nil {
		return fmt.Errorf("the faults were changed, but the state of the network could not be saved: %w", err)
	}
	return nil
}

// unknownFault is the error about the name of a fault that is not in force.
func (s *State) unknownFault(name string) *api.Error {
	names := make([]string, len(s.Faults))
	for i, f := range s.Faults {
		names[i] = f.Rule.Name
	}
	text := "no fault is in force"
	if len(names) > 0 {
		text = "in force: " + strings.Join(names[:min(len(names), 20)], ", ")
	}
	return api.NewError(api.CodeNotFound, fmt.Sprintf("there is no fault %.40q in network %q; %s", name, s.Spec.Network, text), "run gossipctl list-faults")
}

func (c *controller) present() []gossip.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.present()
}

// open is the graph of the nodes that live without the edges on which nothing passes.
func (c *controller) open() *topology.Graph {
	g, rules := c.liveGraph(), c.rules()
	cut := func(a, b int) bool {
		l := fault.Link{From: gossip.NodeID(a), To: gossip.NodeID(b)}
		return slices.ContainsFunc(rules, func(r fault.Rule) bool { return (r.Cut || r.Loss >= 1) && r.Matches(l) })
	}
	for _, e := range g.Edges() {
		if cut(e.A, e.B) && cut(e.B, e.A) {
			g.RemoveEdge(e.A, e.B)
		}
	}
	return g
}

// tellFaults makes nodes know the faults in force: those in ids, and those that could not be told
// before. It returns those that did not answer; keep tries them again. It is called with c.change held.
func (c *controller) tellFaults(ctx context.Context, ids []gossip.NodeID) []gossip.NodeID {
	rules := c.rules()
	return c.inform(ctx, c.unruled, ids, func(gossip.NodeID) wish {
		return func(ctx context.Context, node *api.Client) error { return node.SetFaults(ctx, rules) }
	})
}

// expire ends faults whose time is over, until ctx ends.
func (c *controller) expire(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.sooner:
		case <-timer.C:
		}
		now := time.Now()
		over := func(r *fault.Rule) bool { return !r.Until.IsZero() && !r.Until.After(now) }
		pause := MaxFor
		due := false
		for _, r := range c.rules() {
			if due = due || over(&r); !r.Until.IsZero() {
				pause = min(pause, max(r.Until.Sub(now), time.Millisecond))
			}
		}
		if due {
			c.change.Lock()
			if ctx.Err() == nil {
				if _, err := c.drop(ctx, over); err != nil {
					c.log.Error("ending faults", "error", err)
					c.touch()
				}
			}
			c.change.Unlock()
			pause = time.Millisecond // look at what is left
		}
		timer.Reset(pause)
	}
}
