package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/values"

	"github.com/spf13/cobra"
)

// setDoc is the JSON of set-value and delete-value.
type setDoc struct {
	ID      string        `json:"id"`
	Owner   gossip.NodeID `json:"owner"`
	Key     string        `json:"key"`
	Version uint32        `json:"version"`
	Updated time.Time     `json:"updated"`
	Deleted bool          `json:"deleted,omitempty"`
}

// lastWriter is the one kind of register there is: of what all nodes have written the last counts.
const lastWriter = "lww"

type setValue struct {
	*app
	register string
	ttl      int
	gone     bool
}

func newSetValue(a *app) *cobra.Command {
	o := &setValue{app: a}
	c := &cobra.Command{
		Use:   "set-value NODE KEY VALUE",
		Short: "Set a value in the map that a node owns",
		Long: `Set a value in the map that a node owns. Every change is the next version of that map,
and all other nodes come to have it. VALUE may be empty; - reads it from stdin, and after
-- it may start with a dash. --delete takes the key away, as delete-value does.

With --register lww the key is one that all nodes write: of what they have written the last
counts, by a hybrid logical clock, whatever their clocks say; of two at once, that of the
node with the larger number. All nodes agree on which it is.

--ttl bounds how many edges the news travels by the protocol. Reconciliation, by which nodes
compare what they have, brings it everywhere in any case.`,
		Example: "  gossipctl set-value 8 colour blue\n  printf 'two\\nlines' | gossipctl set-value 8 note -\n" +
			"  gossipctl set-value 1 leader 'node 1' --register lww\n  gossipctl set-value 8 colour --delete",
		Args:              a.args(2, 3, "NODE, KEY and VALUE"),
		ValidArgsFunction: a.completeNode(1),
		RunE: func(c *cobra.Command, args []string) error {
			if o.gone != (len(args) == 2) {
				if o.gone {
					return o.misuse(c, errors.New("--delete takes no VALUE"))
				}
				return o.misuse(c, errors.New("set-value needs NODE, KEY and VALUE"))
			}
			return o.run(c, args)
		},
	}
	o.flags(c)
	c.Flags().BoolVar(&o.gone, "delete", false, "delete the value")
	return c
}

func newDeleteValue(a *app) *cobra.Command {
	o := &setValue{app: a, gone: true}
	c := &cobra.Command{
		Use:   "delete-value NODE KEY",
		Short: "Delete a value from the map that a node owns",
		Long: `Delete a value from the map that a node owns. That is a change like any other, with the
next version; all nodes keep a mark of it for a while, so that the value does not come back.`,
		Example:           "  gossipctl set-value 8 colour blue\n  gossipctl delete-value 8 colour",
		Args:              a.args(2, 2, "NODE and KEY"),
		ValidArgsFunction: a.completeNode(1),
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	o.flags(c)
	return c
}

func (o *setValue) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.register, "register", "", "the key is one that all nodes write: lww, the last writer wins")
	c.Flags().IntVar(&o.ttl, "ttl", 0, "edges that the news travels at most by the protocol (default: no limit)")
	c.RegisterFlagCompletionFunc("register", cobra.FixedCompletions([]string{lastWriter}, noFiles))
}

func (o *setValue) run(c *cobra.Command, args []string) error {
	id, err := parseNode(args[0])
	if err != nil {
		return err
	}
	req := api.SetValueRequest{Key: args[1], Delete: o.gone, Register: o.register == lastWriter, TTL: o.ttl}
	switch {
	case o.register != "" && !req.Register:
		return o.misuse(c, fmt.Errorf("--register %q is not possible: there is lww", o.register))
	case c.Flags().Changed("ttl") && (o.ttl < 1 || o.ttl > gossip.MaxHops):
		return o.misuse(c, fmt.Errorf("--ttl %d is not possible: it must be from 1 to %d", o.ttl, gossip.MaxHops))
	}
	if err := api.CheckKey(req.Key); err != nil {
		return o.misuse(c, err)
	}
	ctx, cancel := o.limit(c.Context())
	defer cancel()
	if !o.gone {
		if req.ValueBase64, err = o.value(ctx, args[2]); err != nil {
			return err
		}
	}
	n, err := o.open()
	if err != nil {
		return err
	}
	node, err := n.Node(id)
	if err != nil {
		return err
	}
	answer, err := node.SetValue(ctx, req)
	if err != nil {
		return unsure(err, n.Explain(err), "the value was not set", "the value may have been set", fmt.Sprintf("look with gossipctl get-values %d", id))
	}
	doc := setDoc{ID: answer.ID, Owner: answer.Owner, Key: answer.Key, Version: answer.Version, Updated: answer.Updated, Deleted: o.gone}
	return o.print(doc, func(w io.Writer) {
		done := "is"
		if o.gone {
			done = "is gone:"
		}
		fmt.Fprintf(w, "Value %s of node %s %s version %d (%s) and on its way.\n", o.OutColor.Strong(term.Escape(doc.Key)), o.nodeName(int(id)), done, doc.Version, term.Escape(doc.ID))
		if alive, of := n.Alive(); alive == 1 && of > 1 {
			o.note("1 live node: not replicated")
		}
		if o.OutTTY {
			o.note("See whether all nodes have it with gossipctl get-values --everywhere")
		}
	}, func(t *term.Table) {
		t.Columns("id")
		t.Row(doc.ID)
	})
}

// value reads a value from the command line or from stdin, and refuses what no node would take.
func (a *app) value(ctx context.Context, arg string) ([]byte, error) {
	value := []byte(arg)
	if arg == "-" {
		var err error
		if value, err = readAll(ctx, a.In); err != nil {
			return nil, fmt.Errorf("reading the value from stdin: %w", err)
		}
	}
	if len(value) > values.MaxValue {
		size := term.Count(len(value))
		if len(value) == maxInput {
			size = "over " + size
		}
		return nil, api.NewError(api.CodeTooLarge, fmt.Sprintf("value is %s bytes; limit is %s", size, term.Count(values.MaxValue)), "set it in parts, under several keys")
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}
