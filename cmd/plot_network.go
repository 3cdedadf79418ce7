package cmd

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"gossipctl/cmd/term"
	"gossipctl/node/api"
	"gossipctl/topology/render"

	"github.com/spf13/cobra"
)

// plotDoc is the JSON of plot-network when it draws to a file.
type plotDoc struct {
	Plot string `json:"plot"`
}

func newPlotNetwork(a *app) *cobra.Command {
	file, format := "", "txt"
	c := &cobra.Command{
		Use:   "plot-network",
		Short: "Draw the network as it is now",
		Long: `Draw the network as it is now: nodes that are paused, dead or removed look so. Without
--file the drawing is printed, by default as text for the terminal.`,
		Example:           "  gossipctl plot-network\n  gossipctl plot-network --file network.svg\n  gossipctl plot-network --format dot",
		Args:              a.args(0, 0, "no argument; name the file with --file"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			if !slices.Contains(render.Formats(), format) {
				return a.misuse(c, fmt.Errorf("there is no format %q; there is %s", format, term.Or(render.Formats())))
			}
			switch {
			case file != "" && c.Flags().Changed("format"):
				return a.misuse(c, fmt.Errorf("the extension of --file says the format; leave --format out"))
			case a.human() || file != "":
			case c.Flags().Changed("format") || a.out.Format != term.FormatJSON:
				return a.misuse(c, fmt.Errorf("a picture is printed as --format says, or with -o json"))
			default:
				format = "json"
			}
			if file != "" {
				if err := checkPictureFile(file); err != nil {
					return err
				}
			}
			view, err := a.view(c.Context(), false)
			if err != nil {
				return err
			}
			if file != "" {
				if err := a.drawFile(c.Context(), file, pictureOf(view)); err != nil {
					return err
				}
				return a.print(plotDoc{file}, func(w io.Writer) { fmt.Fprintln(w, term.Escape(file)) }, func(t *term.Table) {
					t.Columns("plot")
					t.Row(file)
				})
			}
			if format == "png" && a.OutTTY {
				return api.NewError(api.CodeUsage, "a PNG would only be noise on a terminal", "name a file with --file")
			}
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			var page bytes.Buffer
			result, err := a.renderer().Write(ctx, &page, format, pictureOf(view))
			if err != nil {
				return drawError(err)
			}
			if result.Note != "" {
				a.note("%s", result.Note)
			}
			_, err = page.WriteTo(a.Out)
			return err
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "draw to `FILE`, in the format of its extension (svg, png, dot, json, txt)")
	c.Flags().StringVar(&format, "format", "txt", "what to print without --file: "+term.Or(render.Formats()))
	c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(render.Formats(), noFiles))
	return c
}
