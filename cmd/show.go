package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/netctl"

	"github.com/spf13/cobra"
)

// refresh is how often --watch looks. Faster would be more than an eye can follow in a table.
const refresh = 500 * time.Millisecond

func newShowNetwork(a *app) *cobra.Command {
	watch, links, metrics := false, false, false
	c := &cobra.Command{
		Use:   "show-network",
		Short: "Show how the network is",
		Long: `Show how the network is, and its nodes. With -o wide also what the nodes have sent and received in
packets, what was dropped and why, which messages came more than once and which were repaired, and
what still waits. With --links the same for every link; then sent + repeated = passed + dropped +
in flight, on each, at any moment.

Passed is what was written to the life that the peer is in. What was written to one that ended
counts as dropped, for the reason peer_ended: nobody can tell whether it was read.
Received and corrupt are what came from the life that the peer is in; earlier, damaged
ones included, what came from those before. At rest what one end has passed is
what the other has received and found corrupt.

--metrics prints the counters of all nodes as GET /metrics of the controller does, in
the text format of Prometheus; that needs the token of the network, which only
gossipctl knows how to make. For Prometheus write it to a file of a textfile collector.`,
		Example:           "  gossipctl show-network\n  gossipctl show-network -o wide\n  gossipctl show-network --links\n  gossipctl show-network --watch\n  gossipctl show-network --metrics",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			if metrics {
				return a.showMetrics(c)
			}
			show := func(ctx context.Context) error { return a.showNetwork(ctx, links) }
			if watch {
				return a.watch(c.Context(), show)
			}
			return show(c.Context())
		},
	}
	c.Flags().BoolVarP(&links, "links", "l", false, "show what became of the packets on every link, too")
	c.Flags().BoolVarP(&watch, "watch", "w", false, "show it again whenever it has changed, until Ctrl-C")
	c.Flags().BoolVar(&metrics, "metrics", false, "print the counters of all nodes for Prometheus, and nothing else")
	c.MarkFlagsMutuallyExclusive("metrics", "links")
	c.MarkFlagsMutuallyExclusive("metrics", "watch")
	return c
}

// showMetrics prints what the controller tells Prometheus.
func (a *app) showMetrics(c *cobra.Command) error {
	if !a.human() {
		return a.misuse(c, fmt.Errorf("--metrics is in the format of Prometheus, and not in %s", a.out.Format))
	}
	n, err := a.open()
	if err != nil {
		return err
	}
	ctx, cancel := a.limit(c.Context())
	defer cancel()
	page, err := n.Metrics(ctx)
	if err != nil {
		return err
	}
	_, err = a.Out.Write(page) // numbers, and names of this project
	return err
}

func (a *app) showNetwork(ctx context.Context, links bool) error {
	view, err := a.view(ctx, links)
	if err != nil {
		return err
	}
	return a.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "Network %s: %s · %s · seed %d\n", a.OutColor.Strong(term.Escape(view.Network)), view.Describe(), view.Protocol, view.Seed)
		if all := len(view.Nodes) - view.Count(netctl.Removed); view.Count(netctl.Running) < all {
			fmt.Fprintf(w, "%s\n", a.OutColor.Warn(term.Escape(fmt.Sprintf("%d of %d nodes run.", view.Count(netctl.Running), all))))
		}
		if view.Controller.PID > 0 {
			fmt.Fprintf(w, "Started %s, controller at %s (pid %d).\n", term.Since(view.Started, time.Now()), view.Controller.URL, view.Controller.PID)
		} else {
			fmt.Fprintf(w, "Begun %s; its nodes were started by hand, and it has no controller.\n", term.Since(view.Started, time.Now()))
		}
		a.faultLines(w, view)
		fmt.Fprintln(w)
		a.nodeTable(w, view)
		if links {
			a.linkTable(w, view)
		}
	}, func(t *term.Table) {
		if links {
			a.linkRows(t, view)
			return
		}
		nodeRows(a, t, view)
	})
}

func newListNodes(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "list-nodes",
		Short:             "List the nodes and how they are",
		Example:           "  gossipctl list-nodes\n  gossipctl list-nodes -o wide",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			view, err := a.opinions(c.Context())
			if err != nil {
				return err
			}
			return a.print(view.Nodes, nil, func(t *term.Table) { nodeRows(a, t, view) })
		},
	}
}

// view asks the network how it is, and the nodes what they have counted where that will be shown.
func (a *app) view(ctx context.Context, count bool) (netctl.View, error) {
	n, err := a.open()
	if err != nil {
		return netctl.View{}, err
	}
	ctx, cancel := a.limit(ctx)
	defer cancel()
	view, err := n.View(ctx)
	if wide := a.out.Format == term.FormatWide || a.out.Format == term.FormatCSV; err == nil && (count || wide) {
		n.Count(ctx, &view)
		err = ctx.Err()
	}
	return view, err
}

// nodeTable prints the nodes of a network below what was said of it as a whole.
func (a *app) nodeTable(w io.Writer, view netctl.View) {
	streams := a.Streams
	streams.Out = w
	term.Print(streams, a.out, view.Nodes, func(t *term.Table) { nodeRows(a, t, view) })
}

func nodeRows(a *app, t *term.Table, view netctl.View) {
	columns := []string{"node", "state", "messages", "unread", "peers"}
	opinions := slices.ContainsFunc(view.Nodes, func(n netctl.NodeView) bool { return n.Sees != nil })
	if opinions {
		columns = append(columns, opinionColumns...)
	}
	t.Columns(columns...)
	t.Wide(append([]string{"pid", "url", "started"}, trafficColumns...)...)
	for _, n := range view.Nodes {
		state := term.Escape(string(n.State))
		switch n.State {
		case netctl.Running:
			state = a.OutColor.Good(state)
		case netctl.Removed:
			state = a.OutColor.Faint(state)
		case netctl.Dead:
			text := "dead"
			if n.Ended != nil { // else it has ended just now, and the controller does not know how yet
				text = fmt.Sprintf("dead (%s) %s", n.Exit, n.Ended.Local().Format(time.TimeOnly))
			}
			state = a.OutColor.Bad(term.Escape(text))
		default:
			state = a.OutColor.Warn(state)
		}
		// What cannot be asked is not known, and a node that was removed has nobody any more.
		messages, unread, peers := fmt.Sprint(n.Messages), fmt.Sprint(n.Unread), nodeNames(a, n.Peers)
		started := "" // by whom
		if n.Joined {
			started = "by hand"
		}
		if n.State != netctl.Running {
			messages, unread = "–", "–"
		}
		if n.State == netctl.Removed {
			peers = ""
		}
		cells := []any{a.nodeName(int(n.ID)), state, messages, unread, peers}
		if opinions {
			cells = append(cells, a.opinionCells(n)...)
		}
		t.Row(append(append(cells, n.PID, n.URL, started), trafficCells(n)...)...)
	}
}

// watch shows something again and again until Ctrl-C. On a terminal it replaces what it showed;
// elsewhere each showing follows the last, and a program reads one document after the other.
func (a *app) watch(ctx context.Context, show func(context.Context) error) error {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	out := a.Streams.Out
	defer func() { a.Streams.Out = out }()
	last := ""
	for {
		var page strings.Builder
		a.Streams.Out = &page
		err := show(ctx)
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if text := page.String(); text != last {
			if a.OutTTY && a.human() {
				fmt.Fprint(out, "\x1b[H\x1b[2J")
			}
			if _, err := io.WriteString(out, text); err != nil {
				return err
			}
			last = text
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
