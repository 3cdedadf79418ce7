package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"gossipctl/check"
	"gossipctl/cmd/term"
	"gossipctl/netctl"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

func newCheckRun(a *app) *cobra.Command {
	noFinal := false
	c := &cobra.Command{
		Use:   "check-run [DIR | FILE.tgz]",
		Short: "Prove that a recorded run kept every guarantee, or show where it did not",
		Long: `Judge a recorded run by what its nodes wrote down: valid, violated (which guarantee,
which message, which node, and the first event that shows it), or unknown, because
evidence is missing. A run is a folder, a file that export-network has written, or,
without an argument, the running network, which has to be started with --record.

A running network is read to its end first: its nodes start nothing of their own for
a moment, until nothing is on its way any more, and write down what they have. That
changes nothing, and it goes on afterwards. --no-final leaves it out: the run is then
judged by the last read there was, and the verdict is unknown where there was none, or
something has happened since.

Exit status 0 means valid, 5 violated, 7 unknown, 3 that there is no such run.`,
		Example: "  gossipctl check-run\n  gossipctl check-run -o json\n  gossipctl export-network --output example.tgz --force && gossipctl check-run example.tgz",
		Args:    a.args(0, 1, "the folder or file of a run, or nothing"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, noFiles
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			var m check.Manifest
			var v check.Verdict
			var err error
			name := ""
			if len(args) > 0 {
				if name = args[0]; name == "" {
					return a.misuse(c, errors.New("no run is named: leave the argument out for the running network"))
				}
				m, v, err = judgePath(ctx, name)
			} else {
				name = fmt.Sprintf("network %q", a.network)
				m, v, err = a.judgeNetwork(ctx, noFinal)
			}
			if err != nil {
				return err
			}
			return a.showVerdict(name, m, v)
		},
	}
	c.Flags().BoolVar(&noFinal, "no-final", false, "do not read the running network to its end first")
	return c
}

// judgePath judges a run in a folder or in a file.
func judgePath(ctx context.Context, name string) (m check.Manifest, v check.Verdict, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return m, v, noRun(name, err)
	}
	folder := name
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return m, v, noRun(name, errors.New("it is neither a folder nor a regular file"))
		}
		if folder, err = netctl.Unpack(ctx, name); err != nil {
			if ctx.Err() != nil {
				return m, v, context.Cause(ctx)
			}
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
				return m, v, noRun(name, err)
			}
			return m, check.New(check.Conditions{Incomplete: fmt.Sprintf("%s cannot be unpacked: %v", name, err)}).Verdict(), nil
		}
		defer os.RemoveAll(folder)
	}
	run, err := netctl.OpenRunFolder(ctx, folder)
	if err != nil {
		return m, v, noRun(name, err)
	}
	defer run.Close()
	m, v, err = check.Folder(run)
	if ctx.Err() != nil { // then the rest of it was not read
		return m, v, context.Cause(ctx)
	}
	return m, v, noRun(name, err)
}

// noRun is the error about something that is no run.
func noRun(name string, err error) error {
	if err == nil {
		return nil
	}
	why := err.Error()
	var of *fs.PathError
	if errors.As(err, &of) {
		if why = of.Err.Error(); strings.HasSuffix(of.Path, check.ManifestName) {
			why = "it has no " + check.ManifestName
		}
	}
	code := api.CodeFailed
	if errors.Is(err, fs.ErrNotExist) {
		code = api.CodeNotFound
	}
	return api.NewError(code, fmt.Sprintf("%s is no recorded run: %s", name, why), "export-network and run-scenario write runs; without an argument the running network is checked")
}

// judgeNetwork judges the running network.
func (a *app) judgeNetwork(ctx context.Context, noFinal bool) (m check.Manifest, v check.Verdict, err error) {
	run, err := a.readNetwork(ctx, noFinal)
	if err != nil {
		return m, v, err
	}
	defer run.Close()
	m, v, err = check.Folder(run)
	return m, v, noRun(fmt.Sprintf("network %q", a.network), err)
}

// readNetwork reads the network to its end, unless it should not, and opens what it has written down. Of a
// network that is gone there is what it wrote until then.
func (a *app) readNetwork(ctx context.Context, noFinal bool) (*netctl.Run, error) {
	n, err := a.open()
	if err != nil {
		return nil, err
	}
	if !n.Recorded() {
		return nil, api.NewError(api.CodeNotFound, fmt.Sprintf("network %q does not record what happens: there is no run to look at", n.Name()), "start it with gossipctl start-network --record")
	}
	var read netctl.Final
	if !noFinal {
		if read, err = n.Final(ctx); err != nil {
			if code := api.CodeOf(err); code != api.CodeNotRunning && code != api.CodeTimeout {
				return nil, err
			}
			a.note("There was no final read: %s", term.Escape(err.Error()))
		}
	}
	return n.Run(read)
}

// showVerdict prints a verdict, and makes an exit status of it.
func (a *app) showVerdict(name string, m check.Manifest, v check.Verdict) error {
	err := a.print(v, func(w io.Writer) { a.writeVerdict(w, name, m, v) }, func(t *term.Table) {
		t.Columns("guarantee", "checked", "violations")
		for _, c := range v.Checked {
			t.Row(c.Guarantee, c.Facts, c.Violations)
		}
	})
	if err != nil {
		return err
	}
	switch v.Valid {
	case check.False:
		first := v.Violations[0]
		return api.NewError(api.CodeCheckFailed, fmt.Sprintf("%s: violated: %s: %s", name, first.Guarantee, first.What), "")
	case check.Unknown:
		return api.NewError(codeUnknown, fmt.Sprintf("%s: whether every guarantee was kept cannot be told: %s", name, v.Unknown[0]), "")
	}
	return nil
}

func (a *app) writeVerdict(w io.Writer, name string, m check.Manifest, v check.Verdict) {
	paint := map[check.Valid]func(term.Safe) term.Safe{check.True: a.OutColor.Good, check.False: a.OutColor.Bad, check.Unknown: a.OutColor.Warn}
	if v.Events == 0 && m.FileVersion == 0 { // nothing could be read: a table of zeros would say less
		fmt.Fprintf(w, "%s: %s\n", term.Escape(name), paint[v.Valid](term.Escape(v.Valid.String())))
		for _, why := range v.Unknown {
			fmt.Fprintf(w, "  %s\n", term.Escape(why))
		}
		return
	}
	fmt.Fprintf(w, "%s: %s · %s, %d live · %s · %s · seed %d\n\n", term.Escape(name), paint[v.Valid](term.Escape(v.Valid.String())),
		term.Plural(v.Nodes, "node"), v.Live, term.Plural(v.Messages, "message")+updates(v.Updates), term.Plural(v.Events, "event"), m.Seed)
	var t term.Table
	t.Columns("", "guarantee", "checked", "violations")
	for _, c := range v.Checked {
		violations := term.Escape(fmt.Sprint(c.Violations))
		if c.Violations > 0 {
			violations = a.OutColor.Bad(violations)
		}
		t.Row(c.Guarantee, c.Guarantee.Title(), c.Facts, violations)
	}
	t.Write(w)
	if len(v.Violations) > 0 {
		fmt.Fprintf(w, "\nViolations:\n")
	}
	for _, one := range v.Violations {
		at := ""
		if one.First.Log != "" {
			at = fmt.Sprintf(" (%s:%d)", one.First.Log, one.First.Line)
		}
		fmt.Fprintf(w, "  %s %s%s\n", a.OutColor.Bad(term.Escape(string(one.Guarantee))), term.Escape(one.What), term.Escape(at))
	}
	if v.More > 0 {
		fmt.Fprintf(w, "  and %d more\n", v.More)
	}
	if len(v.Unknown) > 0 {
		fmt.Fprintf(w, "\nWhat cannot be told, and why:\n")
	}
	for _, why := range v.Unknown {
		fmt.Fprintf(w, "  %s\n", term.Escape(why))
	}
	for _, note := range v.Notes {
		fmt.Fprintf(w, "\nNote: %s.\n", term.Escape(note))
	}
}

// updates is how many there were of values, where there were any.
func updates(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" · %s of values", term.Plural(n, "update"))
}
