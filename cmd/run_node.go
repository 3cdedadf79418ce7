package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/live"
	"gossipctl/protocol"

	"github.com/spf13/cobra"
)

// runNode is the form of run-node.
type runNode struct {
	*app
	opts     netctl.RunOptions
	id       int
	logLevel string
}

// madeOf are the flags that say what a network without a controller is made of.
var madeOf = []string{"protocol", "set", "repair", "membership", "membership-set"}

func newRunNode(a *app) *cobra.Command {
	o := &runNode{app: a}
	c := &cobra.Command{
		Use:   "run-node",
		Short: "Run one node here, in a network that runs or a new one",
		Long: `Run one node in this terminal. It joins a network that runs, or begins one, and
leaves it with Ctrl-C; a second Ctrl-C ends it at once.

A network that start-network made takes it in like any other node: its controller
wires it to the nodes named with --join, or to random ones, and list-nodes,
send-message, set-fault, remove-node and the others work with it. Only restart-node
does not: it is started again by hand. It ends when the network is stopped.

A network can also be made of such nodes alone, without a controller. The first one
is run without --join and begins it: it says what all nodes are made of, with
--protocol, --set, --repair, --membership and --membership-set. The others join any
node of it. The last one that leaves ends it; so does stop-network.

The node's number is its port less that of the network (7000 for port 7005 is node
5), unless --id gives it one. Nodes listen on this machine only. What the node logs
goes to stderr.`,
		Example:           "  gossipctl run-node\n  gossipctl run-node --listen 127.0.0.1:7017 --join 127.0.0.1:7001\n  gossipctl run-node --network lab --listen 127.0.0.1:8001",
		Args:              o.args,
		ValidArgsFunction: nothing,
		RunE:              func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.opts.Listen, "listen", "", "address and port to listen on (default: 127.0.0.1 and the port of the next free number)")
	f.StringArrayVar(&o.opts.Join, "join", nil, "address of a node to join; may be given several times")
	f.IntVar(&o.id, "id", 0, "the node's number (default: its port less that of the network)")
	spec := &o.opts.Spec
	f.StringVar(&spec.Protocol, "protocol", protocol.Default, "of a network without a controller: how messages spread; see list-protocols")
	f.StringToStringVar(&spec.Settings, "set", nil, "of a network without a controller: a setting of the protocol, key=value")
	// Nobody but the nodes themselves could bring what loss has cost.
	f.StringVar(&spec.Repair, "repair", protocol.RepairAntiEntropy, "of a network without a controller: what closes gaps: "+protocol.RepairAntiEntropy+" or "+protocol.RepairNone)
	f.StringVar(&spec.Membership, "membership", netctl.MembershipByHand, "of a network without a controller: what notices who is there: swim, hyparview or none")
	f.StringToStringVar(&spec.MembershipSettings, "membership-set", nil, "of a network without a controller: a setting of the membership, key=value")
	f.StringVar(&o.logLevel, "log-level", "info", "least level of what is logged: debug, info, warn, error")
	c.RegisterFlagCompletionFunc("protocol", completeProtocol)
	c.RegisterFlagCompletionFunc("repair", completeRepair)
	c.RegisterFlagCompletionFunc("membership", completeMembership)
	c.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, noFiles))
	return c
}

// args notes what was typed: environment and config file, which come later, are for networks that are begun.
func (o *runNode) args(c *cobra.Command, args []string) error {
	for _, name := range madeOf {
		if c.Flags().Changed(name) {
			o.opts.Typed = append(o.opts.Typed, "--"+name)
		}
	}
	return o.app.args(0, 0, "no argument; say where with --listen and --join")(c, args)
}

// byHandDoc is the JSON of run-node: where the node is, once it serves.
type byHandDoc struct {
	Network  string        `json:"network"`
	Node     gossip.NodeID `json:"node"`
	Run      uint32        `json:"run"`
	URL      string        `json:"url"`
	PID      int           `json:"pid"`
	Protocol string        `json:"protocol"`
	Began    bool          `json:"began"` // the network began with it
}

func (o *runNode) run(c *cobra.Command) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return o.misuse(c, fmt.Errorf("--log-level %q is none of debug, info, warn and error", o.logLevel))
	}
	if c.Flags().Changed("id") && o.id < 1 {
		return o.misuse(c, fmt.Errorf("--id %d is not a node number: it must be a whole number from 1", o.id))
	}
	run, ripe, err := live.ClockRun(time.Now())
	if err != nil {
		return err
	}
	o.opts.Network, o.opts.ID, o.opts.Life = o.network, gossip.NodeID(o.id), run
	o.opts.Note = func(text string) { o.note("%s", text) }
	ctx := c.Context()
	find, cancel := o.limit(ctx)
	defer cancel()
	hand, err := netctl.RunNode(find, o.opts)
	if err != nil {
		return err
	}
	defer hand.Leave()
	if hand.Config.Run != run {
		ripe = time.Time{} // somebody counts its lives
	}
	return o.serve(ctx, hand, live.Hand{Ripe: ripe, Log: slog.New(slog.NewTextHandler(o.Err, &slog.HandlerOptions{Level: level}))})
}

// errStopped is why a node ends whose network was stopped.
var errStopped = errors.New("the network was stopped")

// serve runs the node until it leaves, or its network is gone.
func (o *runNode) serve(ctx context.Context, hand *netctl.ByHand, how live.Hand) error {
	life, end := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	var gone error
	group.Go(func() {
		if gone = hand.Watch(life); life.Err() == nil {
			end(errStopped)
		}
	})
	defer context.AfterFunc(life, func() { signal.Reset(os.Interrupt) })() // the second Ctrl-C ends the process at once
	ending := false
	how.Alone = !hand.Controlled()
	how.Leave = func() { ending = hand.Leave() }
	how.Serving = func() error {
		serving, cancel := o.limit(context.WithoutCancel(ctx)) // it is one of the network, or is not; then it can leave
		defer cancel()
		if err := hand.Serving(serving); err != nil {
			return err
		}
		return o.show(hand)
	}
	err := live.ByHand(life, hand.Config, hand.Listener, newProtocol, how)
	stopped := errors.Is(context.Cause(life), errStopped)
	end(nil)
	group.Wait()
	switch name := term.Escape(hand.Config.Network); {
	case err != nil:
		return err
	case gone != nil:
		return gone
	case stopped || ending:
		o.note("Network %q has ended, and node %d with it.", name, hand.Config.ID)
	default:
		o.note("Node %d has left network %q.", hand.Config.ID, name)
	}
	return nil
}

func (o *runNode) show(hand *netctl.ByHand) error {
	cfg := &hand.Config
	doc := byHandDoc{cfg.Network, cfg.ID, cfg.Run, "http://" + hand.Listener.Addr().String(), os.Getpid(), cfg.Protocol, hand.Began}
	return o.print(doc, func(w io.Writer) {
		verb := "has joined"
		if doc.Began {
			verb = "has begun"
		}
		fmt.Fprintf(w, "Node %s %s network %s at %s (pid %d). Press Ctrl-C to make it leave.\n", o.nodeName(int(doc.Node)), verb, o.OutColor.Strong(term.Escape(doc.Network)), doc.URL, doc.PID)
	}, func(t *term.Table) {
		t.Columns("node")
		t.Row(doc.Node)
	})
}
