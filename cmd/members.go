package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// membersDoc is the JSON of list-members.
type membersDoc struct {
	Node       gossip.NodeID   `json:"node"`
	Run        uint32          `json:"run"`
	Membership string          `json:"membership"`
	Members    []memberDoc     `json:"members"`
	Neighbours []gossip.NodeID `json:"neighbours"`
}

type memberDoc struct {
	ID          gossip.NodeID `json:"id"`
	Run         uint32        `json:"run"`
	Incarnation uint32        `json:"incarnation"`
	State       string        `json:"state"`
	Since       time.Time     `json:"since"`
	URL         string        `json:"url,omitempty"` // where it is known
}

// viewsDoc is the JSON of list-members --all.
type viewsDoc struct {
	Nodes         []viewDoc      `json:"nodes"`
	Disagreements []disagreement `json:"disagreements"`
}

type viewDoc struct {
	membersDoc
	Answered bool            `json:"answered"`
	View     *netctl.Opinion `json:"view,omitempty"`
}

// disagreement is one node saying something else of another than most do.
type disagreement struct {
	Node  gossip.NodeID `json:"node"`
	About gossip.NodeID `json:"about"`
	Says  string        `json:"says"`
	Most  string        `json:"most"`
}

func membersOf(answer api.MembersAnswer) membersDoc {
	doc := membersDoc{Node: answer.Node, Run: answer.Run, Membership: answer.Membership, Members: []memberDoc{}, Neighbours: append([]gossip.NodeID{}, answer.Neighbours...)}
	for _, m := range answer.Members {
		d := memberDoc{ID: m.ID, Run: m.Run, Incarnation: m.Incarnation, State: m.State, Since: m.Since.UTC()}
		if m.Addr != "" {
			d.URL = "http://" + m.Addr
		}
		doc.Members = append(doc.Members, d)
	}
	return doc
}

func newListMembers(a *app) *cobra.Command {
	all, matrix := false, false
	c := &cobra.Command{
		Use:   "list-members [NODE]",
		Short: "List who is there as a node itself sees it, or all nodes",
		Long: `List who is there as a node itself sees it: what it believes of every other node it knows
of, in which life and incarnation, and since when. That is for networks whose nodes
find each other, or have a membership.

With --all, who believes what about whom: a row for each node that runs, a column for each
node anybody knows. Capitals are where one says something else than most do.`,
		Example:           "  gossipctl list-members 3\n  gossipctl list-members --all",
		ValidArgsFunction: a.completeNode(1),
		Args: func(c *cobra.Command, args []string) error {
			switch all = all || matrix; {
			case all && len(args) > 0:
				return a.misuse(c, errors.New("--all is about the views of all nodes, not of one"))
			case all:
				return nil
			}
			return a.args(1, 1, "NODE, or --all")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if all {
				return a.listViews(c.Context())
			}
			id, err := parseNode(args[0])
			if err != nil {
				return err
			}
			return a.listMembers(c.Context(), id)
		},
	}
	c.Flags().BoolVarP(&all, "all", "A", false, "show the views of all nodes, and where they disagree")
	c.Flags().BoolVar(&matrix, "matrix", false, "the same as --all")
	return c
}

func (a *app) listMembers(ctx context.Context, id gossip.NodeID) error {
	n, err := a.open()
	if err != nil {
		return err
	}
	ctx, cancel := a.limit(ctx)
	defer cancel()
	answer, err := n.MembersOf(ctx, id)
	if err != nil {
		return err
	}
	doc := membersOf(answer)
	return a.print(doc, nil, func(t *term.Table) {
		t.Empty = fmt.Sprintf("node %d knows of nobody else", id)
		t.Columns("member", "state", "run", "incarnation", "since")
		t.Wide("url")
		for _, m := range doc.Members {
			t.Row(a.nodeName(int(m.ID)), a.standing(m.State), m.Run, m.Incarnation, term.Since(m.Since, time.Now()), m.URL)
		}
	})
}

// standing paints how a member stands.
func (a *app) standing(state string) term.Safe {
	text := term.Escape(state)
	switch state {
	case gossip.Alive.String():
		return a.OutColor.Good(text)
	case gossip.Dead.String():
		return a.OutColor.Bad(text)
	case gossip.Left.String():
		return a.OutColor.Faint(text)
	}
	return a.OutColor.Warn(text)
}

func (a *app) listViews(ctx context.Context) error {
	n, err := a.open()
	if err != nil {
		return err
	}
	ctx, cancel := a.limit(ctx)
	defer cancel()
	views, err := n.Members(ctx)
	if err != nil {
		return err
	}
	doc := viewsDoc{Nodes: []viewDoc{}, Disagreements: []disagreement{}}
	for i, id := range views.Asked {
		d := viewDoc{membersDoc: membersOf(views.Answers[i]), Answered: views.Answers[i].Node != 0, View: views.Opinion(i)}
		d.Node = id
		doc.Nodes = append(doc.Nodes, d)
		for _, about := range views.All() {
			if says, differs := views.Says(i, about); differs {
				doc.Disagreements = append(doc.Disagreements, disagreement{id, about, says, views.Most(about)})
			}
		}
	}
	return a.print(doc, func(w io.Writer) { a.matrix(w, views, doc.Disagreements) }, func(t *term.Table) {
		t.Columns("node", "about", "says", "most")
		for _, d := range doc.Disagreements {
			t.Row(d.Node, d.About, d.Says, d.Most)
		}
	})
}

// wideCells is up to how many nodes each has a column that its number fits in. More would not fit a screen; then
// numbers stand upright.
const wideCells = 32

// matrix prints who believes what about whom: a row for each node that was asked.
func (a *app) matrix(w io.Writer, views *netctl.Views, disagreements []disagreement) {
	all := views.All()
	digits := 1
	for _, id := range all {
		digits = max(digits, len(strconv.Itoa(int(id))))
	}
	width := digits + 1
	if len(all) > wideCells {
		width = 1
	}
	margin := strings.Repeat(" ", digits+1)
	if width > 1 {
		fmt.Fprint(w, margin)
		for _, id := range all {
			fmt.Fprintf(w, "%*d", width, id)
		}
		fmt.Fprintln(w)
	} else {
		for place := range digits {
			fmt.Fprint(w, margin)
			for _, id := range all {
				fmt.Fprintf(w, "%c", fmt.Sprintf("%*d", digits, id)[place])
			}
			fmt.Fprintln(w)
		}
	}
	for i, id := range views.Asked {
		fmt.Fprintf(w, "%*d ", digits, id)
		for _, about := range all {
			says, differs := views.Says(i, about)
			fmt.Fprint(w, strings.Repeat(" ", width-1)+string(a.cell(says, differs, id == about, views.Answers[i].Node != 0)))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\n· alive  s suspect  d dead  l left  blank not known  – itself  x no answer; capitals (A S D L ?): most say otherwise")
	if len(disagreements) == 0 {
		silent := 0
		for _, answer := range views.Answers {
			if answer.Node == 0 {
				silent++
			}
		}
		fmt.Fprintln(w, agreement(len(views.Asked), silent))
	}
	lines := 0
	for _, about := range all {
		who := make(map[string][]gossip.NodeID) // says what
		for _, d := range disagreements {
			if d.About == about {
				who[d.Says] = append(who[d.Says], d.Node)
			}
		}
		for _, says := range slices.Sorted(maps.Keys(who)) {
			if lines++; lines <= shownDisagreements {
				fmt.Fprintf(w, "Of node %s, most say %s; %s: %s.\n", a.nodeName(int(about)), term.Escape(views.Most(about)), nodesText(who[says]), term.Escape(says))
			}
		}
	}
	if more := lines - shownDisagreements; more > 0 {
		fmt.Fprintf(w, "… and %d more.\n", more)
	}
}

// agreement says how many agree where nobody says otherwise. Who has not answered has not agreed.
func agreement(asked, silent int) string {
	text := "No node has answered"
	switch answered := asked - silent; {
	case answered == 1:
		text = "Only 1 node has answered, so none disagrees"
	case answered > 1 && silent > 0:
		text = fmt.Sprintf("The %d nodes that have answered agree", answered)
	case answered > 1:
		text = fmt.Sprintf("All %d nodes agree", answered)
	}
	if silent > 0 {
		text += fmt.Sprintf("; %d did not answer", silent)
	}
	return text + "."
}

// shownDisagreements are as many as are read; the table above them has all.
const shownDisagreements = 10

// cell is one belief as a sign.
func (a *app) cell(says string, differs, itself, answered bool) term.Safe {
	if !answered {
		return a.OutColor.Faint("x")
	}
	if itself && !differs {
		return a.OutColor.Faint("–")
	}
	agrees, otherwise := term.Safe(" "), term.Safe("?")
	switch says {
	case gossip.Alive.String():
		agrees, otherwise = "·", "A"
	case gossip.Suspect.String():
		agrees, otherwise = "s", "S"
	case gossip.Dead.String():
		agrees, otherwise = "d", "D"
	case gossip.Left.String():
		agrees, otherwise = "l", "L"
	}
	if differs {
		return a.OutColor.Bad(otherwise)
	}
	return agrees
}

// opinionColumns are what list-nodes shows of each node's own view.
var opinionColumns = []string{"alive", "suspect", "dead", "left", "disagrees about"}

// opinions asks the network how it is, and the nodes what they believe of each other, where they do.
func (a *app) opinions(ctx context.Context) (netctl.View, error) {
	view, err := a.view(ctx, false)
	if err != nil || view.Membership == "" {
		return view, err
	}
	n, err := a.open()
	if err != nil {
		return view, err
	}
	ctx, cancel := a.limit(ctx)
	defer cancel()
	return view, n.Ask(ctx, &view)
}

func (a *app) opinionCells(n netctl.NodeView) []any {
	o := n.Sees
	if o == nil {
		return []any{"–", "–", "–", "–", ""}
	}
	return []any{o.Alive, o.Suspect, o.Dead, o.Left, a.OutColor.Bad(term.Escape(fault.NodesText(o.Disagrees)))}
}

func newWaitMembers(a *app) *cobra.Command {
	alive, dead := "", ""
	c := &cobra.Command{
		Use:   "wait-members",
		Short: "Wait until all nodes agree on who is there",
		Long: `Wait until the views of all nodes that run agree, at most --timeout long: nobody is merely
suspected, and what is said of each node is the same everywhere. With --alive and
--dead, until that is so of these nodes besides; one that has left, or is forgotten, is
as good as dead. Exit status 4 means that they do not agree yet.`,
		Example:           "  gossipctl wait-members\n  gossipctl kill-node 7\n  gossipctl wait-members --dead 7 --timeout 60s\n  gossipctl restart-node 7\n  gossipctl wait-members --alive 1-16",
		Args:              a.args(0, 0, "no argument; name nodes with --alive or --dead"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			var expect netctl.Expect
			for _, f := range []struct {
				text string
				ids  *[]gossip.NodeID
			}{{alive, &expect.Alive}, {dead, &expect.Dead}} {
				if f.text == "" {
					continue
				}
				ids, err := parseNodes(f.text)
				if err != nil {
					return err
				}
				*f.ids = ids
			}
			n, err := a.open()
			if err != nil {
				return err
			}
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			doc, err := n.AwaitAgreement(ctx, expect)
			if err != nil {
				return err
			}
			return a.print(doc, func(w io.Writer) {
				text := fmt.Sprintf("All %s agree: %d alive", term.Plural(len(doc.Nodes), "node"), len(doc.Alive))
				if len(doc.Nodes) == 1 {
					text = fmt.Sprintf("The only node that runs says: %d alive", len(doc.Alive))
				}
				for _, gone := range []struct {
					ids  []gossip.NodeID
					what string
				}{{doc.Dead, "dead"}, {doc.Left, "left"}} {
					if len(gone.ids) > 0 {
						text += fmt.Sprintf(", %d %s (%s)", len(gone.ids), gone.what, nodesText(gone.ids))
					}
				}
				fmt.Fprintf(w, "%s; after %.1f s.\n", text, doc.Waited/1000)
			}, func(t *term.Table) {
				t.Columns("alive")
				for _, id := range doc.Alive {
					t.Row(id)
				}
			})
		},
	}
	c.Flags().StringVar(&alive, "alive", "", "wait until all say that these `NODES` are alive, such as 1-8,12")
	c.Flags().StringVar(&dead, "dead", "", "wait until nobody says that these `NODES` are there")
	for _, name := range []string{"alive", "dead"} {
		c.RegisterFlagCompletionFunc(name, a.completeNode(1))
	}
	return c
}
