package cmd

import (
	"runtime"
	"runtime/debug"

	"gossipctl/cmd/term"

	"github.com/spf13/cobra"
)

// version is the version of the program; CHANGELOG.md says what is in it.
const version = "0.1.0"

type versionDoc struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Commit   string `json:"commit,omitempty"`
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Example:           "  gossipctl version\n  gossipctl version -o json",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			doc := versionDoc{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						doc.Commit = s.Value
					}
				}
			}
			return a.print(doc, nil, func(t *term.Table) {
				t.Columns("gossipctl", "go", "platform")
				t.Wide("commit")
				t.Row(doc.Version, doc.Go, doc.Platform, doc.Commit)
			})
		},
	}
}
