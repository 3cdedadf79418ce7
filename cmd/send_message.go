package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// sentDoc is the JSON of send-message.
type sentDoc struct {
	ID     string        `json:"id"`
	Origin gossip.NodeID `json:"origin"`
	Relays int           `json:"relays"`
	Sent   time.Time     `json:"sent"`
}

func newSendMessage(a *app) *cobra.Command {
	relays := 0
	c := &cobra.Command{
		Use:   "send-message NODE MESSAGE",
		Short: "Give a node a message to spread",
		Long: `Give a node a message to spread. The answer comes after the node has stored it.
MESSAGE may be empty or hold newlines; - reads it from stdin, and after -- it may
start with a dash. Every directed edge carries at most --relays copies of it.`,
		Example:           "  gossipctl send-message 8 banana --relays=3\n  printf 'two\\nlines' | gossipctl send-message 8 -\n  gossipctl send-message 8 -- --dashes",
		Args:              a.args(2, 2, "NODE and MESSAGE"),
		ValidArgsFunction: a.completeNode(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseNode(args[0])
			if err != nil {
				return err
			}
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			body, err := a.body(ctx, args[1])
			if err != nil {
				return err
			}
			n, err := a.open()
			if err != nil {
				return err
			}
			if !c.Flags().Changed("relays") {
				relays = n.Relays()
			}
			if relays < 1 || relays > gossip.MaxRelays {
				edges := 2 * n.Edges()
				return api.NewError(api.CodeUsage, fmt.Sprintf("--relays %d is not possible: it must be from 1 to %d", relays, gossip.MaxRelays),
					relaysHint(edges))
			}
			node, err := n.Node(id)
			if err != nil {
				return err
			}
			answer, err := node.Publish(ctx, api.PublishRequest{BodyBase64: body, Relays: relays})
			if err != nil {
				return sendError(err, n.Explain(err), id)
			}
			doc := sentDoc{ID: answer.ID, Origin: answer.Origin, Relays: relays, Sent: answer.Sent}
			return a.print(doc, func(w io.Writer) {
				fmt.Fprintf(w, "Message %s is at node %s and on its way.\n", doc.ID, a.nodeName(int(id)))
				if alive, of := n.Alive(); alive == 1 && of > 1 {
					a.note("1 live node: not replicated")
				}
				if a.OutTTY {
					a.note("See it spread with gossipctl trace-message %s", doc.ID)
				}
			}, func(t *term.Table) {
				t.Columns("id")
				t.Row(doc.ID)
			})
		},
	}
	c.Flags().IntVarP(&relays, "relays", "r", 0, "copies of the message that each directed edge carries at most (default: the network's setting, 1)")
	return c
}

// maxInput is how much of stdin is read, so that a message that is too large can be told its size.
const maxInput = 64 << 20

// readAll reads r to its end, or until ctx ends: a person may have changed their mind, and no terminal
// ends by itself.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() { // ends with r, or with the program
		data, err := io.ReadAll(io.LimitReader(r, maxInput))
		read <- result{data, err}
	}()
	select {
	case r := <-read:
		return r.data, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// body reads a message from the command line or from stdin, and refuses what no node would take.
func (a *app) body(ctx context.Context, arg string) ([]byte, error) {
	body := []byte(arg)
	if arg == "-" {
		var err error
		if body, err = readAll(ctx, a.In); err != nil {
			return nil, fmt.Errorf("reading the message from stdin: %w", err)
		}
	}
	if len(body) > gossip.MaxBody {
		size := term.Count(len(body))
		if len(body) == maxInput {
			size = "over " + size
		}
		return nil, api.NewError(api.CodeTooLarge, fmt.Sprintf("message is %s bytes; limit is %s", size, term.Count(gossip.MaxBody)), "send it in parts")
	}
	if body == nil {
		body = []byte{}
	}
	return body, nil
}

// sendError says of a failed sending, with its cause and what has come of it, what has become of the message.
func sendError(cause, err error, id gossip.NodeID) error {
	return unsure(cause, err, "the message was not sent", "the message may have been accepted", fmt.Sprintf("look with gossipctl get-messages %d all --peek", id))
}

// unsure says of a failed request, with its cause and what has come of it, whether it was carried out: it was not
// where nobody was there, or where whoever was refused it; else nobody can tell, and look says where to see it.
func unsure(cause, err error, not, perhaps, look string) error {
	var e *api.Error
	if !errors.As(err, &e) {
		return err
	}
	told := *e
	code := api.CodeOf(cause)
	switch {
	case errors.Is(cause, syscall.ECONNREFUSED), code == api.CodeUnauthorized, code == api.CodeWrongNetwork:
		told.Message += "; " + not
	case code == api.CodeTimeout, code == api.CodeInterrupted, code == api.CodeNotRunning:
		told.Message += "; " + perhaps
		told.Hint = look
	}
	return &told
}

// relaysHint says what a relay limit costs. Where nodes choose their peers nobody knows how many edges there are.
func relaysHint(edges int) string {
	if edges == 0 {
		return "every directed edge carries that many copies of one message"
	}
	return fmt.Sprintf("every one of the %d directed edges carries that many copies: --relays=N means N × %d packets for one message", edges, edges)
}
