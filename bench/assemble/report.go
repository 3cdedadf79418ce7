package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Row is what networks of one kind and size have come to, in the median.
type Row struct {
	Nodes      int     `json:"nodes"`
	Kind       string  `json:"kind"` // static, or the membership of a network that assembles itself
	StartMS    float64 `json:"start_ms"`
	StartRatio float64 `json:"start_ratio"` // to the static network, here and below
	FoundMS    float64 `json:"found_ms"`    // after all nodes were ready
	Rounds     float64 `json:"rounds"`
	LastMS     float64 `json:"message_last_ms"`
	LastRatio  float64 `json:"message_ratio"`
}

func newRow(kind string, nodes int, f, base figures) Row {
	return Row{
		Nodes: nodes, Kind: kind, StartMS: f.start, StartRatio: ratio(f.start, base.start), FoundMS: f.found, Rounds: f.rounds,
		LastMS: f.last, LastRatio: ratio(f.last, base.last),
	}
}

// ratio of two numbers; 0 when there is none.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// middle is the median of each figure.
func middle(list []figures) figures {
	part := func(of func(figures) float64) float64 {
		values := make([]float64, len(list))
		for i, f := range list {
			values[i] = of(f)
		}
		return median(values)
	}
	return figures{
		start: part(func(f figures) float64 { return f.start }), found: part(func(f figures) float64 { return f.found }),
		rounds: part(func(f figures) float64 { return f.rounds }), last: part(func(f figures) float64 { return f.last }),
	}
}

// median of values, of which there is one at least.
func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	half := len(values) / 2
	if len(values)%2 == 0 {
		return (values[half-1] + values[half]) / 2
	}
	return values[half]
}

// report prints the rows, as a table or as JSON.
func report(w io.Writer, rows []Row, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "nodes\tkind\tstarted ms\tratio\tfound each other ms\trounds\tmessage to all ms\tratio\t")
	for _, r := range rows {
		found, rounds := fmt.Sprintf("%.0f", r.FoundMS), fmt.Sprintf("%.1f", r.Rounds)
		if r.Kind == static {
			found, rounds = "–", "–"
		}
		fmt.Fprintf(t, "%d\t%s\t%.0f\t%.2f\t%s\t%s\t%.1f\t%.2f\t\n", r.Nodes, r.Kind, r.StartMS, r.StartRatio, found, rounds, r.LastMS, r.LastRatio)
	}
	return t.Flush()
}
