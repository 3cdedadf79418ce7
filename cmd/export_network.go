package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gossipctl/check"
	"gossipctl/cmd/term"
	"gossipctl/netctl"

	"github.com/spf13/cobra"
)

// fileOrFormat is the --output of a command that writes a file: the name of that file, or, as for every
// other command, how the result is shown. A file called like a format is written ./json.
type fileOrFormat struct {
	file   *string
	format *term.Format
}

func (f fileOrFormat) String() string {
	if f.file == nil {
		return ""
	}
	return *f.file
}

func (f fileOrFormat) Type() string { return "file" }

func (f fileOrFormat) Set(text string) error {
	if slices.Contains(term.Formats(), text) {
		return f.format.Set(text)
	}
	*f.file = text
	return nil
}

// checkArchiveName refuses what would become a file that nobody meant.
func checkArchiveName(file string) error {
	if file == "-" {
		return errors.New("--output -: a run is not written to standard output; name a file")
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("--output %s is a folder; name a file in it", file)
	}
	switch ending := strings.ToLower(filepath.Ext(file)); ending {
	case ".zip", ".7z", ".tar", ".xz", ".bz2", ".zst":
		return fmt.Errorf("--output %s: a run is written as .tgz, not as %s", file, ending)
	}
	return nil
}

func newExportNetwork(a *app) *cobra.Command {
	file, force, noFinal := "", false, false
	c := &cobra.Command{
		Use:   "export-network",
		Short: "Pack a recorded run into one file, to repeat it and to argue about it",
		Long: `Pack what a network that was started with --record has written down into one file:
what it is and how to repeat it, every event, the logs, and the verdict. The network
is read to its end first, as check-run does, and goes on afterwards; it can be stopped
then, which removes everything but this file. No secret of the network is in it, but
the file says everything about it, and only you can read it.`,
		Example:           "  gossipctl export-network\n  gossipctl export-network --output run.tgz\n  gossipctl export-network --output run.tgz --force -o json",
		Args:              a.args(0, 0, "no argument; name the network with --network"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			if file == "" {
				file = a.network + ".tgz"
			}
			if err := checkArchiveName(file); err != nil {
				return a.misuse(c, err)
			}
			run, err := a.readNetwork(ctx, noFinal)
			if err != nil {
				return err
			}
			defer run.Close()
			m, v, err := check.Folder(run)
			if err != nil {
				return noRun(fmt.Sprintf("network %q", a.network), err)
			}
			packed, err := netctl.Pack(file, run, m, v, force)
			if err != nil {
				return err
			}
			return a.print(packed, func(w io.Writer) {
				fmt.Fprintf(w, "Run of network %q is in %s: %s, %s; verdict: %v.\n", a.network, term.Escape(packed.File), term.Plural(packed.Files, "file"), term.Plural(int(packed.Bytes), "byte"), packed.Verdict)
			}, func(t *term.Table) {
				t.Columns("file")
				t.Row(packed.File)
			})
		},
	}
	f := c.Flags()
	f.VarP(fileOrFormat{&file, &a.out.Format}, "output", "o", "`FILE` to write (default: NETWORK.tgz); or show the result as "+term.Or(term.Formats()))
	f.BoolVar(&force, "force", false, "write over a file that is there")
	f.BoolVar(&noFinal, "no-final", false, "do not read the running network to its end first")
	return c
}
