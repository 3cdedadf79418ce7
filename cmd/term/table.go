package term

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Table collects rows and shows them as kubectl does: no borders, titles in capitals, columns left
// aligned and two spaces apart, no spaces at the end of a line. The zero value is ready to use.
type Table struct {
	// Empty is the notice for a table without rows, a sentence such as "node 3 has no unread
	// messages". Without rows not even the titles are shown.
	Empty string

	columns []string
	wide    []string
	name    string
	rows    [][]Safe
}

// Columns names the columns that are always shown, in order.
func (t *Table) Columns(titles ...string) { t.columns = titles }

// Wide names the columns that only [FormatWide] shows; they follow the others.
func (t *Table) Wide(titles ...string) { t.wide = titles }

// NameBy says which column identifies a row: the one [FormatName] shows, shown otherwise or not.
// Without it, that is the first.
func (t *Table) NameBy(title string) { t.name = title }

// Row adds a row: a cell for each of Columns, then for each of Wide. A [Safe] cell is shown as it
// is, perhaps coloured; everything else is formatted as fmt.Sprint does, and escaped.
func (t *Table) Row(cells ...any) {
	row := make([]Safe, len(cells))
	for i, c := range cells {
		if safe, ok := c.(Safe); ok {
			row[i] = safe
		} else {
			row[i] = Escape(fmt.Sprint(c))
		}
	}
	t.rows = append(t.rows, row)
}

// Write shows the table to a person, in the middle of other text.
func (t *Table) Write(w io.Writer) error { return t.render(w, Output{}) }

// render writes the table in one of the formats that are not a document.
func (t *Table) render(w io.Writer, o Output) error {
	titles := slices.Concat(t.columns, t.wide)
	for i, row := range t.rows {
		if len(row) != len(titles) {
			return fmt.Errorf("row %d has %d cells for %d columns", i+1, len(row), len(titles))
		}
	}
	if o.Format == FormatCSV {
		return t.csv(w, titles, !o.NoHeaders)
	}
	if len(t.rows) == 0 {
		return nil
	}
	if o.Format == FormatName {
		return t.names(w, titles)
	}
	shown := titles
	if o.Format != FormatWide {
		shown = t.columns
	}
	var laidOut bytes.Buffer
	if err := layOut(&laidOut, shown, t.rows, !o.NoHeaders); err != nil {
		return err
	}
	return tidy(w, laidOut.String())
}

func (t *Table) names(w io.Writer, titles []string) error {
	at := 0
	if t.name != "" {
		if at = slices.Index(titles, t.name); at < 0 {
			return fmt.Errorf("no column is called %q", t.name)
		}
	}
	for _, row := range t.rows {
		if _, err := fmt.Fprintln(w, colors.ReplaceAllString(string(row[at]), "")); err != nil {
			return err
		}
	}
	return nil
}

// csv writes every column by RFC 4180, without colours. Text stays escaped, so that it cannot act on
// a terminal; a program reads the exact text in JSON.
func (t *Table) csv(w io.Writer, titles []string, header bool) error {
	out := csv.NewWriter(w)
	record := make([]string, len(titles))
	if header {
		for i, title := range titles {
			record[i] = strings.ReplaceAll(strings.ToLower(title), " ", "_")
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	for _, row := range t.rows {
		for i, cell := range row {
			record[i] = colors.ReplaceAllString(string(cell), "")
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// layOut lets tablewriter align the first len(titles) cells of every row. All that it does to the
// text of a cell by default (trimming, wrapping, formatting) is off: cells are shown as they are.
func layOut(w io.Writer, titles []string, rows [][]Safe, header bool) error {
	table := tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithHeaderAlignment(tw.AlignLeft), tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithRowAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone), tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
	)
	if header {
		upper := make([]string, len(titles))
		for i, title := range titles {
			upper[i] = strings.ToUpper(title)
		}
		table.Header(upper)
	}
	cells := make([]string, len(titles))
	for _, row := range rows {
		for i := range cells {
			cells[i] = string(row[i])
		}
		if err := table.Append(slices.Clone(cells)); err != nil {
			return err
		}
	}
	return table.Render()
}

var (
	// colors matches what [Level] puts round painted text.
	colors = regexp.MustCompile("\x1b\\[[0-9;]*m")
	// resetTwice matches the reset of a painted cell and the one tablewriter adds after its padding.
	resetTwice = regexp.MustCompile("\x1b\\[0m( *)\x1b\\[0m")
)

// tidy writes what tablewriter laid out without what nobody sees: spaces at the ends of lines and
// resets of colours that are reset.
func tidy(w io.Writer, laidOut string) error {
	if strings.IndexByte(laidOut, escByte) >= 0 {
		laidOut = resetTwice.ReplaceAllString(laidOut, "\x1b[0m$1")
	}
	for line := range strings.Lines(laidOut) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}
