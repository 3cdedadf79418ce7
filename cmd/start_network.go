package cmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/topology"
	"gossipctl/values"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// plotInState stands for the picture in the network's state folder.
const plotInState = "in the state folder"

type startNetwork struct {
	*app
	spec       netctl.Spec
	set        map[string]string
	assembly   assembly
	retain     string
	logLevel   string
	plot       string
	noOpen     bool
	foreground bool
	keepLogs   bool
	resume     bool
	typed      []string // flags on the command line, other than those that say how a network is started
}

func newStartNetwork(a *app) *cobra.Command {
	o := &startNetwork{app: a}
	c := &cobra.Command{
		Use:   "start-network [TOPOLOGY [PARAMETER]]",
		Short: "Start a network of node processes",
		Long: `Start a network: one process a node, wired by a topology (default: random 3), and a
controller that owns them. Returns when every node is ready, or takes everything
down again and says why. The controller listens on the base port, node k on base + k.

With --durable a message is accepted when it is on disk: it survives the node, the
network and the machine. With --resume a network comes back that was stopped with
stop-network --keep, or whose controller has died: the same nodes on the same ports,
wired as they were last, with the inboxes that are on disk.

With the topology bootstrap nodes find each other: each is given contacts only, nodes 1
to CONTACTS (default: node 1), and comes to know the rest. --discovery chooses another way
to find them, --membership what notices who is there and who is gone. With a membership
and another topology, its edges are the contacts. The command then returns when everybody
knows everybody, or with hyparview, when all nodes have neighbours and hang together.`,
		Example:           "  gossipctl start-network\n  gossipctl start-network random 5 --plot\n  gossipctl start-network circular -n 8 --network ring --base-port 7200\n  gossipctl start-network bootstrap\n  gossipctl start-network bootstrap 2 --membership swim\n  gossipctl start-network --durable\n  gossipctl start-network --resume",
		Args:              o.args,
		ValidArgsFunction: completeTopology,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	f.IntVarP(&o.spec.Nodes, "num-nodes", "n", netctl.DefaultNodes, "how many nodes")
	f.StringVarP(&o.plot, "plot", "P", "", "draw the topology to `FILE` (svg, png, dot, json, txt); without FILE, in the state folder")
	f.Lookup("plot").NoOptDefVal = plotInState
	f.BoolVar(&o.noOpen, "no-open", false, "do not open a viewer for the picture")
	f.StringVar(&o.spec.Protocol, "protocol", protocol.Default, "gossip protocol, see list-protocols")
	f.StringToStringVar(&o.set, "set", nil, "override a setting of the protocol: `key=value`")
	f.StringVar(&o.spec.Repair, "repair", protocol.RepairAntiEntropy, "what closes the gaps that the protocol leaves: anti-entropy, or none")
	f.DurationVar(&o.spec.RepairEvery, "repair-interval", protocol.RepairEvery, "how often a node compares what it has with one of its peers")
	f.DurationVar(&o.spec.ValuesEvery, "values-interval", values.Every, "how often a node compares its values with one of its peers")
	f.DurationVar(&o.spec.ValuesKeep, "values-keep", values.Keep, "how long nodes remember that a value is gone; who was away for longer is told all anew")
	f.StringVar(&o.spec.Latency, "latency", "", "time every packet between nodes takes besides: constant:10ms, uniform:10ms,150ms, exponential:10ms (`mean`), lognormal:10ms,0.5")
	f.IntVar(&o.spec.BasePort, "base-port", netctl.DefaultBasePort, "port of the controller; node k listens on it + k")
	f.Uint64Var(&o.spec.Seed, "seed", 0, "same seed, same graph and same choices (default: drawn, and printed)")
	f.BoolVar(&o.foreground, "foreground", false, "stay attached; Ctrl-C stops the network")
	f.IntVar(&o.spec.Capacity, "inbox", 0, "messages a node keeps (default 100000)")
	f.StringVar(&o.retain, "retain-policy", "refuse", "when an inbox is full: refuse new messages, or drop-oldest")
	f.StringVar(&o.logLevel, "log-level", "info", "what nodes log: debug (every step of every message), info, warn or error")
	f.BoolVar(&o.spec.Record, "record", false, "write down everything that happens, for check-run and export-network")
	f.BoolVar(&o.spec.Durable, "durable", false, "accept a message when it is on disk, and keep inboxes beyond the life of a node")
	f.BoolVar(&o.resume, "resume", false, "bring back the network that was stopped with --keep, or whose controller died")
	f.BoolVar(&o.spec.Reconnect, "reconnect", false, "give the peers that a dead node leaves behind new ones, so that those alive stay connected")
	o.assembly.add(c, &o.spec)
	f.BoolVar(&o.keepLogs, "retain", false, "keep the logs when the start fails")
	c.RegisterFlagCompletionFunc("protocol", completeProtocol)
	c.RegisterFlagCompletionFunc("repair", completeRepair)
	c.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, noFiles))
	c.RegisterFlagCompletionFunc("retain-policy", cobra.FixedCompletions([]string{"refuse", "drop-oldest"}, noFiles))
	return c
}

// anyStart are the flags that mean the same for a network that is resumed. What that network is it was
// told when it was started.
var anyStart = []string{"resume", "network", "timeout", "quiet", "color", "output", "plot", "no-open", "foreground", "no-wait"}

// args notes which flags were typed, before those are added that environment and config file set.
func (o *startNetwork) args(c *cobra.Command, args []string) error {
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(anyStart, f.Name) {
			o.typed = append(o.typed, "--"+f.Name)
		}
	})
	return o.app.args(0, 2, "a topology and its parameter")(c, args)
}

func (o *startNetwork) run(c *cobra.Command, args []string) error {
	err := o.complete(c, args)
	if o.resume {
		if err = o.checkPlot(); len(o.typed)+len(args) > 0 {
			err = o.misuse(c, fmt.Errorf("--resume brings a network back as it was; it cannot be given %s", strings.Join(append(args, o.typed...), " ")))
		}
	}
	if err != nil {
		return err
	}
	started, err := o.start(c.Context())
	if err != nil {
		return err
	}
	view := started.View
	o.assembled(view)
	if o.plot != "" {
		if err := o.draw(c.Context(), &view); err != nil {
			return err
		}
	}
	if err := o.show(view); err != nil || !o.foreground {
		return err
	}
	o.note("Press Ctrl-C to stop the network.")
	stopped := "stopped"
	if o.durable(view.Network) {
		stopped = fmt.Sprintf("stopped and kept; start-network --resume%s brings it back", netctl.Naming(view.Network))
	}
	select {
	case <-c.Context().Done():
		started.Detach()
		err = <-started.Attached
		o.note("Network %q %s.", view.Network, stopped)
	case err = <-started.Attached:
		if err == nil {
			o.note("Network %q was stopped.", view.Network)
		}
	}
	return err
}

// start starts or resumes the network and shows how far that is.
func (o *startNetwork) start(ctx context.Context) (*netctl.Started, error) {
	nodes := o.spec.Nodes
	if o.resume {
		nodes = -1 // how many they are is not known here
	}
	progress := term.StartProgress(o.Streams, nodes, "starting nodes")
	defer progress.Done()
	ready := 0
	opts := netctl.StartOptions{
		Timeout: o.timeout, Foreground: o.foreground, Retain: o.keepLogs, Version: version, Command: o.command(), NoWait: o.assembly.noWait,
		Progress: func(now int) { progress.Add(now - ready); ready = now },
		Note:     func(text string) { o.note("%s", text) },
	}
	if !o.resume {
		return netctl.Start(ctx, o.spec, opts)
	}
	started, err := netctl.Resume(ctx, o.network, opts)
	if err != nil {
		return nil, err
	}
	if view, err := o.view(ctx, false); err == nil { // with what is in the inboxes
		started.View = view
	}
	return started, nil
}

// durable reports whether a network that runs keeps what it accepts.
func (o *startNetwork) durable(network string) bool {
	n, err := netctl.Open("", network)
	return err == nil && n.Spec().Durable
}

// complete turns what was typed into a spec.
func (o *startNetwork) complete(c *cobra.Command, args []string) error {
	o.spec.Network, o.spec.Topology, o.spec.Settings = o.network, netctl.DefaultTopology, o.set
	if len(args) > 0 {
		o.spec.Topology = args[0]
	}
	if err := o.assembly.complete(c, args, &o.spec); err != nil {
		return o.misuse(c, err)
	}
	if len(args) > 1 && o.spec.Topology != netctl.TopologyBootstrap {
		kind, ok := topology.Find(o.spec.Topology)
		if strings.ContainsAny(args[1], "./") {
			return o.misuse(c, fmt.Errorf("%q is no parameter of a topology; to draw to a file write --plot=%s", args[1], args[1]))
		}
		if !ok || kind.Param.Name == "" {
			return o.misuse(c, fmt.Errorf("%s takes no parameter such as %q", o.spec.Topology, args[1]))
		}
		var err error
		if o.spec.Parameter, err = kind.ParseParam(args[1], o.spec.Nodes); err != nil {
			return api.WrapError(api.CodeUsage, err, "")
		}
	}
	if !c.Flags().Changed("seed") {
		o.spec.Seed = netctl.Seed()
	}
	switch o.retain {
	case "refuse":
	case "drop-oldest":
		o.spec.DropOldest = true
	default:
		return o.misuse(c, fmt.Errorf("--retain-policy %q is neither refuse nor drop-oldest", o.retain))
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return o.misuse(c, fmt.Errorf("--log-level %q is none of debug, info, warn and error", o.logLevel))
	}
	o.spec.LogLevel = level
	return o.checkPlot()
}

func (o *startNetwork) checkPlot() error {
	if o.plot != "" && o.plot != plotInState {
		return checkPictureFile(o.plot)
	}
	return nil
}

// draw makes the picture of a network that runs already: that it could not be made is told, but
// the network stays.
func (o *startNetwork) draw(ctx context.Context, view *netctl.View) error {
	path := o.plot
	if path == plotInState {
		n, err := o.open()
		if err != nil {
			return err
		}
		path = filepath.Join(n.Dir(), "topology.svg")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := o.drawFile(ctx, path, pictureOf(*view)); err != nil {
		o.note("the network runs, but its picture could not be drawn: %v", err)
		return nil
	}
	if o.plot == plotInState {
		os.Chmod(path, 0o600) // like everything else in that folder
	}
	view.Plot = path
	if !o.noOpen {
		o.openViewer(path)
	}
	return nil
}

func port(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }

func (o *startNetwork) show(view netctl.View) error {
	return o.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "Network %s is running: %s · %s · seed %d\n", o.OutColor.Strong(term.Escape(view.Network)), view.Describe(), view.Protocol, view.Seed)
		ports := fmt.Sprintf("nodes at ports %s to %s", port(view.Nodes[0].URL), port(view.Nodes[len(view.Nodes)-1].URL))
		if len(view.Nodes) == 1 {
			ports = fmt.Sprintf("its node at port %s", port(view.Nodes[0].URL))
		}
		fmt.Fprintf(w, "Controller at %s, %s.\n", view.Controller.URL, ports)
		if view.Plot != "" {
			fmt.Fprintf(w, "Picture: %s\n", term.Escape(view.Plot))
		}
		if len(view.Nodes) <= 32 {
			fmt.Fprintln(w)
			o.nodeTable(w, view)
		}
	}, func(t *term.Table) {
		t.Columns("network")
		t.Row(view.Network)
	})
}

// command is the command line that starts the same network again.
func (o *startNetwork) command() []string {
	line := append([]string{"gossipctl"}, o.line...)
	if !slices.ContainsFunc(o.line, func(arg string) bool { return arg == "--seed" || strings.HasPrefix(arg, "--seed=") }) {
		line = append(line, fmt.Sprintf("--seed=%d", o.spec.Seed))
	}
	return line
}
