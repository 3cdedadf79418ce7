package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// benchmarkDoc is the JSON of benchmark-network.
type benchmarkDoc struct {
	Network  string              `json:"network"`
	Protocol string              `json:"protocol"`
	Topology netctl.TopologyView `json:"topology"`
	Nodes    int                 `json:"nodes"` // that took part
	Payload  int                 `json:"payload_bytes"`
	Relays   int                 `json:"relays"`
	WarmUps  int                 `json:"warm_up_messages"` // not counted
	Single   *singleDoc          `json:"single,omitempty"`
	Burst    *burstDoc           `json:"burst,omitempty"`
	Error    *api.Error          `json:"error,omitempty"` // why the exit status is not 0
}

type singleDoc struct {
	Messages int         `json:"messages"`
	Last     quantileDoc `json:"last_ms"`   // until the last node had it
	Median   quantileDoc `json:"median_ms"` // until half of the nodes had it
	Missing  int         `json:"missing"`
}

// quantileDoc is taken over messages, in milliseconds.
type quantileDoc struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

type burstDoc struct {
	Messages   int               `json:"messages"`
	Senders    int               `json:"senders"`
	Accepted   float64           `json:"accepted_seconds"` // until the senders had taken in all of it; 0 when they did not
	Seconds    float64           `json:"seconds"`          // until the last delivery
	Deliveries int               `json:"deliveries"`
	Rate       float64           `json:"deliveries_per_second"`
	Missing    int               `json:"missing"`
	Packets    uint64            `json:"packets"`
	Redundancy float64           `json:"redundancy"`
	Dropped    map[string]uint64 `json:"dropped"`
	Retries    int               `json:"retries"`
	Foreign    int               `json:"foreign"`    // messages that others sent meanwhile
	Unasked    []gossip.NodeID   `json:"unasked"`    // nodes that did not answer in the end
	Heap       heapDoc           `json:"heap_bytes"` // of a node, on average
}

type heapDoc struct {
	Before uint64 `json:"before"`
	After  uint64 `json:"after"`
}

func newBenchmarkNetwork(a *app) *cobra.Command {
	var load netctl.Load
	c := &cobra.Command{
		Use:   "benchmark-network",
		Short: "Measure how fast messages get round",
		Long: fmt.Sprintf(`Measure how fast messages get round a running network, whatever its protocol.

First --single messages are sent one at a time, from every node in turn: the time
until the last node has each. Then a burst: --senders nodes publish --burst messages
as fast as the network takes them, until the last delivery.

All times are what the nodes themselves recorded. %d messages go ahead to open the
links and are not counted. The messages stay in the inboxes; keep the network to
yourself while it is measured. --timeout bounds each single message, and the burst.
Exit status 4: the time was over before all had arrived; 5: messages were lost.`, netctl.WarmUps),
		Example:           "  gossipctl benchmark-network\n  gossipctl benchmark-network --single 0 --burst 20000 --senders 8\n  gossipctl benchmark-network --burst 0 --size 4096 -o json",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			load.Timeout = a.timeout
			return a.benchmark(c.Context(), load, c.Flags().Changed("senders"))
		},
	}
	f := c.Flags()
	f.IntVar(&load.Single, "single", netctl.DefaultSingle, "messages to send one at a time; 0 = none")
	f.IntVar(&load.Burst, "burst", netctl.DefaultBurst, "messages to send as fast as possible; 0 = none")
	f.IntVar(&load.Size, "size", netctl.DefaultSize, "bytes in every message")
	f.IntVar(&load.Senders, "senders", netctl.DefaultSenders, "nodes that publish the burst")
	f.IntVar(&load.Relays, "relays", 1, "copies of a message that each directed edge carries at most")
	return c
}

func (a *app) benchmark(ctx context.Context, load netctl.Load, exactly bool) error {
	if !exactly {
		load.Senders = 0
	} else if load.Senders < 1 {
		return api.NewError(api.CodeUsage, fmt.Sprintf("--senders %d is not possible: somebody must send", load.Senders), "")
	}
	n, err := a.open()
	if err != nil {
		return err
	}
	b, err := n.Benchmark(ctx, load)
	if err != nil {
		return err
	}
	if left := b.View.Topology.Nodes - len(b.Nodes); left > 0 {
		a.note("%s not running and left out.", term.Plural(left, "node is", "nodes are"))
	}
	doc := benchmarkDoc{
		Network: n.Name(), Protocol: b.View.Protocol, Topology: b.View.Topology, Nodes: len(b.Nodes),
		Payload: load.Size, Relays: load.Relays, WarmUps: netctl.WarmUps,
	}
	var single netctl.Single
	var burst netctl.Burst
	if load.Single > 0 {
		progress := term.StartProgress(a.Streams, load.Single, "one at a time")
		single, err = b.Single(ctx, func() { progress.Add(1) })
		progress.Done()
		if err != nil {
			return err
		}
		doc.Single = &singleDoc{Messages: single.Messages, Last: quantiles(single.Last), Median: quantiles(single.Half), Missing: single.Missing}
	}
	if load.Burst > 0 {
		progress := term.StartProgress(a.Streams, load.Burst, "burst")
		burst, err = b.Burst(ctx, progress.Add)
		progress.Done()
		if err != nil {
			return err
		}
		doc.Burst = &burstDoc{
			Messages: burst.Messages, Senders: b.Load.Senders, Accepted: burst.Accepted.Seconds(), Seconds: burst.Took.Seconds(),
			Deliveries: burst.Deliveries, Rate: burst.PerSecond(), Missing: burst.Missing, Packets: burst.Packets, Redundancy: burst.Redundancy,
			Dropped: burst.Dropped, Retries: burst.Retries, Foreign: burst.Foreign,
			Unasked: append([]gossip.NodeID{}, burst.Unasked...), Heap: heapDoc{burst.HeapBefore, burst.HeapAfter},
		}
		if burst.Foreign > 0 {
			a.note("%s came from elsewhere during the burst: its numbers are not of the burst alone.", term.Plural(burst.Foreign, "message"))
		}
	}
	doc.Error = a.lost(single.Missing+burst.Missing, single.TimedOut || burst.TimedOut)
	if err := a.print(doc, func(w io.Writer) { a.writeBenchmark(w, doc, b) }, func(t *term.Table) {
		t.Columns("network")
		t.Row(doc.Network)
	}); err != nil || doc.Error == nil {
		return err
	}
	a.Streams.Out = io.Discard // the result has the error in it: stdout is one JSON document
	return doc.Error
}

func quantiles(l netctl.Latency) quantileDoc { return quantileDoc{ms(l.P50), ms(l.P99), ms(l.Max)} }

// lost is the verdict on deliveries that did not happen; nil when all did.
func (a *app) lost(missing int, timedOut bool) *api.Error {
	what := term.Plural(missing, "delivery is missing", "deliveries are missing")
	switch {
	case missing == 0:
		return nil
	case timedOut:
		return api.NewError(api.CodeTimeout, fmt.Sprintf("%s after %s", what, a.timeout), "give it longer with --timeout")
	}
	return api.NewError(api.CodeCheckFailed, what+", and nothing moves any more", "the dropped packets say why; some protocols promise no more than most")
}

func (a *app) writeBenchmark(w io.Writer, doc benchmarkDoc, b *netctl.Benchmark) {
	fmt.Fprintf(w, "Network %s: %s · %s · %s each", a.OutColor.Strong(term.Escape(doc.Network)), b.View.Describe(), doc.Protocol, term.Bytes(int64(doc.Payload)))
	if doc.Relays > 1 {
		fmt.Fprintf(w, " · relay limit %d", doc.Relays)
	}
	fmt.Fprintln(w)
	if s := doc.Single; s != nil {
		fmt.Fprintf(w, "\n%s\n", a.OutColor.Strong(term.Escape(term.Plural(s.Messages, "message")+", one at a time")))
		fmt.Fprintf(w, "  to half the nodes    p50 %s, p99 %s, max %s\n", msText(s.Median.P50), msText(s.Median.P99), msText(s.Median.Max))
		fmt.Fprintf(w, "  to the last node     p50 %s, p99 %s, max %s\n", msText(s.Last.P50), msText(s.Last.P99), msText(s.Last.Max))
		fmt.Fprintf(w, "  deliveries missing   %s\n", a.none(s.Missing))
	}
	if s := doc.Burst; s != nil {
		fmt.Fprintf(w, "\n%s\n", a.OutColor.Strong(term.Escape(fmt.Sprintf("burst of %s from %s", term.Plural(s.Messages, "message"), term.Plural(s.Senders, "node")))))
		accepted := "not all of it"
		if s.Accepted > 0 {
			accepted = msText(1000 * s.Accepted)
		}
		fmt.Fprintf(w, "  accepted after       %s\n", accepted)
		fmt.Fprintf(w, "  last delivery after  %s\n", msText(1000*s.Seconds))
		fmt.Fprintf(w, "  deliveries           %s, that is %s a second\n", term.Count(s.Deliveries), term.Count(int(s.Rate)))
		fmt.Fprintf(w, "  deliveries missing   %s\n", a.none(s.Missing))
		if len(s.Unasked) > 0 {
			fmt.Fprintf(w, "  did not answer       %s\n", nodeNames(a, s.Unasked))
		}
		fmt.Fprintf(w, "  packets sent         %s, redundancy %.2f\n", term.Count(s.Packets), s.Redundancy)
		fmt.Fprintf(w, "  packets dropped      %s\n", a.dropped(s.Dropped))
		fmt.Fprintf(w, "  heap of a node       %s before, %s after\n", term.Bytes(int64(s.Heap.Before)), term.Bytes(int64(s.Heap.After)))
	}
}

// none shows a number that should be 0.
func (a *app) none(n int) term.Safe {
	if n == 0 {
		return a.OutColor.Good(term.Escape("none"))
	}
	return a.OutColor.Bad(term.Escape(term.Count(n)))
}

func (a *app) dropped(reasons map[string]uint64) term.Safe {
	var parts []string
	for reason, n := range reasons {
		parts = append(parts, fmt.Sprintf("%s %s", term.Count(n), reason))
	}
	if len(parts) == 0 {
		return a.none(0)
	}
	slices.Sort(parts)
	return a.OutColor.Warn(term.Escape(strings.Join(parts, ", ")))
}
