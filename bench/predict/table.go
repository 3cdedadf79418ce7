package main

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// rowTitles and budgetTitles head the two tables.
var (
	rowTitles = []string{"protocol", "graph", "networks × messages", "packets, real", "predicted", "apart",
		"mean hops, real", "predicted", "apart", "longest way, real", "predicted", "coverage, real", "predicted", "last node, real", "predicted", "verdict"}
	budgetTitles = []string{"nodes", "how", "broadcasts", "transmissions a node", "coverage", "half know, ms", "nine tenths, ms", "last, ms", "verdict"}
)

// rowCells is the table of comparisons, its titles first.
func (r *Report) rowCells() [][]string {
	cells := [][]string{rowTitles}
	for i := range r.Rows {
		row := &r.Rows[i]
		cells = append(cells, []string{
			row.Name, row.Graph, fmt.Sprintf("%d × %d", row.Networks, row.Messages),
			row.Packets.Real.text(1), row.Packets.Predicted.text(1), percent(row.Packets),
			row.MeanHops.Real.text(2), row.MeanHops.Predicted.text(2), percent(row.MeanHops),
			row.MaxHops.Real.text(1), row.MaxHops.Predicted.text(1),
			fmt.Sprintf("%.3f", row.Coverage.Real.Mean), fmt.Sprintf("%.3f", row.Coverage.Predicted.Mean),
			fmt.Sprintf("%.0f ms", row.LastMS.Real.Mean), fmt.Sprintf("%.0f ms", row.LastMS.Predicted.Mean), string(row.Verdict),
		})
	}
	return cells
}

// budgetCells is the table of the budget: what is asked for, and what there was.
func (r *Report) budgetCells() [][]string {
	cells := [][]string{budgetTitles}
	for i := range r.Budget {
		row := &r.Budget[i]
		if i == 0 || row.Nodes != r.Budget[i-1].Nodes {
			b := bounds[row.Nodes]
			cells = append(cells, []string{itoa(row.Nodes), wanted, "",
				between(b.perNode, 2), "", between(b.half, 0), between(b.nineTenths, 0), between(b.last, 0), ""})
		}
		coverage := "–"
		if row.Coverage.Mean > 0 {
			coverage = fmt.Sprintf("%.3f", row.Coverage.Mean)
		}
		cells = append(cells, []string{
			itoa(row.Nodes), row.Kind, itoa(row.Broadcasts),
			row.PerNode.text(2), coverage, row.HalfMS.text(0), row.NineTenthMS.text(0), row.LastMS.text(0), string(row.Verdict),
		})
	}
	return cells
}

// text is the mean and, if one can be seen, the standard deviation.
func (f Figure) text(digits int) string {
	if f.SD < 0.5*math.Pow10(-digits) {
		return fmt.Sprintf("%.*f", digits, f.Mean)
	}
	return fmt.Sprintf("%.*f ± %.*f", digits, f.Mean, digits, f.SD)
}

// percent is how far apart a pair is.
func percent(p Pair) string {
	if math.Abs(p.apart()) < 0.0005 {
		return "0.0 %" // without a sign
	}
	return fmt.Sprintf("%+.1f %%", 100*p.apart())
}

// between shows bounds, of which either may be missing.
func between(b [2]float64, digits int) string {
	switch {
	case math.IsInf(b[1], 1):
		return "–"
	case b[0] == 0:
		return fmt.Sprintf("≤ %.*f", digits, b[1])
	}
	return fmt.Sprintf("%.*f to %.*f", digits, b[0], digits, b[1])
}

// where is how the numbers came about.
func (r *Report) where() string {
	m := r.Machine
	return fmt.Sprintf("%d nodes; a packet takes %s. %d CPUs, %s, %s, load %.2f before the run.",
		nodes, r.Latency, m.CPUs, m.Platform, m.Go, m.Load)
}

// early says that the report is not whole.
const early = "The run ended early: rows are missing."

// text lays the report out for people.
func (r *Report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\napart = predicted ÷ real − 1; ± is the standard deviation between networks, or broadcasts\n\n", r.where())
	layOut(&b, r.rowCells())
	b.WriteString("\n")
	layOut(&b, r.budgetCells())
	if !r.Complete {
		b.WriteString("\n" + early + "\n")
	}
	return b.String()
}

// markdown lays it out for a document.
func (r *Report) markdown() string {
	var b strings.Builder
	b.WriteString(r.where() + "\n\n")
	for _, cells := range [][][]string{r.rowCells(), r.budgetCells()} {
		for i, row := range cells {
			b.WriteString("| " + strings.Join(row, " | ") + " |\n")
			if i == 0 {
				b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
			}
		}
		b.WriteString("\n")
	}
	if !r.Complete {
		b.WriteString(early + "\n")
	}
	return b.String()
}

// layOut writes rows of cells in columns.
func layOut(b *strings.Builder, cells [][]string) {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range cells {
		var line strings.Builder
		for i, c := range row {
			line.WriteString(c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
