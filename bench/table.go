package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The units of rows, as JSON names them.
const (
	unitMS         = "ms"
	unitPerSecond  = "per_second"
	unitMB         = "mb"
	unitPackets    = "packets"
	unitDeliveries = "deliveries"
)

// noteWidth is where a note in the table is cut; JSON has all of it.
const noteWidth = 100

// table lays the report out for people.
func (r *Report) table() string {
	cells := [][]string{{"what", "nodes", "limit", "gossipctl", "ratio", "target", "stretch", "verdict", "note"}}
	for _, row := range r.Rows {
		ratio := "–"
		if row.Ratio != nil {
			ratio = fmt.Sprintf("%.2f ×", *row.Ratio)
		}
		cells = append(cells, []string{
			row.What, strconv.Itoa(row.Nodes), numberOrNone(row.Limit, row.Unit), numberOrNone(row.Gossipctl, row.Unit), ratio,
			row.Target.text(row.Unit), row.Stretch.text(row.Unit), string(row.Verdict), shorten(row.Note),
		})
	}
	var b strings.Builder
	m := r.Machine
	procs := "Go's own choice"
	if m.LimitProcs > 0 {
		procs = strconv.Itoa(m.LimitProcs)
	}
	fmt.Fprintf(&b, "%d CPUs, %s, %s, load %.2f before the run; GOMAXPROCS of the limit programs: %s\n", m.CPUs, m.Platform, m.Go, m.Load, procs)
	b.WriteString("ratio = gossipctl ÷ limit, both measured in this run; medians; MB = 10^6 bytes\n\n")
	layOut(&b, cells)
	if !r.Complete {
		b.WriteString("\nThe run ended early: rows are missing.\n")
	}
	return b.String()
}

// layOut writes rows of cells in columns, numbers (columns 1 to 4) to the right.
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
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i >= 1 && i <= 4 {
				line.WriteString(pad + c + "  ")
			} else {
				line.WriteString(c + pad + "  ")
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func numberOrNone(v *float64, unit string) string {
	if v == nil {
		return "–"
	}
	return number(*v, unit)
}

// number shows a value in its unit with about three digits that mean something.
func number(v float64, unit string) string {
	switch unit {
	case unitPerSecond:
		return thousands(v) + "/s"
	case unitPackets, unitDeliveries:
		return thousands(v)
	case unitMB:
		return fmt.Sprintf("%.2f MB", v)
	}
	if v >= 100 {
		return fmt.Sprintf("%.0f ms", v)
	}
	return fmt.Sprintf("%.3g ms", v)
}

// thousands writes a whole number with commas.
func thousands(v float64) string {
	digits := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// shorten keeps a note on its line.
func shorten(note string) string {
	note = strings.Join(strings.Fields(note), " ")
	if utf8.RuneCountInString(note) <= noteWidth {
		return note
	}
	return string([]rune(note)[:noteWidth-1]) + "…"
}
