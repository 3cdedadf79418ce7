package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// seedFlag is the seed of what a command draws. Given is whether somebody chose it.
type seedFlag struct {
	value uint64
	given bool
}

func (s *seedFlag) add(c *cobra.Command) {
	c.Flags().Uint64Var(&s.value, "seed", 0, "of a share of the nodes, such as 10%: same seed, same nodes (default: drawn, and printed)")
}

// take draws the seed unless it was given.
func (s *seedFlag) take(c *cobra.Command) {
	if s.given = c.Flags().Changed("seed"); !s.given {
		s.value = netctl.Seed()
	}
}

// pick reads a set of nodes: all and shares are of those in one of the states, numbers may be of any
// node that was not removed. Drawn is whether chance had a part in it.
func (a *app) pick(n *netctl.Network, text string, seed uint64, states ...netctl.NodeStatus) (ids []gossip.NodeID, drawn bool, err error) {
	set, err := fault.ParseNodes(text)
	if err != nil {
		return nil, false, api.WrapError(api.CodeUsage, err, "")
	}
	drawn = strings.HasSuffix(set.String(), "%")
	among := n.Present()
	if drawn || set.String() == "all" {
		among = n.In(states...)
		if len(among) == 0 {
			return nil, drawn, nil
		}
	}
	ids, err = set.Resolve(among, seed)
	if errors.Is(err, fault.ErrUnknown) {
		err = api.WrapError(api.CodeNotFound, fmt.Errorf("network %q: %w; it has %s", n.Name(), err, nodesText(among)), "run gossipctl list-nodes")
	}
	return ids, drawn, err
}

// nodesText names nodes in a sentence: node 3, nodes 1-8.
func nodesText(ids []gossip.NodeID) string {
	if len(ids) == 1 {
		return "node " + fault.NodesText(ids)
	}
	return "nodes " + fault.NodesText(ids)
}

// sentence begins a text with a capital letter. It is of ASCII.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// livesCommand is a command about the processes of nodes.
type livesCommand struct {
	*app
	seed   seedFlag
	do     func(*netctl.Network, context.Context, []gossip.NodeID) (netctl.Lives, error)
	from   []netctl.NodeStatus // which nodes all and shares are of
	none   string              // what to say when there are none of them
	done   string              // killed
	before netctl.NodeStatus   // nodes that were so already are left as they were
	after  func(*netctl.Network, netctl.Lives)
}

// nodeForms says how nodes are written, in every help text that takes them.
const nodeForms = `NODES is 3, 1-8, 1,4,9-12, all, or a share such as 10%.`

func (l *livesCommand) command(c *cobra.Command) *cobra.Command {
	l.seed.add(c)
	c.Args = l.args(1, 1000, "NODES")
	c.ValidArgsFunction = l.completeNodes(l.from...)
	c.RunE = func(c *cobra.Command, args []string) error { return l.run(c, args) }
	return c
}

func (l *livesCommand) run(c *cobra.Command, args []string) error {
	n, err := l.open()
	if err != nil {
		return err
	}
	l.seed.take(c)
	ids, drawn, err := l.pick(n, strings.Join(args, ","), l.seed.value, l.from...)
	if err != nil {
		return err
	}
	ctx, cancel := l.limit(c.Context())
	defer cancel()
	out, err := l.do(n, ctx, ids)
	if err != nil {
		return err
	}
	if drawn {
		out.Seed = l.seed.value
	}
	return l.print(out, func(w io.Writer) {
		var done, left, dead []gossip.NodeID
		for _, life := range out.Nodes {
			switch {
			case life.Was == l.before:
				left = append(left, life.ID)
			case life.State == netctl.Dead && l.before != netctl.Dead:
				dead = append(dead, life.ID)
			default:
				done = append(done, life.ID)
			}
		}
		switch {
		case len(done) > 0:
			fmt.Fprintf(w, "%s %s; %d of %s alive.\n", sentence(nodesText(done)), l.done, out.Alive, term.Plural(out.Of, "node"))
		case len(out.Nodes) == 0:
			fmt.Fprintln(w, l.none)
		}
		for _, other := range []struct {
			ids           []gossip.NodeID
			one, many, is string
		}{{left, "was", "were", string(l.before) + " already"}, {dead, "is", "are", "dead"}} {
			if verb := other.many; len(other.ids) > 0 {
				if len(other.ids) == 1 {
					verb = other.one
				}
				fmt.Fprintf(w, "%s %s %s.\n", sentence(nodesText(other.ids)), verb, other.is)
			}
		}
		if drawn && !l.seed.given {
			l.note("drawn with --seed %d", l.seed.value)
		}
		for _, e := range out.Joined {
			fmt.Fprintf(w, "  %s %s – %s\n", l.OutColor.Good("+"), l.nodeName(e[0]), l.nodeName(e[1]))
		}
		l.warn(out.Change)
		if l.after != nil {
			l.after(n, out)
		}
	}, func(t *term.Table) {
		t.Columns("node")
		for _, life := range out.Nodes {
			t.Row(life.ID)
		}
	})
}

func newKillNode(a *app) *cobra.Command {
	reconnect := false
	l := &livesCommand{
		app: a, from: []netctl.NodeStatus{netctl.Running, netctl.Paused}, none: "No node is alive.", done: "killed", before: netctl.Dead,
		do: func(n *netctl.Network, ctx context.Context, ids []gossip.NodeID) (netctl.Lives, error) {
			if reconnect {
				return n.KillAndReconnect(ctx, ids)
			}
			return n.Kill(ctx, ids)
		},
	}
	c := l.command(&cobra.Command{
		Use:   "kill-node NODES…",
		Short: "Crash nodes: SIGKILL, without a word to anybody",
		Long: `Crash nodes: their processes are killed (SIGKILL), all at once, and their peers are not
told. They keep their numbers and ports; restart-node starts them again.
` + nodeForms + `

If the nodes that live fall apart, that is said; --reconnect gives the peers that
the dead leave behind new ones.`,
		Example: "  gossipctl kill-node 3\n  gossipctl kill-node 1,4,9-12 --reconnect\n  gossipctl kill-node 10% --seed 7",
	})
	c.Flags().BoolVar(&reconnect, "reconnect", false, "give the peers they leave behind new ones, so that those alive stay connected")
	return c
}

func newPauseNode(a *app) *cobra.Command {
	l := &livesCommand{app: a, do: (*netctl.Network).Pause, from: []netctl.NodeStatus{netctl.Running}, none: "No node is running.", done: "paused", before: netctl.Paused}
	return l.command(&cobra.Command{
		Use:   "pause-node NODES…",
		Short: "Make nodes stand still: SIGSTOP",
		Long: `Make nodes stand still: their processes are stopped (SIGSTOP). They keep their
connections and take up what the system buffers for them, but do nothing.
` + nodeForms,
		Example: "  gossipctl pause-node 3\n  gossipctl pause-node 5-8\n  gossipctl pause-node 25%",
	})
}

func newResumeNode(a *app) *cobra.Command {
	l := &livesCommand{app: a, do: (*netctl.Network).Resume, from: []netctl.NodeStatus{netctl.Paused}, none: "No node is paused.", done: "running again", before: netctl.Running}
	return l.command(&cobra.Command{
		Use:   "resume-node NODES…",
		Short: "Let paused nodes go on: SIGCONT",
		Long: `Let paused nodes go on (SIGCONT). Then they learn what they have missed of peers and faults.
` + nodeForms + ` Of all and of a share, those that are paused.`,
		Example: "  gossipctl pause-node 3,4\n  gossipctl resume-node 3\n  gossipctl resume-node all",
	})
}

func newRestartNode(a *app) *cobra.Command {
	l := &livesCommand{
		app: a, do: (*netctl.Network).Restart, from: []netctl.NodeStatus{netctl.Running, netctl.Paused, netctl.Dead}, none: "The network has no nodes.", done: "restarted",
		after: func(n *netctl.Network, out netctl.Lives) {
			for _, text := range out.Lost {
				a.note("%s %s", a.ErrColor.Warn("Warning:"), text)
			}
			again := 0
			for _, life := range out.Nodes {
				if life.State != netctl.Dead {
					again++
				}
			}
			switch spec := n.Spec(); {
			case spec.Durable || len(out.Nodes) == 0:
			case out.Alive == again:
				a.note("memory inbox was lost; no node ran on that could refill it")
			case spec.Repairs():
				a.note("memory inbox was lost; it is refilled from its peers, as far as they have the messages")
			default:
				a.note("memory inbox was lost")
			}
		},
	}
	return l.command(&cobra.Command{
		Use:   "restart-node NODES…",
		Short: "Start nodes again, dead or alive",
		Long: `Start nodes again, dead or alive: one that runs is asked to end, and killed when it does
not; then it is started with the same number, port and peers. Unless the network
is durable its inbox was in memory and is lost; repair refills it from its peers.
` + nodeForms,
		Example: "  gossipctl restart-node 3\n  gossipctl kill-node 5,6\n  gossipctl restart-node 5,6\n  gossipctl restart-node 10% --seed 7",
	})
}

// completeNodes completes every argument as the number of a node in one of the states.
func (a *app) completeNodes(states ...netctl.NodeStatus) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		n, err := a.open()
		if err != nil {
			return nil, noFiles
		}
		var ids []string
		for _, id := range n.In(states...) {
			if text := strconv.Itoa(int(id)); !slices.Contains(args, text) {
				ids = append(ids, text)
			}
		}
		return ids, noFiles | cobra.ShellCompDirectiveKeepOrder
	}
}
