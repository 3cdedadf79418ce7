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

	"github.com/spf13/cobra"
)

// valuesDoc is the JSON of get-values.
type valuesDoc struct {
	Node       gossip.NodeID `json:"node"`
	Values     []valueDoc    `json:"values"`
	Everywhere *agreementDoc `json:"everywhere,omitempty"` // where it was asked for
	Error      *api.Error    `json:"error,omitempty"`      // where nodes were to agree, and do not
}

type valueDoc struct {
	Owner       gossip.NodeID `json:"owner"`
	Key         string        `json:"key"`
	Value       *string       `json:"value,omitempty"` // where it is valid UTF-8
	ValueBase64 []byte        `json:"value_base64"`
	Version     uint32        `json:"version"`
	Run         uint32        `json:"run"` // which life of the owner's map
	Deleted     bool          `json:"deleted,omitempty"`
	Register    bool          `json:"register,omitempty"`
	Updated     time.Time     `json:"updated"`  // by the owner's clock
	Received    time.Time     `json:"received"` // at this node
	LagMS       float64       `json:"lag_ms"`   // from one to the other: how long it took to come here
	AgeMS       float64       `json:"age_ms"`   // since it was updated: how stale it can be
}

func docOfValue(v *api.Value, now time.Time) valueDoc {
	d := valueDoc{
		Owner: v.Owner, Key: v.Key, Value: utf8Text(v.Value), ValueBase64: v.Value, Version: v.Version, Run: v.Run, Deleted: v.Deleted, Register: v.Register,
		Updated: v.Updated, Received: v.Received, LagMS: ms(v.Received.Sub(v.Updated)), AgeMS: ms(now.Sub(v.Updated)),
	}
	if d.ValueBase64 == nil {
		d.ValueBase64 = []byte{}
	}
	if v.Deleted {
		d.Value = nil
	}
	return d
}

type getValues struct {
	*app
	query                   api.ValuesQuery
	owner                   string
	everywhere, wait, check bool
}

func newGetValues(a *app) *cobra.Command {
	o := &getValues{app: a}
	c := &cobra.Command{
		Use:   "get-values NODE [KEY]",
		Short: "Show what a node knows of everybody's values",
		Long: `Show what a node knows of everybody's values: each with its owner and version, with the lag,
from when its owner set it to when it came to this node, and with its age, since it was set.
Where clocks of nodes are wrong, so are these two; nothing else depends on a clock.

--everywhere asks all nodes that run whether they know the same, and says which of them have
what other nodes do not; NODE may then be left out. --wait waits until they agree, at most
--timeout long (exit status 4); --check ends with exit status 5 when they do not. Where values
change all the time there is hardly a moment at which all agree: pause what changes them.`,
		Example: "  gossipctl set-value 8 colour blue\n  gossipctl get-values 3\n  gossipctl get-values 3 colour --owner 8 -o json\n" +
			"  gossipctl get-values --everywhere --wait",
		Args:              a.args(0, 2, "NODE and perhaps a KEY"),
		ValidArgsFunction: a.completeNode(1),
		RunE:              o.run,
	}
	f := c.Flags()
	f.StringVar(&o.owner, "owner", "", "only values that this `node` owns")
	f.BoolVarP(&o.query.All, "all", "a", false, "show values that are gone, too, and what does not count in a register")
	f.BoolVarP(&o.everywhere, "everywhere", "e", false, "ask all nodes that run, and say where they differ")
	f.BoolVar(&o.wait, "wait", false, "with --everywhere: wait until all nodes agree")
	f.BoolVar(&o.check, "check", false, "with --everywhere: exit status 5 when nodes differ")
	c.RegisterFlagCompletionFunc("owner", a.completeNode(maxArgs))
	c.MarkFlagsMutuallyExclusive("wait", "check")
	return c
}

// maxArgs is more arguments than any command has.
const maxArgs = 1 << 20

func (o *getValues) run(c *cobra.Command, args []string) (err error) {
	o.everywhere = o.everywhere || o.wait || o.check
	var id gossip.NodeID
	switch {
	case len(args) > 0:
		if id, err = parseNode(args[0]); err != nil {
			return err
		}
	case !o.everywhere:
		return o.misuse(c, fmt.Errorf("get-values needs NODE, or --everywhere"))
	}
	if len(args) > 1 {
		o.query.Key = args[1]
		if err := api.CheckKey(o.query.Key); err != nil {
			return o.misuse(c, err)
		}
	}
	if o.owner != "" {
		if o.query.Owner, err = parseNode(o.owner); err != nil {
			return err
		}
	}
	n, err := o.open()
	if err != nil {
		return err
	}
	ctx, cancel := o.limit(c.Context())
	defer cancel()
	var doc valuesDoc
	if o.everywhere {
		doc, err = o.askAll(ctx, n, id)
	} else {
		doc, err = o.ask(ctx, n, id)
	}
	if err != nil {
		return err
	}
	if all := doc.Everywhere; all != nil && !all.Agree {
		switch {
		case o.wait:
			doc.Error = api.NewError(api.CodeTimeout, fmt.Sprintf("after %s, the nodes still differ in %s", o.timeout, term.Plural(len(all.Differ), "value")), "wait longer with --timeout")
		case o.check:
			doc.Error = api.NewError(api.CodeCheckFailed, fmt.Sprintf("the nodes differ in %s", term.Plural(len(all.Differ), "value")), "wait for them to agree with --wait")
		}
		if doc.Error != nil && len(all.Differ) == 0 {
			doc.Error.Message = fmt.Sprintf("%s did not answer", nodesText(all.Silent))
		}
	}
	if err := o.show(doc); err != nil || doc.Error == nil {
		return err
	}
	return doc.Error
}

// ask asks one node.
func (o *getValues) ask(ctx context.Context, n *netctl.Network, id gossip.NodeID) (valuesDoc, error) {
	node, err := n.Node(id)
	if err != nil {
		return valuesDoc{}, err
	}
	told, err := node.Values(ctx, o.query)
	if err != nil {
		return valuesDoc{}, n.Explain(err)
	}
	return o.document(id, told.Values), nil
}

func (o *getValues) document(id gossip.NodeID, list []api.Value) valuesDoc {
	doc := valuesDoc{Node: id, Values: make([]valueDoc, len(list))}
	now := time.Now()
	for i := range list {
		doc.Values[i] = docOfValue(&list[i], now)
	}
	return doc
}

func (o *getValues) show(doc valuesDoc) error {
	if !o.human() || doc.Everywhere == nil {
		return o.print(doc, nil, func(t *term.Table) { o.table(t, doc) })
	}
	return o.print(doc, func(w io.Writer) {
		streams := o.Streams
		streams.Out = w
		term.Print(streams, o.out, doc, func(t *term.Table) { o.table(t, doc) })
		if len(doc.Values) > 0 {
			fmt.Fprintln(w)
		}
		o.writeAgreement(w, doc.Everywhere)
	}, nil)
}

// shownValue is how much of a value a table shows: enough to know a film by, and to leave room for the rest.
const shownValue = 48

func (o *getValues) table(t *term.Table, doc valuesDoc) {
	t.Empty = fmt.Sprintf("node %d knows of no such values", doc.Node)
	if o.query == (api.ValuesQuery{}) {
		t.Empty = fmt.Sprintf("node %d knows of no values", doc.Node)
	}
	t.Columns("owner", "key", "value", "version", "lag", "age")
	t.Wide("run", "register", "updated", "received")
	for _, v := range doc.Values {
		value := term.Escape(v.ValueBase64)
		if o.out.Format != term.FormatWide && o.out.Format != term.FormatCSV {
			value = term.Truncate(value, shownValue)
		}
		if v.Deleted {
			value = o.OutColor.Faint("(gone)")
		}
		lag := term.Duration(time.Duration(v.LagMS * float64(time.Millisecond)))
		if v.Owner == doc.Node {
			lag = "–" // its own
		}
		register := ""
		if v.Register {
			register = lastWriter
		}
		t.Row(o.nodeName(int(v.Owner)), v.Key, value, v.Version, lag, msText(v.AgeMS), v.Run, register,
			v.Updated.Local().Format(timeLayout), v.Received.Local().Format(timeLayout))
	}
}

// timeLayout is a moment as wide tables show it.
const timeLayout = "2006-01-02 15:04:05.000"
