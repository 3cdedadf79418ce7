package lab

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/protocol"
)

var (
	full   = flag.Bool("full", false, "compare with the literature at full size, which takes a quarter of an hour")
	update = flag.Bool("update", false, "with -full: write docs/literature.md")
)

// claim is what somebody has written about an experiment, and how near to it we have to come.
type claim struct {
	of        string
	want      float64
	tolerance float64 // absolute
	measured  func(*Report) Stat
}

func near(of string, want, relative float64, measured func(*Report) Stat) claim {
	return claim{of, want, math.Abs(want) * relative, measured}
}

func within(of string, want, absolute float64, measured func(*Report) Stat) claim {
	return claim{of, want, absolute, measured}
}

// comparison is an experiment that somebody has done or calculated.
type comparison struct {
	part, what string
	x          Experiment
	quick      int // runs in the ordinary test; 0: not done there
	full       int // runs with -full
	claims     []claim
}

func set(pairs ...string) map[string]string {
	m := make(map[string]string)
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		m[name] = value
	}
	return m
}

var (
	residueOf    = func(r *Report) Stat { return r.Residue }
	trafficOf    = func(r *Report) Stat { return r.Traffic }
	tLastOf      = func(r *Report) Stat { return r.TLast }
	tAveOf       = func(r *Report) Stat { return r.TAve }
	packetsOf    = func(r *Report) Stat { return r.Packets }
	redundancyOf = func(r *Report) Stat { return r.Redundancy }
	maxHopsOf    = func(r *Report) Stat { return r.MaxHops }
	coverageOf   = func(r *Report) Stat { return r.Coverage }
	t50Of        = func(r *Report) Stat { return r.T50 }
	t90Of        = func(r *Report) Stat { return r.T90 }
	copiesOf     = func(r *Report) Stat {
		return scaled(r.Traffic, float64(r.Experiment.Nodes))
	}
	perDelivery = func(r *Report) Stat { s := r.Redundancy; s.Mean++; s.Low++; s.High++; return s }
	everybody   = func(r *Report) Stat {
		return Stat{Mean: float64(r.Endings[EndInformed]+complete(r)) / float64(r.Runs)}
	}
)

// complete is how many runs ended otherwise than informed, yet with everybody informed.
func complete(r *Report) (n int) {
	for _, one := range r.Each {
		if one.Ending != EndInformed && one.Residue == 0 {
			n++
		}
	}
	return n
}

func scaled(s Stat, by float64) Stat {
	s.Mean, s.SD, s.Low, s.High, s.Min, s.Max = s.Mean*by, s.SD*by, s.Low*by, s.High*by, s.Min*by, s.Max*by
	return s
}

// redundancyOfMessage is the redundancy of the k-th message, counted from 1.
func redundancyOfMessage(k int) func(*Report) Stat {
	return func(r *Report) Stat { v := r.Messages[k-1].Redundancy; return Stat{Mean: v, Low: v, High: v} }
}

// comparisons are all of them, in the order of the document.
func comparisons() (list []comparison) {
	add := func(c comparison) { list = append(list, c) }

	part := "Demers 1987, Table 1: rumor, push, feedback, counter, n = 1,000"
	for i, row := range [][4]float64{{.1745, 1.745, 16.80, .03}, {.0367, 3.300, 16.93, .04}, {.01066, 4.534, 17.36, .05}, {.00355, 5.637, 17.54, .08}, {.00126, 6.681, 17.68, .12}} {
		add(comparison{part, fmt.Sprintf("k = %d", i+1), Experiment{Protocol: "rumor", Settings: set(fmt.Sprintf("k=%d", i+1))}, 60, 1000,
			[]claim{near("residue", row[0], row[3], residueOf), near("traffic", row[1], .01, trafficOf), within("t_last", row[2], .25, tLastOf)}})
	}
	part = "Demers 1987, Table 2: rumor, push, blind, coin, n = 1,000"
	for i, row := range [][4]float64{{.96, .04, 19, 38}, {.20, 1.6, 17, 33}, {.060, 2.8, 15, 32}, {.021, 3.9, 14.1, 32}, {.008, 4.9, 13.8, 32}} {
		x := Experiment{Protocol: "rumor", Settings: set("feedback=false", "stop=coin", fmt.Sprintf("k=%d", i+1))}
		add(comparison{part, fmt.Sprintf("k = %d", i+1), x, 60, 1000,
			[]claim{within("residue", row[0], math.Max(.08*row[0], .0012), residueOf), within("traffic", row[1], .08, trafficOf)}})
	}
	part = "Demers 1987, Table 3: rumor, pull, feedback, counter, n = 1,000"
	for i, row := range [][4]float64{{.031, 2.7, 9.97, 17.63}, {.00058, 4.49, 10.07, 15.39}, {.000004, 6.09, 10.08, 14.00}} {
		x := Experiment{Protocol: "rumor", Settings: set("direction=pull", fmt.Sprintf("k=%d", i+1))}
		add(comparison{part, fmt.Sprintf("k = %d", i+1), x, 60, 1000,
			[]claim{within("residue", row[0], []float64{.002, .00015, .00001}[i], residueOf), near("traffic", row[1], .02, trafficOf),
				within("t_ave", row[2], .25, tAveOf), within("t_last", row[3], .5, tLastOf)}})
	}
	part = "Rumors, other variants, n = 1,000"
	for _, row := range []struct {
		what     string
		settings map[string]string
		s, m     float64
	}{
		{"blind, counter, k = 2", set("feedback=false", "k=2"), .203, 1.594},
		{"blind, counter, k = 3", set("feedback=false", "k=3"), .0595, 2.822},
		{"feedback, coin, k = 2", set("stop=coin", "k=2"), .0595, 2.820},
		{"feedback, coin, k = 3", set("stop=coin", "k=3"), .0198, 3.920},
	} {
		add(comparison{part, row.what, Experiment{Protocol: "rumor", Settings: row.settings}, 60, 500,
			[]claim{near("residue", row.s, .06, residueOf), near("traffic", row.m, .02, trafficOf)}})
	}

	part = "Rounds until all are informed, complete graph"
	sizes := []int{1_000, 10_000, 100_000, 1_000_000}
	runs, quick := []int{1000, 100, 30, 3}, []int{100, 30, 0, 0}
	for _, row := range []struct {
		name          string
		means, copies [4]float64
	}{{"push", [4]float64{18.06, 23.72, 29.45, 34.83}, [4]float64{7.99, 10.3, 12.7, 14.8}},
		{"pull", [4]float64{13.82, 17.54, 21.17, 24.40}, [4]float64{1, 1, 1, 1}},
		{"push-pull", [4]float64{9.15, 11.61, 14.05, 16.47}, [4]float64{5.5, 6.2, 6.9, 7.3}},
		{"quasirandom", [4]float64{17.60, 23.27, 28.89, 34.87}, [4]float64{}}} {
		for i, mean := range row.means {
			tolerance := .4
			if i == 3 {
				tolerance = 1
			}
			claims := []claim{within("rounds", mean, tolerance, tLastOf)}
			if row.copies[i] > 0 { // the last round weighs a node's packet; at a million there are few runs
				claims = append(claims, near("copies a node", row.copies[i], []float64{.05, .05, .05, .2}[i], trafficOf))
			}
			add(comparison{part, fmt.Sprintf("%s, n = %d", row.name, sizes[i]), Experiment{Protocol: row.name, Nodes: sizes[i]}, quick[i], runs[i], claims})
		}
	}
	part = "Median counter (Karp et al. 2000): copies sent per node when it has stopped by itself"
	for i, mean := range []float64{10.3, 10.5, 10.5} {
		add(comparison{part, fmt.Sprintf("cmax = 2, n = %d", sizes[i]), Experiment{Protocol: "median-counter", Nodes: sizes[i], Settings: set("cmax=2")}, quick[i] / 5, []int{100, 30, 10}[i],
			[]claim{near("traffic", mean, .05, trafficOf), within("residue", 0, 0, residueOf)}})
	}
	part = "Rumors at a million nodes: as at a thousand"
	for i, row := range [][2]float64{{.1745, 1.745}, {.0367, 3.300}, {.01066, 4.534}} {
		add(comparison{part, fmt.Sprintf("k = %d, n = 1000000", i+1), Experiment{Protocol: "rumor", Nodes: 1_000_000, Settings: set(fmt.Sprintf("k=%d", i+1))}, 0, 1,
			[]claim{near("residue", row[0], .03, residueOf), near("traffic", row[1], .01, trafficOf)}})
	}
	part = "Infect and die with a fixed fan-out: share of runs that reach everybody, exp(−n·e^−f)"
	for _, row := range [][2]int{{1000, 6}, {1000, 7}, {1000, 8}, {10_000, 9}, {10_000, 10}} {
		n, f := row[0], row[1]
		add(comparison{part, fmt.Sprintf("n = %d, f = %d", n, f), Experiment{Protocol: "push", Nodes: n, Settings: set("stop=die", fmt.Sprintf("fanout=%d", f)),
			Until: Until{When: protocol.Quiet}}, 100 * (2 - n/10_000*2), 1000 / (n / 1000),
			[]claim{within("all reached", math.Exp(-float64(n)*math.Exp(-float64(f))), .06, everybody)}})
	}
	part = "Plumtree (Leitão et al. 2007), n = 10,000, 5 links a node"
	tree := Experiment{Protocol: "plumtree", Nodes: 10_000, Overlay: "random", Degree: 5, Messages: 20, Every: 10 * time.Second}
	add(comparison{part, "first broadcasts", tree, 1, 5, []claim{
		within("redundancy of the 1st", 2, 1.05, redundancyOfMessage(1)), within("redundancy of the 3rd", 0, .1, redundancyOfMessage(3)),
		within("coverage", 1, 0, coverageOf)}})
	tree.Discard = 19
	add(comparison{part, "20th broadcast", tree, 1, 5, []claim{
		within("payloads", 9_999, 0, copiesOf), within("payloads and IHAVE", 2*25_000-9_999, 0, packetsOf), within("redundancy", 0, 0, redundancyOf),
		within("last hop", 9.5, 1.5, maxHopsOf), within("coverage", 1, 0, coverageOf)}})
	add(comparison{part, "flooding, first copies only", Experiment{Protocol: "flood", Nodes: 10_000, Overlay: "random", Degree: 5, Settings: set("echo=false")}, 3, 20,
		[]claim{within("redundancy", 3, .05, redundancyOf), within("last hop", 8.5, 1, maxHopsOf)}})

	part = "GossipSub under the model of gerbil-simsub: 500 nodes dial 20 each, 60 messages"
	for _, version := range []string{"1.0", "1.1"} {
		add(comparison{part, "version " + version, Experiment{Protocol: "gossipsub", Nodes: 500, Overlay: "dialled", Degree: 20,
			Settings: set("version="+version, "d=6", "d-low=4", "d-high=12"), Latency: fault.UniformLatency(10*time.Millisecond, 150*time.Millisecond),
			PerLink: true, Jitter: .1, Messages: 60, Every: time.Second, Origins: 5, WarmUp: 10 * time.Second, Until: Until{After: 10 * time.Second}}, 0, 5,
			[]claim{within("copies per delivery", 6.3, .6, perDelivery), within("coverage", 1, 0, coverageOf)}})
	}
	part = "memberlist's broadcast queue (LAN defaults): event model and real memberlist"
	for _, row := range []struct {
		n                   int
		copies              float64
		t50, t90, last, tol float64
	}{{30, 8, 240, 370, 500, 60}, {100, 12, 330, 470, 670, 60}, {1000, 16, 500, 650, 1000, 60}} {
		add(comparison{part, fmt.Sprintf("n = %d", row.n), Experiment{Protocol: "transmit-limited", Nodes: row.n, Latency: fault.ConstantLatency(100 * time.Microsecond)}, 30, 300,
			[]claim{near("copies per node", row.copies, .03, trafficOf), within("t50 (ms)", row.t50, row.tol, t50Of), within("t90 (ms)", row.t90, row.tol, t90Of),
				within("last (ms)", row.last, 2*row.tol, tLastOf)}})
	}
	return list
}

// raced says that this was built for the race detector.
var raced bool

// TestLiterature compares what comes out of the simulator with what the literature says.
func TestLiterature(t *testing.T) {
	if raced {
		t.Skip("the race detector makes this ten times slower, and there is nothing in it that could race; .ci/run does it without")
	}
	var doc strings.Builder
	part := ""
	for _, c := range comparisons() {
		runs := c.quick
		if *full {
			runs = c.full
		}
		if runs == 0 {
			continue
		}
		c.x.Runs, c.x.Seed = runs, 1
		rep, err := Run(t.Context(), c.x, nil)
		if err != nil {
			t.Errorf("%s, %s: %v", c.part, c.what, err)
			continue
		}
		if c.part != part {
			part = c.part
			fmt.Fprintf(&doc, "\n## %s\n\n| experiment | quantity | literature | tolerance | measured | 95 %% interval | runs |\n|---|---|---|---|---|---|---|\n", part)
		}
		for _, cl := range c.claims {
			got := cl.measured(rep)
			// A mean over few runs may lie off by chance: four standard errors hardly ever.
			chance := 4 * got.SD / math.Sqrt(float64(runs))
			if *full {
				chance = 0
			}
			if math.Abs(got.Mean-cl.want) > cl.tolerance+chance+1e-9 {
				t.Errorf("%s, %s: %s is %.5g, want %.5g ± %.3g (sd %.3g, %d runs)", c.part, c.what, cl.of, got.Mean, cl.want, cl.tolerance, got.SD, runs)
			}
			interval := ""
			if got.High > got.Low {
				interval = fmt.Sprintf("%.5g to %.5g", got.Low, got.High)
			}
			fmt.Fprintf(&doc, "| %s | %s | %.5g | ± %.2g | %.5g | %s | %d |\n", c.what, cl.of, cl.want, cl.tolerance, got.Mean, interval, runs)
		}
		t.Logf("%s, %s: %d events in %v", c.part, c.what, rep.Events, rep.Wall.Round(time.Millisecond))
	}
	if *full && *update {
		head := "# What the literature says, and what our simulator says\n\n" +
			"Written by `make literature`. Every row is an experiment with the protocol code that real processes run. Literature is a\n" +
			"published table, a theorem, or a measurement of somebody else's program; the tolerance is how near we ask to come.\n"
		if err := os.WriteFile("../docs/literature.md", []byte(head+doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
