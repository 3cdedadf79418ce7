package cmd

import (
	"fmt"
	"io"
	"slices"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/scenario"
)

// planDoc is the JSON of run-scenario --dry-run.
type planDoc struct {
	Scenario string      `json:"scenario"`
	Case     string      `json:"case,omitempty"`
	Seed     uint64      `json:"seed"`
	HealedMS float64     `json:"healed_ms"` // when the last thing is broken or mended
	EndMS    float64     `json:"end_ms"`    // when the network is read for the last time
	Left     int         `json:"left"`      // faults in force, and nodes dead or paused, in the end
	Unsent   int         `json:"unsent"`    // messages that nobody is alive to publish
	Actions  []actionDoc `json:"actions"`
}

type actionDoc struct {
	AtMS    float64         `json:"at_ms"`
	Do      scenario.Do     `json:"do"`
	Nodes   []gossip.NodeID `json:"nodes"`
	Fault   string          `json:"fault,omitempty"` // its name
	Message int             `json:"message,omitempty"`
	What    string          `json:"what"`
}

// showPlan prints what would happen.
func (o *runScenario) showPlan() error {
	docs := []planDoc{}
	for _, s := range o.cases {
		for i := range min(o.between.Len(), maxResults) {
			p, err := s.Plan(o.between.First + uint64(i))
			if err != nil {
				return err
			}
			d := planDoc{Scenario: s.Base, Case: s.Case, Seed: p.Seed, HealedMS: ms(p.Healed), EndMS: ms(p.End), Left: p.Left, Unsent: p.Unsent, Actions: []actionDoc{}}
			for _, a := range p.Actions {
				d.Actions = append(d.Actions, actionDoc{ms(a.At), a.Do, slices.Concat([]gossip.NodeID{}, a.Nodes), a.Rule.Name, a.Message, a.String()})
			}
			docs = append(docs, d)
		}
	}
	rows := func(t *term.Table) {
		t.Columns("scenario", "seed", "at", "what")
		for _, d := range docs {
			for _, a := range d.Actions {
				t.Row(d.Scenario+caseText(d.Case), d.Seed, fmt.Sprintf("%.3fs", a.AtMS/1000), a.What)
			}
		}
	}
	return o.print(docs, func(w io.Writer) {
		for i, d := range docs {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s, seed %d\n\n", o.OutColor.Strong(term.Escape(d.Scenario+caseText(d.Case))), d.Seed)
			var t term.Table
			t.Columns("at", "what")
			for _, a := range d.Actions {
				t.Row(fmt.Sprintf("%.3fs", a.AtMS/1000), a.What)
			}
			t.Row(fmt.Sprintf("%.3fs", d.EndMS/1000), "read the network for the last time")
			t.Write(w)
		}
	}, rows)
}

func caseText(which string) string {
	if which == "" {
		return ""
	}
	return "[" + which + "]"
}
