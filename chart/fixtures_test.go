package chart

// good is a chart with everything a chart can have.
func good() Chart {
	return Chart{
		Title: "Three protocols", Subtitle: "1,000 nodes · random 3", Band: "10th to 90th percentile of 20 runs",
		Panels: []Panel{
			{Title: "Coverage", X: "round", Y: "nodes that have the message", Kind: Lines, Percent: true, YMin: new(0.0), YMax: new(1.0), Series: []Series{
				{Name: "flood", X: []float64{0, 1, 2}, Y: []float64{0.001, 0.4, 1}, Low: []float64{0.001, 0.3, 0.9}, High: []float64{0.001, 0.5, 1}},
				{Name: "push", X: []float64{0, 1, 1, 5}, Y: []float64{0.001, 0.1, 0.2, 0.98}},
			}},
			{Title: "Residue", X: "time (ms)", Kind: Lines, LogX: true, LogY: true, Series: []Series{
				{Name: "pull", X: []float64{0, 1e-3, 250}, Y: []float64{1, 1e-4, 0}},
			}},
			{X: "hops", Kind: Histogram, Series: []Series{{X: []float64{0, 1, 2}, Y: []float64{1, 3, 12}}}},
			{Kind: Lines, Series: []Series{}},
		},
	}
}
