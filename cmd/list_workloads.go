package cmd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/workload"

	"github.com/spf13/cobra"
)

// workloadsDoc is the JSON of list-workloads.
type workloadsDoc struct {
	Kinds   []kindDoc       `json:"kinds"`
	Running []runningDoc    `json:"running"` // in the network, if it runs
	Silent  []gossip.NodeID `json:"silent"`  // nodes that were asked, and did not answer
}

type kindDoc struct {
	Name    string  `json:"name"`
	Summary string  `json:"summary"`
	EveryMS float64 `json:"interval_ms"`
}

type runningDoc struct {
	workloadDoc
	Ticks uint64    `json:"ticks"` // at all nodes that answered, in the lives that they are in
	At    []tickDoc `json:"at"`
}

type tickDoc struct {
	Node   gossip.NodeID `json:"node"`
	Ticks  uint64        `json:"ticks"`
	Paused bool          `json:"paused"`
	Next   *time.Time    `json:"next,omitempty"`
	Error  string        `json:"error,omitempty"` // why the last tick did nothing
}

func newListWorkloads(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "list-workloads",
		Short:             "List the workloads there are, and which of them run where",
		Example:           "  gossipctl list-workloads\n  gossipctl start-workload movies\n  gossipctl list-workloads -o wide",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			doc, err := a.workloads(ctx)
			if err != nil {
				return err
			}
			return a.print(doc, nil, func(t *term.Table) { a.workloadTable(t, doc) })
		},
	}
}

// workloads asks the controller what is to run, and the nodes how far they are.
func (a *app) workloads(ctx context.Context) (workloadsDoc, error) {
	doc := workloadsDoc{Kinds: []kindDoc{}, Running: []runningDoc{}, Silent: []gossip.NodeID{}}
	for _, k := range workload.Table() {
		doc.Kinds = append(doc.Kinds, kindDoc{k.Name, k.Summary, ms(k.Every)})
	}
	n, err := a.open()
	if api.CodeOf(err) == api.CodeNotRunning {
		return doc, nil // what there is can be told in any case
	}
	if err != nil {
		return doc, err
	}
	list, err := n.Workloads(ctx)
	if err != nil {
		return doc, err
	}
	if len(list) == 0 {
		return doc, nil
	}
	for i := range list {
		doc.Running = append(doc.Running, runningDoc{workloadDoc: docOfWorkload(&list[i], n.Present()), At: []tickDoc{}})
	}
	asked := n.In(netctl.Running)
	answers, errs := netctl.Each(asked, func(id gossip.NodeID) (api.WorkloadsAnswer, error) {
		node, err := n.Node(id)
		if err != nil {
			return api.WorkloadsAnswer{}, err
		}
		return node.Workloads(ctx)
	})
	for i, id := range asked {
		if errs[i] != nil {
			doc.Silent = append(doc.Silent, id)
			continue
		}
		for _, s := range answers[i].Workloads {
			at := slices.IndexFunc(doc.Running, func(r runningDoc) bool { return r.Name == s.Name })
			if at < 0 {
				continue // it has not heard yet that it is to stop
			}
			t := tickDoc{Node: id, Ticks: s.Ticks, Paused: s.Paused, Error: s.Error}
			if !s.Next.IsZero() {
				t.Next = &s.Next
			}
			doc.Running[at].Ticks += s.Ticks
			doc.Running[at].At = append(doc.Running[at].At, t)
		}
	}
	return doc, context.Cause(ctx)
}

func (a *app) workloadTable(t *term.Table, doc workloadsDoc) {
	t.Columns("workload", "what it does", "interval", "runs", "ticks")
	t.Wide("settings", "trouble")
	for _, k := range doc.Kinds {
		interval, runs, ticks, settings, trouble := msText(k.EveryMS), term.Safe("–"), "", "", ""
		for i := range doc.Running {
			r := &doc.Running[i]
			if r.Name != k.Name {
				continue
			}
			interval, runs, ticks, settings = msText(r.EveryMS), a.OutColor.Good(term.Escape(r.whereText())), term.Count(r.Ticks), r.settingsText()
			if len(r.Paused) > 0 {
				runs = a.OutColor.Warn(term.Escape(r.whereText()))
			}
			for _, at := range r.At {
				if at.Error != "" {
					trouble = fmt.Sprintf("node %d: %s", at.Node, at.Error)
					break
				}
			}
		}
		t.Row(k.Name, k.Summary, interval, runs, ticks, settings, trouble)
	}
	if len(doc.Silent) > 0 {
		a.note("%s did not answer", nodesText(doc.Silent))
	}
}
