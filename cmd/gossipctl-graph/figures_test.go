package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gossipctl/chart"
)

// infection is the curve of a message that spreads with some pace through n nodes, round by round.
func infection(name string, pace float64, rounds, n int) chart.Series {
	s := chart.Series{Name: name}
	share := 1 / float64(n)
	for round := range rounds + 1 {
		s.X, s.Y = append(s.X, float64(round)), append(s.Y, share)
		share = min(1, share+pace*share*(1-share))
	}
	return s
}

// withBand puts a band round a curve of shares, widest in the middle.
func withBand(s chart.Series) chart.Series {
	for _, y := range s.Y {
		half := 0.3 * y * (1 - y)
		s.Low, s.High = append(s.Low, y-half), append(s.High, y+half)
	}
	return s
}

// coverage is a panel of infection curves.
func coverage(all ...chart.Series) chart.Panel {
	return chart.Panel{Title: "Coverage", X: "round", Y: "nodes that have the message", Percent: true, YMin: new(0.0), YMax: new(1.0), Series: all}
}

var protocols = []string{"flood", "push", "pull", "push-pull", "median-counter", "plumtree", "hyparview", "rumor-counter",
	"rumor-coin", "anti-entropy", "lazy push", "directional", "eager epidemic", "swim", "gossipsub", "bimodal"}

// hump is a histogram of whole numbers round a mean.
func hump(name string, mean, all float64, bars int) chart.Series {
	s := chart.Series{Name: name}
	p := math.Exp(-mean)
	for k := range bars {
		s.X, s.Y = append(s.X, float64(k)), append(s.Y, math.Round(all*p))
		p *= mean / float64(k+1)
	}
	return s
}

// latencies is a histogram of times with a long tail.
func latencies(name string) chart.Series {
	var times []float64
	for i := range 4000 {
		times = append(times, 4+3*math.Exp(1.1*math.Sqrt2*math.Erfinv(2*(float64(i)+0.5)/4000-1)))
	}
	x, y := chart.Bins(times, 40)
	return chart.Series{Name: name, X: x, Y: y}
}

// newPerRound is the growth of a curve of shares.
func newPerRound(s chart.Series, n float64) chart.Series {
	grown := chart.Series{Name: s.Name, X: s.X[1:]}
	for i := range grown.X {
		grown.Y = append(grown.Y, math.Round(n*(s.Y[i+1]-s.Y[i])))
	}
	return grown
}

// figures are charts of every sort by name.
func figures() map[string]chart.Chart {
	one := coverage(infection("", 0.9, 17, 1000))
	one.Title = ""
	var six, fourteen, sixteen []chart.Series
	for i := range 16 {
		s := infection(protocols[i], 1.6-0.09*float64(i), 40, 10_000)
		if i < 6 {
			six = append(six, withBand(infection(protocols[i], 1.5-0.2*float64(i), 30, 10_000)))
		}
		if i < 14 {
			fourteen = append(fourteen, s)
		}
		sixteen = append(sixteen, s)
	}
	residue := chart.Panel{Title: "Residue", X: "round", Y: "nodes that do not have the message", LogY: true, Percent: true}
	for _, s := range six[:3] {
		r := chart.Series{Name: s.Name, X: s.X}
		for _, y := range s.Y {
			r.Y = append(r.Y, math.Round(1e4*(1-y))/1e4)
		}
		residue.Series = append(residue.Series, r)
	}
	perRound := chart.Panel{Title: "New nodes", X: "round", Y: "nodes reached in the round", Series: []chart.Series{newPerRound(infection("", 0.9, 17, 1000), 1000)}}
	hops := chart.Panel{Title: "Hops", X: "hops from the origin", Y: "nodes", Kind: chart.Histogram, Series: []chart.Series{hump("", 4.2, 1000, 13)}}
	times := chart.Panel{Title: "Latency", X: "time after sending (ms)", Y: "nodes", Kind: chart.Histogram, Series: []chart.Series{latencies("")}}
	fourth := coverage(infection("", 0.9, 17, 1000))

	compared := []chart.Panel{coverage(six[:3]...), residue,
		{Title: "Hops", X: "hops from the origin", Y: "nodes", Kind: chart.Histogram, Series: []chart.Series{hump("flood", 3.1, 10000, 12), hump("push", 5, 10000, 12), hump("pull", 4, 10000, 12)}},
		{Title: "Packets", X: "fan-out", Y: "packets for each node", Kind: chart.Histogram, Series: []chart.Series{
			{Name: "flood", X: []float64{1, 2, 3, 4}, Y: []float64{2, 4.1, 6, 8.2}, Low: []float64{1.8, 3.9, 5, 8}, High: []float64{2.4, 4.5, 7, 9}},
			{Name: "push", X: []float64{1, 2, 3, 4}, Y: []float64{1, 2.1, 3, 4.2}, Low: []float64{0.8, 1.9, 2, 4}, High: []float64{1.4, 2.5, 3.4, 5}}}},
	}
	tiny := chart.Series{Name: "tiny", X: []float64{1e-9, 2e-9, 7e-9}, Y: []float64{3e-12, 1e-12, 4e-12}}
	huge := chart.Series{Name: "huge", X: []float64{-1e100, 0, 1e100}, Y: []float64{-1e100, 5e99, 1e100}}
	noisy := chart.Series{Name: "noisy"}
	for i := range 100_000 {
		x := float64(i) / 1000
		noisy.X, noisy.Y = append(noisy.X, x), append(noisy.Y, math.Sin(x/9)+0.3*math.Sin(977*x))
	}
	wide := chart.Series{Name: "wide"}
	for i := range 30 {
		wide.X, wide.Y = append(wide.X, math.Pow(2, float64(i))), append(wide.Y, math.Pow(10, float64(i%12)-6))
	}
	var dozen []chart.Panel
	for i := range 12 {
		p := coverage(six[i%6], six[(i+1)%6])
		p.Title = fmt.Sprintf("%d nodes", 10<<i)
		dozen = append(dozen, p)
	}
	small := coverage(withBand(infection("push", 1.5, 6, 10)), infection("pull", 0.8, 9, 10))
	return map[string]chart.Chart{
		"small": {Title: "Two <protocols>", Subtitle: "10 nodes", Band: "10th to 90th percentile", Panels: []chart.Panel{small, compared[3]}},
		"one":   {Title: "How far a message gets", Subtitle: "push · 1,000 nodes · random 3 · fan-out 2 · seed 42", Panels: []chart.Panel{one}},
		"six": {Title: "Six protocols", Subtitle: "10,000 nodes · random 8 · loss 10 % · 20 runs each",
			Band: "10th to 90th percentile of 20 runs", Panels: []chart.Panel{coverage(six...)}},
		"four":     {Title: "Message 8.1.1", Subtitle: "push · 1,000 nodes · random 3 · seed 42", Panels: []chart.Panel{fourth, perRound, hops, times}},
		"compared": {Title: "Three protocols", Subtitle: "10,000 nodes · random 8", Band: "10th to 90th percentile of 20 runs", Panels: compared},
		"fourteen": {Title: "Fourteen protocols", Subtitle: "10,000 nodes", Panels: []chart.Panel{coverage(fourteen...)}},
		"sixteen":  {Title: "Sixteen", Panels: []chart.Panel{coverage(sixteen...), coverage(sixteen[8:]...)}},
		"extreme": {Title: "Extremes", Panels: []chart.Panel{
			{Title: "Tiny", X: "s", Y: "m", Series: []chart.Series{tiny}},
			{Title: "Huge", X: "s", Y: "m", Series: []chart.Series{huge}},
			{Title: "100,000 points", X: "s", Y: "m", Series: []chart.Series{noisy}},
			{Title: "30 octaves", X: "nodes", Y: "s", LogX: true, LogY: true, Series: []chart.Series{wide}}}},
		"dozen": {Title: "Twelve sizes", Band: "10th to 90th percentile", Panels: dozen},
		"empty": {Panels: []chart.Panel{{}, {Kind: chart.Histogram, LogX: true, LogY: true}, {Title: "one point", Series: []chart.Series{{X: []float64{3}, Y: []float64{2}}}}}},
	}
}

// odd is a chart made of values that are hard to show, as chance will have it.
func odd(chance *rand.Rand) chart.Chart {
	values := []float64{0, 5e-324, 1e-300, 2e-100, 1e-99, 1e-9, 0.1, 1, 1.0000000001, 1.5, 2, 3, 1e9, 1e15, 1e17, 1e17 + 16, 1e99, 1e100}
	value := func(least float64) float64 {
		v := values[chance.IntN(len(values))]
		if least < 0 && chance.IntN(3) == 0 {
			return -v
		}
		return v
	}
	var c chart.Chart
	for range 1 + chance.IntN(3) {
		p := chart.Panel{LogX: chance.IntN(3) == 0, LogY: chance.IntN(3) == 0, Percent: chance.IntN(3) == 0}
		if chance.IntN(2) == 0 {
			p.Kind = chart.Histogram
		}
		if chance.IntN(3) == 0 {
			p.YMin = new(value(-1))
		}
		if chance.IntN(3) == 0 {
			p.YMax = new(value(-1))
		}
		for i := range chance.IntN(4) {
			s := chart.Series{Name: fmt.Sprint(i)}
			for range chance.IntN(6) {
				low, high := value(-1), value(-1)
				s.X, s.Y = append(s.X, value(-1)), append(s.Y, value(-1))
				s.Low, s.High = append(s.Low, min(low, high)), append(s.High, max(low, high))
			}
			slices.Sort(s.X)
			if chance.IntN(2) == 0 {
				s.Low, s.High = nil, nil
			}
			p.Series = append(p.Series, s)
		}
		c.Panels = append(c.Panels, p)
	}
	return c
}
