package cmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/topology/draw"
	"gossipctl/trace"

	"github.com/spf13/cobra"
)

// traceDoc is the JSON of trace-message.
type traceDoc struct {
	ID         string          `json:"id"`
	Origin     gossip.NodeID   `json:"origin"`
	Body       *string         `json:"body,omitempty"`
	BodyBase64 []byte          `json:"body_base64"`
	Sent       time.Time       `json:"sent"`
	Nodes      int             `json:"nodes"`
	Reached    int             `json:"reached"`
	Coverage   float64         `json:"coverage"`
	Packets    int             `json:"packets"`
	Redundancy float64         `json:"redundancy"`
	MaxHops    int             `json:"max_hops"`
	MeanHops   float64         `json:"mean_hops"`
	Latency    latencyDoc      `json:"latency_ms"`
	Tree       []stepDoc       `json:"tree"`
	Missing    []gossip.NodeID `json:"missing"`
	Unasked    []gossip.NodeID `json:"unasked"` // nodes that are paused, dead or do not answer
}

type latencyDoc struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Last float64 `json:"last"`
}

type stepDoc struct {
	Node     gossip.NodeID `json:"node"`
	From     gossip.NodeID `json:"from"` // 0 at the origin
	Hop      int           `json:"hop"`
	Received time.Time     `json:"received"`
	AfterMS  float64       `json:"after_ms"`
}

func newTraceMessage(a *app) *cobra.Command {
	plot := ""
	c := &cobra.Command{
		Use:   "trace-message ID",
		Short: "Show how a message spread",
		Long: `Show how a message spread: the tree along which it first reached each node, how many
of them it reached, and what that cost in packets, hops and time.`,
		Example:           "  gossipctl trace-message 8.1.1\n  gossipctl trace-message 8.1.1 --plot spread.svg",
		Args:              a.args(1, 1, "the ID that send-message printed"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseMessage(args[0])
			if err != nil {
				return err
			}
			if plot != "" {
				if err := checkPictureFile(plot); err != nil {
					return err
				}
			}
			doc, err := a.trace(c.Context(), id)
			if err != nil {
				return err
			}
			if plot != "" {
				if err := a.drawFile(c.Context(), plot, spreadOf(doc)); err != nil {
					return err
				}
				a.note("Picture: %s", term.Escape(plot))
			}
			return a.print(doc, func(w io.Writer) { a.writeTrace(w, doc) }, func(t *term.Table) {
				t.Columns("id")
				t.Row(doc.ID)
			})
		},
	}
	c.Flags().StringVar(&plot, "plot", "", "draw the spread to `FILE` (svg, png, dot, json, txt)")
	return c
}

func parseMessage(text string) (gossip.ID, error) {
	id, err := gossip.ParseID(text)
	if err != nil {
		return id, api.WrapError(api.CodeUsage, err, "send-message prints the ID, and get-messages NODE -o name lists them")
	}
	if id.IsUpdate() {
		return id, api.NewError(api.CodeUsage, fmt.Sprintf("%v is an update of a value, and no message", id), "gossipctl get-values --everywhere says which nodes have it, and --wait waits for all")
	}
	return id, nil
}

// trace asks every node that runs what it knows of a message.
func (a *app) trace(ctx context.Context, id gossip.ID) (traceDoc, error) {
	doc := traceDoc{ID: id.String(), Origin: id.Origin}
	n, err := a.open()
	if err != nil {
		return doc, err
	}
	ctx, cancel := a.limit(ctx)
	defer cancel()
	view, err := n.Wiring(ctx)
	if err != nil {
		return doc, err
	}
	var asked, unasked []gossip.NodeID
	for _, node := range view.Nodes {
		switch node.State {
		case netctl.Running:
			asked = append(asked, node.ID)
		case netctl.Removed:
		default:
			unasked = append(unasked, node.ID)
		}
	}
	answers, errs := netctl.Each(asked, func(node gossip.NodeID) (api.Message, error) {
		client, err := n.Node(node)
		if err != nil {
			return api.Message{}, err
		}
		return client.Message(ctx, id, 0)
	})
	var reachable []gossip.NodeID
	var records []trace.Record
	var found *api.Message
	for i, m := range answers {
		switch {
		case errs[i] == nil:
			records = append(records, trace.Record{Node: asked[i], Received: m.Received, Route: m.Arrivals[0].Path, Copies: m.FromPeers, Sent: m.Packets})
			found = &answers[i]
		case api.CodeOf(errs[i]) != api.CodeNotFound:
			unasked = append(unasked, asked[i])
			continue
		}
		reachable = append(reachable, asked[i])
	}
	if err := context.Cause(ctx); err != nil {
		return doc, err
	}
	if found == nil {
		return doc, api.NewError(api.CodeNotFound, fmt.Sprintf("no node of network %q has message %v", n.Name(), id), "get-messages NODE -o name lists the messages a node has")
	}
	return document(trace.NewSpread(id, found.Sent, reachable, records), *found, unasked), nil
}

func document(s trace.Spread, m api.Message, unasked []gossip.NodeID) traceDoc {
	doc := traceDoc{
		ID: s.ID.String(), Origin: s.ID.Origin, BodyBase64: m.Body, Body: utf8Text(m.Body), Sent: s.Sent, Nodes: s.Nodes, Reached: s.Reached,
		Coverage: s.Coverage, Packets: s.Packets, Redundancy: s.Redundancy, MaxHops: s.MaxHops, MeanHops: s.MeanHops,
		Latency: latencyDoc{P50: ms(s.P50), P99: ms(s.P99), Last: ms(s.Last)},
		Missing: s.Missing, Unasked: unasked,
	}
	for _, step := range s.Tree {
		doc.Tree = append(doc.Tree, stepDoc{Node: step.Node, From: step.From, Hop: step.Hop, Received: step.Received, AfterMS: ms(step.After)})
	}
	return doc
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func spreadOf(doc traceDoc) draw.Spread {
	s := draw.Spread{
		Title:    "Message " + doc.ID,
		Subtitle: fmt.Sprintf("%d of %d nodes · %d packets · redundancy %.2f · %d hops · %s to the last", doc.Reached, doc.Nodes, doc.Packets, doc.Redundancy, doc.MaxHops, term.Duration(time.Duration(doc.Latency.Last*1e6))),
		Root:     int(doc.Origin),
	}
	for _, step := range doc.Tree {
		s.Nodes = append(s.Nodes, draw.SpreadNode{ID: int(step.Node), Parent: int(step.From), Hop: step.Hop, AfterMS: step.AfterMS})
	}
	for _, id := range doc.Missing {
		s.Missing = append(s.Missing, int(id))
	}
	return s
}

func (a *app) writeTrace(w io.Writer, doc traceDoc) {
	text := term.Truncate(term.Escape(doc.BodyBase64), 60)
	fmt.Fprintf(w, "Message %s from node %s: %s\n\n", a.OutColor.Strong(term.Safe(doc.ID)), a.nodeName(int(doc.Origin)), text)
	reached := term.Escape(fmt.Sprintf("%d of %d (%.1f %%)", doc.Reached, doc.Nodes, 100*doc.Coverage))
	if doc.Reached == doc.Nodes {
		reached = a.OutColor.Good(reached)
	} else {
		reached = a.OutColor.Warn(reached)
	}
	fmt.Fprintf(w, "nodes reached  %s\n", reached)
	fmt.Fprintf(w, "packets sent   %d, redundancy %.2f\n", doc.Packets, doc.Redundancy)
	fmt.Fprintf(w, "hops           %.2f on average, %d at most\n", doc.MeanHops, doc.MaxHops)
	fmt.Fprintf(w, "latency        p50 %s, p99 %s, last %s\n", msText(doc.Latency.P50), msText(doc.Latency.P99), msText(doc.Latency.Last))
	if len(doc.Missing) > 0 {
		fmt.Fprintf(w, "without it     %s\n", nodeNames(a, doc.Missing))
	}
	if len(doc.Unasked) > 0 {
		fmt.Fprintf(w, "did not answer %s\n", nodeNames(a, doc.Unasked))
	}
	s := spreadOf(doc)
	s.Title, s.Subtitle, s.Missing = "", "", nil // said above
	s.Text(w, a.renderer().Text)
}

func msText(v float64) string { return term.Duration(time.Duration(v * float64(time.Millisecond))) }

type waitDoc struct {
	ID      string          `json:"id"`
	Nodes   int             `json:"nodes"`
	Reached int             `json:"reached"`
	Missing []gossip.NodeID `json:"missing"`
	Error   *api.Error      `json:"error,omitempty"` // when some are missing
}

func newWaitMessage(a *app) *cobra.Command {
	only := ""
	c := &cobra.Command{
		Use:               "wait-message ID",
		Short:             "Wait until every node has a message",
		Long:              "Wait until every node that runs has a message, or those that --nodes names, at most\n--timeout long; exit status 4 means that some do not have it yet.",
		Example:           "  gossipctl wait-message 8.1.1\n  gossipctl wait-message 8.1.1 --nodes 1-3 --timeout 5s",
		Args:              a.args(1, 1, "the ID that send-message printed"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseMessage(args[0])
			if err != nil {
				return err
			}
			var nodes []gossip.NodeID
			if only != "" {
				if nodes, err = parseNodes(only); err != nil {
					return err
				}
			}
			doc, err := a.wait(c.Context(), id, nodes)
			if err != nil {
				return err
			}
			if len(doc.Missing) > 0 {
				doc.Error = api.NewError(api.CodeTimeout, fmt.Sprintf("after %s, message %v is still missing at %s", a.timeout, id, term.Nodes(ints(doc.Missing))),
					"wait longer with --timeout, or see gossipctl trace-message "+doc.ID)
			}
			err = a.print(doc, func(w io.Writer) {
				fmt.Fprintf(w, "Message %s is at %d of %s.\n", doc.ID, doc.Reached, term.Plural(doc.Nodes, "node"))
			}, func(t *term.Table) {
				t.Columns("id")
				t.Row(doc.ID)
			})
			if err == nil && doc.Error != nil {
				return doc.Error
			}
			return err
		},
	}
	c.Flags().StringVar(&only, "nodes", "", "wait for these nodes only, such as 1-8,12")
	return c
}

// wait asks every node to answer when it has the message. Half a second of the timeout is kept for
// the answer itself.
func (a *app) wait(ctx context.Context, id gossip.ID, nodes []gossip.NodeID) (waitDoc, error) {
	doc := waitDoc{ID: id.String()}
	n, err := a.open()
	if err != nil {
		return doc, err
	}
	if !n.Knows(id.Origin) {
		return doc, api.NewError(api.CodeNotFound, fmt.Sprintf("message %v cannot come: network %q never had a node %d", id, n.Name(), id.Origin), "")
	}
	begun := time.Now()
	answering, cancel := context.WithTimeout(ctx, a.timeout+time.Second)
	defer cancel()
	if nodes == nil {
		view, err := n.Wiring(answering)
		if err != nil {
			return doc, err
		}
		for _, node := range view.Nodes {
			if node.State == netctl.Running {
				nodes = append(nodes, node.ID)
			}
		}
	}
	doc.Nodes = len(nodes)
	for _, node := range nodes {
		client, err := n.Node(node)
		if err != nil {
			return doc, err
		}
		for {
			left := max(a.timeout-time.Since(begun), 0)
			_, err = client.Message(answering, id, left)
			if api.CodeOf(err) != api.CodeNotFound || left == 0 {
				break
			}
		}
		switch {
		case err == nil:
			doc.Reached++
		case ctx.Err() != nil:
			return doc, ctx.Err()
		case api.CodeOf(err) == api.CodeNotFound, api.CodeOf(err) == api.CodeTimeout:
			doc.Missing = append(doc.Missing, node)
		default:
			return doc, n.Explain(err)
		}
	}
	return doc, nil
}

func ints[T ~int32](ids []T) []int {
	list := make([]int, len(ids))
	for i, id := range ids {
		list[i] = int(id)
	}
	return list
}
