// Package chart describes figures of numbers: curves and histograms, in panels of one [Chart]. It is
// pure, and knows nothing of gossip or of paper: what shows a chart, the renderer on a page or
// package term in a terminal, asks it for the axes ([Panel.XAxis], [Panel.YAxis]) and for the look
// of the series ([LookOf]), so that both show the same.
//
// A chart travels as one JSON document ([Encode], [Decode]), as the drawings of a network do, and
// its numbers leave it as CSV ([Chart.CSV]).
//
// Equal charts give equal bytes.
package chart
