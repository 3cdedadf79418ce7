package cmd

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/netctl"
	"gossipctl/node/api"
)

// trafficColumns are what wide tables of nodes tell of their traffic, in packets but for duplicates and
// repaired, which are messages.
var trafficColumns = []string{"sent", "received", "dropped", "duplicate", "repaired", "queue", "in flight"}

// trafficCells are a node's cells of these columns.
func trafficCells(n netctl.NodeView) []any {
	t := n.Traffic
	if t == nil {
		return slices.Repeat([]any{"–"}, len(trafficColumns))
	}
	return []any{t.Sent + t.Repeated, t.Received, reasons(t.Dropped), t.Duplicates, t.Repaired, t.Depth, t.InFlight}
}

// reasons lists counts by reason: 12 loss, 3 queue_full.
func reasons(dropped map[string]uint64) string {
	list := eachReason(dropped, func(reason string, n uint64) string { return fmt.Sprintf("%d %s", n, reason) })
	if len(list) == 0 {
		return "0"
	}
	return strings.Join(list, ", ")
}

func eachReason(dropped map[string]uint64, text func(string, uint64) string) (list []string) {
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		if n := dropped[reason]; n > 0 {
			list = append(list, text(reason, n))
		}
	}
	return list
}

// linkTable prints what became of the packets on each link.
func (a *app) linkTable(w io.Writer, view netctl.View) {
	var t term.Table
	a.linkRows(&t, view)
	fmt.Fprintln(w, "\nLinks, in packets; received and corrupt are what came from the other end in its present life, earlier in those before.")
	t.Write(w)
}

// linkRows are a row for each direction of each link. In CSV what was dropped is a number, and its reasons
// are in a column of their own: loss=3;partition=1.
func (a *app) linkRows(t *term.Table, view netctl.View) {
	t.Columns("from", "to", "link", "sent", "repeated", "passed", "dropped", "in flight", "queue", "bytes", "received", "corrupt", "earlier")
	t.Wide("reasons", "name")
	t.NameBy("name")
	for _, n := range view.Nodes {
		if n.Traffic == nil {
			continue
		}
		row := func(l api.Link, to any, state term.Safe) {
			dropped := reasons(l.Drops)
			if !a.human() {
				dropped = fmt.Sprint(l.Dropped)
			}
			each := eachReason(l.Drops, func(reason string, n uint64) string { return fmt.Sprintf("%s=%d", reason, n) })
			t.Row(a.nodeName(int(n.ID)), to, state, l.Sent, l.Repeated, l.Passed, dropped, l.InFlight, l.Depth, l.Queued,
				l.Received, l.Corrupt, l.EarlierReceived+l.EarlierCorrupt, strings.Join(each, ";"), fmt.Sprintf("%d-%d", n.ID, l.ID))
		}
		for _, l := range n.Traffic.Links {
			state := a.OutColor.Faint("idle")
			switch {
			case l.Stalled:
				state = a.OutColor.Bad("stalled")
			case l.Connected:
				state = a.OutColor.Good("open")
			case l.InFlight > 0:
				state = a.OutColor.Warn("broken")
			}
			row(l, a.nodeName(int(l.ID)), state)
		}
		for _, l := range n.Traffic.Former {
			var to any = a.nodeName(int(l.ID))
			if l.ID == 0 {
				to = "others"
			}
			row(l, to, a.OutColor.Faint("former"))
		}
	}
}
