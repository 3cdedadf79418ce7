package cmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/topology"

	"github.com/spf13/cobra"
)

// plotInState stands for the picture in the network's state folder.
const plotInState = "in the state folder"

type startNetwork struct {
	*app
	spec       netctl.Spec
	set        map[string]string
	retain     string
	logLevel   string
	plot       string
	noOpen     bool
	foreground bool
	keepLogs   bool
}

func newStartNetwork(a *app) *cobra.Command {
	o := &startNetwork{app: a}
	c := &cobra.Command{
		Use:   "start-network [TOPOLOGY [PARAMETER]]",
		Short: "Start a network of node processes",
		Long: `Start a network: one process a node, wired by a topology (default: random 3), and a
controller that owns them. Returns when every node is ready, or takes everything
down again and says why. The controller listens on the base port, node k on base + k.`,
		Example:           "  gossipctl start-network\n  gossipctl start-network random 5 --plot\n  gossipctl start-network circular -n 8 --network ring --base-port 7200",
		Args:              a.args(0, 2, "a topology and its parameter"),
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
	f.StringVar(&o.spec.Latency, "latency", "", "time every packet between nodes takes besides: constant:10ms, uniform:10ms,150ms, exponential:10ms (`mean`), lognormal:10ms,0.5")
	f.IntVar(&o.spec.BasePort, "base-port", netctl.DefaultBasePort, "port of the controller; node k listens on it + k")
	f.Uint64Var(&o.spec.Seed, "seed", 0, "same seed, same graph and same choices (default: drawn, and printed)")
	f.BoolVar(&o.foreground, "foreground", false, "stay attached; Ctrl-C stops the network")
	f.IntVar(&o.spec.Capacity, "inbox", 0, "messages a node keeps (default 100000)")
	f.StringVar(&o.retain, "retain-policy", "refuse", "when an inbox is full: refuse new messages, or drop-oldest")
	f.StringVar(&o.logLevel, "log-level", "info", "what nodes log: debug (every step of every message), info, warn or error")
	f.BoolVar(&o.keepLogs, "retain", false, "keep the logs when the start fails")
	c.RegisterFlagCompletionFunc("protocol", completeProtocol)
	c.RegisterFlagCompletionFunc("repair", completeRepair)
	c.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, noFiles))
	c.RegisterFlagCompletionFunc("retain-policy", cobra.FixedCompletions([]string{"refuse", "drop-oldest"}, noFiles))
	return c
}

func (o *startNetwork) run(c *cobra.Command, args []string) error {
	if err := o.complete(c, args); err != nil {
		return err
	}
	progress := term.StartProgress(o.Streams, o.spec.Nodes, "starting nodes")
	ready := 0
	started, err := netctl.Start(c.Context(), o.spec, netctl.StartOptions{
		Timeout: o.timeout, Foreground: o.foreground, Retain: o.keepLogs,
		Progress: func(now int) { progress.Add(now - ready); ready = now },
		Note:     func(text string) { o.note("%s", text) },
	})
	progress.Done()
	if err != nil {
		return err
	}
	view := started.View
	if o.plot != "" {
		if err := o.draw(c.Context(), &view); err != nil {
			return err
		}
	}
	if err := o.show(view); err != nil || !o.foreground {
		return err
	}
	o.note("Press Ctrl-C to stop the network.")
	select {
	case <-c.Context().Done():
		started.Detach()
		err = <-started.Attached
		o.note("Network %q stopped.", view.Network)
	case err = <-started.Attached:
		if err == nil {
			o.note("Network %q was stopped.", view.Network)
		}
	}
	return err
}

// complete turns what was typed into a spec.
func (o *startNetwork) complete(c *cobra.Command, args []string) error {
	o.spec.Network, o.spec.Topology, o.spec.Settings = o.network, netctl.DefaultTopology, o.set
	if len(args) > 0 {
		o.spec.Topology = args[0]
	}
	if len(args) > 1 {
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

func (o *startNetwork) show(view netctl.View) error {
	return o.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "Network %s is running: %s · %s · seed %d\n", o.OutColor.Strong(term.Escape(view.Network)), view.Describe(), view.Protocol, view.Seed)
		ports := fmt.Sprintf("nodes at ports %d to %d", o.spec.BasePort+1, o.spec.BasePort+len(view.Nodes))
		if len(view.Nodes) == 1 {
			ports = fmt.Sprintf("its node at port %d", o.spec.BasePort+1)
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
