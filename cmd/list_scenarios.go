package cmd

import (
	"fmt"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/scenario"
	"gossipctl/scenarios"

	"github.com/spf13/cobra"
)

type scenarioListDoc struct {
	Name     string   `json:"name"`
	About    string   `json:"about"`
	Nodes    int      `json:"nodes"`
	Protocol string   `json:"protocol"`
	LengthMS float64  `json:"length_ms"` // with seed 1, until the last read
	Cases    []string `json:"cases"`     // of its matrix; empty without one
}

func newListScenarios(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "list-scenarios",
		Short:             "List the scenarios that come with gossipctl",
		Example:           "  gossipctl list-scenarios\n  gossipctl list-scenarios -o wide",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			var docs []scenarioListDoc
			for _, name := range scenarios.Names() {
				text, _ := scenarios.Text(name)
				cases, err := scenario.Read(name+".yaml", text, scenario.Override{})
				if err != nil {
					return fmt.Errorf("reading a scenario that came with gossipctl: %w", err)
				}
				plan, err := cases[0].Plan(1)
				if err != nil {
					return err
				}
				d := scenarioListDoc{Name: name, About: cases[0].About, Nodes: cases[0].Network.Nodes, Protocol: cases[0].Network.Protocol, LengthMS: ms(plan.End)}
				for _, c := range cases {
					if c.Case != "" {
						d.Cases = append(d.Cases, c.Case)
					}
				}
				docs = append(docs, d)
			}
			return a.print(docs, nil, func(t *term.Table) {
				t.Columns("scenario", "shows", "nodes", "protocol", "seconds")
				t.Wide("cases")
				for _, d := range docs {
					t.Row(d.Name, d.About, d.Nodes, d.Protocol, int(d.LengthMS/1000+0.5), strings.Join(d.Cases, " "))
				}
			})
		},
	}
}

// completeScenario completes names of scenarios that come along, and files.
func completeScenario(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	return scenarios.Names(), cobra.ShellCompDirectiveDefault
}
