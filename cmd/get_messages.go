package cmd

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// inboxDoc is the JSON of get-messages.
type inboxDoc struct {
	Node     gossip.NodeID `json:"node"`
	Status   string        `json:"status"`
	Messages []messageDoc  `json:"messages"`
}

type messageDoc struct {
	ID         string         `json:"id"`
	Origin     gossip.NodeID  `json:"origin"`
	Body       *string        `json:"body,omitempty"` // where it is valid UTF-8
	BodyBase64 []byte         `json:"body_base64"`
	Sent       time.Time      `json:"sent"`
	Received   time.Time      `json:"received"`
	Read       bool           `json:"read"`
	Copies     int            `json:"copies"`
	Hops       int            `json:"hops"`
	Paths      []gossip.Route `json:"paths"`
	Arrivals   []api.Arrival  `json:"arrivals"` // of Paths, with the time each copy came
}

type getMessages struct {
	*app
	paths, times int
	all, peek    bool
}

func newGetMessages(a *app) *cobra.Command {
	o := &getMessages{app: a}
	c := &cobra.Command{
		Use:   "get-messages NODE [unread|read|all]",
		Short: "Show the messages a node has received",
		Long: `Show the messages a node has received, in the order they came. What unread and all show
is marked as read in the same step; read and --peek mark nothing.

Paths show which way each copy came, the origin first; ↺ marks a node passed before.`,
		Example:           "  gossipctl get-messages 3\n  gossipctl get-messages 3 unread -p --time\n  gossipctl get-messages 3 all -A -ttt --peek",
		Args:              a.args(1, 2, "NODE and perhaps unread, read or all"),
		ValidArgsFunction: a.completeNode(1, "unread", "read", "all"),
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	f.CountVarP(&o.paths, "paths", "p", "show the shortest path(s); -pp the longest; -p -pp both")
	f.BoolVarP(&o.all, "all-paths", "A", false, "show the paths of all copies")
	f.CountVarP(&o.times, "time", "t", "show the time received; -tt with date and time sent; -ttt with zone and delay")
	f.BoolVar(&o.peek, "peek", false, "do not mark anything as read")
	return c
}

func (o *getMessages) run(c *cobra.Command, args []string) error {
	id, err := parseNode(args[0])
	if err != nil {
		return err
	}
	status := "all"
	if len(args) > 1 {
		status = args[1]
	}
	if !slices.Contains([]string{"unread", "read", "all"}, status) {
		return o.misuse(c, fmt.Errorf("%q is none of unread, read and all", status))
	}
	if o.paths > 3 {
		return o.misuse(c, fmt.Errorf("-p is given %d times; -p, -pp and -p -pp make sense", o.paths))
	}
	if o.all && o.paths > 0 {
		return o.misuse(c, fmt.Errorf("-A shows all paths already; leave -p out"))
	}
	n, err := o.open()
	if err != nil {
		return err
	}
	node, err := n.Node(id)
	if err != nil {
		return err
	}
	ctx, cancel := o.limit(c.Context())
	defer cancel()
	messages, err := node.Read(ctx, api.ReadRequest{Status: status, Peek: o.peek})
	if err != nil {
		return n.Explain(err)
	}
	doc := inboxDoc{Node: id, Status: status, Messages: make([]messageDoc, len(messages))}
	for i, m := range messages {
		doc.Messages[i] = o.document(m)
	}
	return o.print(doc, func(w io.Writer) {
		if len(doc.Messages) == 0 {
			o.note("node %d has no %smessages", id, strings.TrimPrefix(status+" ", "all "))
		}
		for _, m := range doc.Messages {
			o.write(w, m)
		}
	}, func(t *term.Table) {
		t.Columns("id")
		for _, m := range doc.Messages {
			t.Row(m.ID)
		}
	})
}

func (o *getMessages) document(m api.Message) messageDoc {
	d := messageDoc{
		ID: m.ID, Origin: m.Origin, BodyBase64: m.Body, Sent: m.Sent, Received: m.Received,
		Read: m.Read, Copies: m.Copies, Hops: len(m.Arrivals[0].Path) - 1,
		Body:     utf8Text(m.Body),
		Arrivals: choose(m.Arrivals, o.paths),
	}
	if d.BodyBase64 == nil {
		d.BodyBase64 = []byte{}
	}
	for _, a := range d.Arrivals {
		d.Paths = append(d.Paths, a.Path)
	}
	return d
}

// utf8Text is a body as text, or nil where it is none: JSON would alter it silently.
func utf8Text(body []byte) *string {
	if !utf8.Valid(body) {
		return nil
	}
	text := string(body)
	return &text
}

// choose picks the arrivals whose paths were asked for: 1 the shortest, 2 the longest, 3 both, 0
// all. Paths that are the same are shown once where a choice was made.
func choose(arrivals []api.Arrival, which int) []api.Arrival {
	if which == 0 {
		return arrivals
	}
	shortest, longest := len(arrivals[0].Path), 0
	for _, a := range arrivals {
		shortest, longest = min(shortest, len(a.Path)), max(longest, len(a.Path))
	}
	var chosen []api.Arrival
	pick := func(length int) {
		for _, a := range arrivals {
			same := func(b api.Arrival) bool { return slices.Equal(a.Path, b.Path) }
			if len(a.Path) == length && !slices.ContainsFunc(chosen, same) {
				chosen = append(chosen, a)
			}
		}
	}
	if which&1 != 0 {
		pick(shortest)
	}
	if which&2 != 0 {
		pick(longest)
	}
	return chosen
}

func (o *getMessages) write(w io.Writer, m messageDoc) {
	fmt.Fprintf(w, "%s %s%s\n", o.OutColor.Faint("•"), term.Escape(m.BodyBase64), o.OutColor.Faint(term.Safe(o.when(m.Sent, m.Received))))
	if o.paths == 0 && !o.all {
		return
	}
	for _, a := range m.Arrivals {
		fmt.Fprintf(w, "  ↳ %s%s\n", o.path(a.Path), o.OutColor.Faint(term.Safe(o.when(m.Sent, a.Received))))
	}
}

// when is the time of a copy, in as much detail as was asked for.
func (o *getMessages) when(sent, received time.Time) string {
	sent, received = sent.Local(), received.Local()
	switch {
	case o.times == 0:
		return ""
	case o.times == 1:
		return "  [" + received.Format("15:04:05.000") + "]"
	case o.times == 2:
		return "  [" + received.Format("2006-01-02 15:04:05.000") + ", sent " + sent.Format("15:04:05.000") + "]"
	}
	return "  [" + received.Format("2006-01-02 15:04:05.000000 -0700") + ", sent " + sent.Format("2006-01-02 15:04:05.000000 -0700") +
		", " + term.Duration(received.Sub(sent)) + " later]"
}

// path is a route with every node in its colour, and a mark at nodes that stand in it before.
func (a *app) path(route gossip.Route) string {
	parts := make([]string, len(route))
	for i, id := range route {
		parts[i] = string(a.nodeName(int(id)))
		if slices.Contains(route[:i], id) {
			parts[i] += "↺"
		}
	}
	return strings.Join(parts, " ➜ ")
}

func newListPeers(a *app) *cobra.Command {
	depth := 1
	c := &cobra.Command{
		Use:               "list-peers NODE",
		Short:             "List the peers of a node, and theirs up to a distance",
		Example:           "  gossipctl list-peers 5\n  gossipctl list-peers 5 --depth 2 -o json",
		Args:              a.args(1, 1, "NODE"),
		ValidArgsFunction: a.completeNode(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseNode(args[0])
			if err != nil {
				return err
			}
			if depth < 1 {
				return a.misuse(c, fmt.Errorf("--depth %d is not possible: 1 are the peers themselves", depth))
			}
			doc, err := a.peers(c.Context(), id, depth)
			if err != nil {
				return err
			}
			return a.print(doc, nil, func(t *term.Table) {
				t.Empty = "node " + strconv.Itoa(int(id)) + " has no peers"
				t.Columns("peer", "distance", "url")
				for _, p := range doc.Peers {
					t.Row(a.nodeName(int(p.ID)), p.Distance, p.URL)
				}
			})
		},
	}
	c.Flags().IntVar(&depth, "depth", 1, "also list the peers of peers, up to so many edges away")
	return c
}
