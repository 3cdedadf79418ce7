package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// changeDoc is one line of the JSON of watch-values: a change, or how many were missed.
type changeDoc struct {
	Node gossip.NodeID `json:"node"`
	*valueDoc
	Missed uint64 `json:"missed,omitempty"` // changes before this that nobody can be told any more
}

type watchValues struct {
	*app
	count int
	owner string
}

func newWatchValues(a *app) *cobra.Command {
	o := &watchValues{app: a}
	c := &cobra.Command{
		Use:   "watch-values NODE [KEY]",
		Short: "Follow the changes of values at a node, until Ctrl-C",
		Long: `Follow the changes of values as they come to a node: its own and everybody else's, from now
on, until Ctrl-C or --count changes. A node keeps the newest of them for those who watch;
when there were more than it keeps, how many were missed is said. With -o json, each
change is an object in one line.`,
		Example:           "  gossipctl watch-values 3\n  gossipctl watch-values 3 movie -o json\n  gossipctl watch-values 3 --owner 8 --count 2",
		Args:              a.args(1, 2, "NODE and perhaps a KEY"),
		ValidArgsFunction: a.completeNode(1),
		RunE:              o.run,
	}
	c.Flags().IntVar(&o.count, "count", 0, "end after so many changes (default: never)")
	c.Flags().StringVar(&o.owner, "owner", "", "only values that this `node` owns")
	c.RegisterFlagCompletionFunc("owner", a.completeNode(maxArgs))
	return c
}

func (o *watchValues) run(c *cobra.Command, args []string) error {
	id, err := parseNode(args[0])
	if err != nil {
		return err
	}
	key, owner := "", gossip.NodeID(0)
	if len(args) > 1 {
		key = args[1]
		if err := api.CheckKey(key); err != nil {
			return o.misuse(c, err)
		}
	}
	if o.owner != "" {
		if owner, err = parseNode(o.owner); err != nil {
			return err
		}
	}
	if c.Flags().Changed("count") && o.count < 1 {
		return o.misuse(c, fmt.Errorf("--count %d is not possible: it must be 1 or more", o.count))
	}
	n, err := o.open()
	if err != nil {
		return err
	}
	node, err := n.Node(id)
	if err != nil {
		return err
	}
	ctx := c.Context()
	at, err := o.begin(ctx, node)
	left := o.count
	for err == nil {
		var answer api.WatchAnswer
		if answer, err = o.next(ctx, node, at.last); err != nil {
			break
		}
		if answer.Run != at.run {
			o.note("node %d has begun a new life", id)
			at = place{run: answer.Run}
			continue
		}
		at.last = answer.Last
		if answer.Missed > 0 {
			if err = o.show(changeDoc{Node: id, Missed: answer.Missed}); err != nil {
				return err
			}
		}
		now := time.Now()
		for i := range answer.Changes {
			v := &answer.Changes[i]
			if key != "" && v.Key != key || owner > 0 && v.Owner != owner {
				continue
			}
			d := docOfValue(v, now)
			if err = o.show(changeDoc{Node: id, valueDoc: &d}); err != nil {
				return err
			}
			if left--; left == 0 {
				return nil
			}
		}
	}
	if ctx.Err() != nil {
		return nil // that is how it ends
	}
	return n.Explain(err)
}

// place is where somebody who watches is: the life of the node, and the last change of it.
type place struct {
	run  uint32
	last uint64
}

// begin says where the changes from now on begin.
func (o *watchValues) begin(ctx context.Context, node *api.Client) (place, error) {
	ctx, cancel := o.limit(ctx)
	defer cancel()
	before, err := node.Watch(ctx, 0, 0)
	return place{before.Run, before.Last}, err
}

// next waits for the next changes, or for some seconds without one.
func (o *watchValues) next(ctx context.Context, node *api.Client, after uint64) (api.WatchAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout+lastLook)
	defer cancel()
	return node.Watch(ctx, after, o.timeout)
}

// show prints one change in one piece.
func (o *watchValues) show(doc changeDoc) error {
	if o.human() {
		return o.write(doc)
	}
	var page, line bytes.Buffer
	streams := o.Streams
	streams.Out = &page
	var whole any = doc
	if o.out.Format != term.FormatJSON {
		whole = []any{doc} // lists of one add up to one list
	}
	err := term.Print(streams, o.out, whole, func(t *term.Table) {
		t.Columns("key")
		if doc.valueDoc != nil {
			t.Row(doc.Key)
		}
	})
	if err != nil {
		return err
	}
	if o.out.Format == term.FormatJSON {
		if err := json.Compact(&line, page.Bytes()); err != nil {
			return fmt.Errorf("encode a change: %w", err)
		}
		line.WriteByte('\n')
	} else {
		line = page
	}
	o.shown = true
	_, err = o.Streams.Out.Write(line.Bytes())
	return err
}

func (o *watchValues) write(doc changeDoc) error {
	if doc.valueDoc == nil {
		o.note("%s too many to be kept: %s missed", o.ErrColor.Warn("Warning: changes came"), term.Plural(int(doc.Missed), "change"))
		return nil
	}
	what := term.Safe("= ") + term.Escape(doc.ValueBase64)
	if o.out.Format != term.FormatWide {
		what = term.Safe("= ") + term.Truncate(term.Escape(doc.ValueBase64), 2*shownValue)
	}
	if doc.Deleted {
		what = o.OutColor.Faint("is gone")
	}
	came := fmt.Sprintf("(version %d, after %s)", doc.Version, msText(doc.LagMS))
	if doc.Owner == doc.Node {
		came = fmt.Sprintf("(version %d)", doc.Version)
	}
	_, err := fmt.Fprintf(o.Streams.Out, "%s node %s: %s %s %s\n", o.OutColor.Faint(term.Escape(doc.Received.Local().Format("15:04:05.000"))),
		o.nodeName(int(doc.Owner)), term.Escape(doc.Key), what, o.OutColor.Faint(term.Escape(came)))
	return err
}
