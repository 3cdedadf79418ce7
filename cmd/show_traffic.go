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
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		if n := dropped[reason]; n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, reason))
		}
	}
	if len(list) == 0 {
		return "0"
	}
	return strings.Join(list, ", ")
}

// linkTable prints what became of the packets on each link.
func (a *app) linkTable(w io.Writer, view netctl.View) {
	var t term.Table
	t.Columns("from", "to", "link", "sent", "repeated", "passed", "dropped", "in flight", "queue", "bytes", "received", "corrupt")
	for _, n := range view.Nodes {
		if n.Traffic == nil {
			continue
		}
		row := func(l api.Link, to any, state term.Safe) {
			t.Row(a.nodeName(int(n.ID)), to, state, l.Sent, l.Repeated, l.Passed, reasons(l.Drops), l.InFlight, l.Depth, l.Queued, l.Received, l.Corrupt)
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
	fmt.Fprintln(w, "\nLinks, in packets; received and corrupt are what came from the other end.")
	t.Write(w)
}
