package cmd

import (
	"fmt"
	"io"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/topology/render"

	"github.com/spf13/cobra"
)

// doctorDoc is the JSON of doctor.
type doctorDoc struct {
	Checks []netctl.Finding `json:"checks"`
}

func newDoctor(a *app) *cobra.Command {
	opts := netctl.DoctorOptions{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what keeps networks from working, and mend it",
		Long: `Look at the state folder, at every network in it, at processes that are left over, and
at what this machine has to offer: ports, limits, disk space, the renderer. With --fix,
clear what networks that are gone have left, end processes that are proven to be left
over, put damaged state files aside, and take back permissions that others have on yours.
Exit status 5 means that something is wrong and was not mended.`,
		Example:           "  gossipctl doctor\n  gossipctl doctor --fix\n  gossipctl doctor -n 500 --base-port 9000",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			opts.Network = a.network
			checks, err := netctl.Diagnose(ctx, opts)
			if err != nil {
				return err
			}
			return a.tellFindings(append(checks, rendererFinding()), opts.Fix)
		},
	}
	f := c.Flags()
	f.BoolVar(&opts.Fix, "fix", false, "mend what can be mended without harm")
	f.IntVarP(&opts.Nodes, "num-nodes", "n", netctl.DefaultNodes, "how many nodes there should be room for")
	f.IntVar(&opts.BasePort, "base-port", netctl.DefaultBasePort, "port of the controller to be; those of its nodes follow it")
	return c
}

// rendererFinding says whether there is a renderer, which most pictures can do without.
func rendererFinding() netctl.Finding {
	path, err := render.Find()
	if err != nil {
		return netctl.Finding{Check: "renderer", Status: netctl.FindingWarn, Detail: err.Error(), Next: "build it with make, if you want png pictures and the best layouts"}
	}
	return netctl.Finding{Check: "renderer", Status: netctl.FindingOK, Detail: path + " is there"}
}

// tellFindings prints what was found; failures that are still there are an error.
func (a *app) tellFindings(checks []netctl.Finding, fixed bool) error {
	var failed []string
	for _, f := range checks {
		if f.Failed() {
			failed = append(failed, checkName(f))
		}
	}
	err := a.print(doctorDoc{checks}, func(w io.Writer) { a.writeFindings(w, checks) }, func(t *term.Table) { findingRows(a, t, checks) })
	if err != nil || len(failed) == 0 {
		return err
	}
	hint := "do what stands after each; gossipctl doctor --fix does what it can"
	if fixed {
		hint = "do what stands after each"
	}
	return api.NewError(api.CodeCheckFailed, fmt.Sprintf("%s failed: %s", term.Plural(len(failed), "check"), strings.Join(failed, ", ")), hint)
}

// checkName is a check's name as people write it.
func checkName(f netctl.Finding) string { return strings.ReplaceAll(f.Check, "_", " ") }

// writeFindings prints each finding in a line, and below it what to do.
func (a *app) writeFindings(w io.Writer, checks []netctl.Finding) {
	width := 0
	for _, f := range checks {
		width = max(width, len(checkName(f)))
	}
	for _, f := range checks {
		mark := a.findingStatus(f)
		fmt.Fprintf(w, "%s%s  %-*s  %s\n", mark, strings.Repeat(" ", len("fixed")-len(statusWord(f))), width, checkName(f), term.Escape(f.Detail))
		if f.Next != "" {
			fmt.Fprintf(w, "%*s  → %s\n", len("fixed")+2+width, "", term.Escape(f.Next))
		}
	}
}

func findingRows(a *app, t *term.Table, checks []netctl.Finding) {
	t.Columns("check", "status", "detail", "next")
	for _, f := range checks {
		t.Row(checkName(f), a.findingStatus(f), f.Detail, f.Next)
	}
}

// statusWord is the status of a finding, or that it was mended.
func statusWord(f netctl.Finding) string {
	if f.Fixed {
		return "fixed"
	}
	return string(f.Status)
}

func (a *app) findingStatus(f netctl.Finding) term.Safe {
	word := term.Escape(statusWord(f))
	switch {
	case f.Failed():
		return a.OutColor.Bad(word)
	case f.Status == netctl.FindingWarn:
		return a.OutColor.Warn(word)
	}
	return a.OutColor.Good(word)
}
