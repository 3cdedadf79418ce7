package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report is what --json prints. Times are in seconds.
type Report struct {
	Nodes    int   `json:"nodes"`
	Networks []Row `json:"networks"`
}

// Row is one network: after how long the first node knew of a dead one, and all did.
type Row struct {
	Network string `json:"network"`
	Kills   int    `json:"kills"`
	First   Times  `json:"first_s"`
	All     Times  `json:"all_s"`
	// Ratios of the means to those of the first row; 0 in that one.
	FirstRatio float64 `json:"first_ratio,omitempty"`
	AllRatio   float64 `json:"all_ratio,omitempty"`
}

// Times sums up several kills.
type Times struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

func newReport(nodes int, results []result) Report {
	r := Report{Nodes: nodes}
	for i, one := range results {
		row := Row{
			Network: one.network, Kills: len(one.kills),
			First: times(one.kills, func(k kill) time.Duration { return k.first }),
			All:   times(one.kills, func(k kill) time.Duration { return k.all }),
		}
		if i > 0 {
			row.FirstRatio, row.AllRatio = ratio(row.First, r.Networks[0].First), ratio(row.All, r.Networks[0].All)
		}
		r.Networks = append(r.Networks, row)
	}
	return r
}

func times(kills []kill, of func(kill) time.Duration) (t Times) {
	for i, k := range kills {
		s := of(k).Seconds()
		t.Mean += s / float64(len(kills))
		if i == 0 || s < t.Low {
			t.Low = s
		}
		t.High = max(t.High, s)
	}
	return t
}

// ratio is 0 where there is nothing to compare with.
func ratio(ours, base Times) float64 {
	if base.Mean == 0 {
		return 0
	}
	return ours.Mean / base.Mean
}

// report prints a table, or JSON.
func report(w io.Writer, r Report, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d processes each, killed one after the other; seconds until it is taken for dead: mean [lowest, highest]\n\n", r.Nodes)
	fmt.Fprintf(t, "network\tkills\tby the first\tby all\n")
	for _, row := range r.Networks {
		fmt.Fprintf(t, "%s\t%d\t%v\t%v\n", row.Network, row.Kills, row.First, row.All)
	}
	for i, row := range r.Networks {
		if i > 0 {
			fmt.Fprintf(t, "ratio of %s to %s\t\t%.2f\t%.2f\n", row.Network, r.Networks[0].Network, row.FirstRatio, row.AllRatio)
		}
	}
	return t.Flush()
}

func (t Times) String() string { return fmt.Sprintf("%.2f [%.2f, %.2f]", t.Mean, t.Low, t.High) }
