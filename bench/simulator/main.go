// Command simulator measures gossipctl's simulator from outside: what a node and an event cost from a
// thousand nodes to ten million, beside a loop over an array that does the same and nothing else.
//
// The loop is the limit: it knows nothing of protocols, packets, time or messages. What the simulator
// takes beyond it is the price of running the code that real processes run.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// row is one line of the report.
type row struct {
	Protocol     string  `json:"protocol"`
	Nodes        int     `json:"nodes"`
	Runs         int     `json:"runs"`
	Rounds       float64 `json:"rounds"` // until the last node was informed, in the mean
	LoopMS       float64 `json:"loop_ms"`
	SimulatorMS  float64 `json:"simulator_ms"` // of one run, the program's start included
	Ratio        float64 `json:"ratio"`
	Events       float64 `json:"events"` // of one run
	PerEventNS   float64 `json:"ns_per_event"`
	PerNodeNS    float64 `json:"ns_per_node"`
	PeakMB       float64 `json:"peak_mb"`        // of the whole program
	PerNodeBytes float64 `json:"bytes_per_node"` // of it
	Target       string  `json:"target,omitempty"`
	Met          *bool   `json:"met,omitempty"`
}

// target is what the largest runs aim at, on two cores.
type target struct {
	ms, mb float64
	words  string
}

var targets = map[string]target{
	"push-pull 1000000":  {3000, 2147, "≤ 3 s, ≤ 2 GiB"},
	"push 1000000":       {3000, 2147, "≤ 3 s, ≤ 2 GiB"},
	"push-pull 10000000": {0, 21475, "≤ 20 GiB"},
}

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	program := flags.String("gossipctl", "bin/gossipctl", "the program to measure")
	most := flags.Int("nodes", 10_000_000, "the largest number of nodes")
	format := flags.String("o", "table", "table or json")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *format != "table" && *format != "json" {
		return fmt.Errorf("-o %s is neither table nor json", *format)
	}
	var rows []row
	for _, protocol := range []string{"push-pull", "push"} {
		for n := 1000; n <= *most; n *= 10 {
			if protocol == "push" && n > 1_000_000 {
				continue
			}
			r, err := measure(ctx, *program, protocol, n)
			if err != nil {
				return err
			}
			rows = append(rows, r)
		}
	}
	if *format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	return table(out, rows)
}

// measure runs one size in the simulator and in the loop.
func measure(ctx context.Context, program, protocol string, n int) (row, error) {
	runs := max(1, min(200, 1_000_000/n))
	r := row{Protocol: protocol, Nodes: n, Runs: runs}
	began := time.Now()
	for seed := range runs {
		r.Rounds += float64(loop(protocol == "push-pull", n, uint64(seed))) / float64(runs)
	}
	r.LoopMS = milliseconds(time.Since(began)) / float64(runs)

	// One run at a time: what one run costs is asked for, not how many go on at once.
	cmd := exec.CommandContext(ctx, program, "simulate", protocol, "--nodes", strconv.Itoa(n), "--runs", strconv.Itoa(runs),
		"--seed", "1", "--until", "informed", "--workers", "1", "-o", "json")
	cmd.Stderr = os.Stderr
	began = time.Now()
	text, err := cmd.Output()
	took := time.Since(began)
	if err != nil {
		return r, fmt.Errorf("running %s: %w", strings.Join(cmd.Args, " "), err)
	}
	var doc struct {
		Events   float64 `json:"events"`
		Coverage struct{ Min float64 }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return r, fmt.Errorf("reading what %s printed: %w", program, err)
	}
	if doc.Coverage.Min != 1 {
		return r, errors.New("not every node was informed: nothing can be compared")
	}
	r.SimulatorMS = milliseconds(took) / float64(runs)
	r.Events = doc.Events / float64(runs)
	r.Ratio = r.SimulatorMS / r.LoopMS
	r.PerEventNS = 1e6 * r.SimulatorMS / r.Events
	r.PerNodeNS = 1e6 * r.SimulatorMS / float64(n)
	if usage, is := cmd.ProcessState.SysUsage().(*syscall.Rusage); is {
		r.PeakMB = float64(usage.Maxrss) * 1024 / 1e6
		r.PerNodeBytes = 1e6 * r.PeakMB / float64(n)
	}
	if t, has := targets[fmt.Sprintf("%s %d", protocol, n)]; has {
		met := (t.ms == 0 || r.SimulatorMS <= t.ms) && r.PeakMB <= t.mb
		r.Target, r.Met = t.words, &met
	}
	return r, nil
}

// loop spreads one message over the complete graph in synchronous rounds and returns how many it took.
func loop(pull bool, n int, seed uint64) int {
	rng := rand.New(rand.NewPCG(seed, 1))
	heard := make([]uint8, n) // the round it was heard in, plus one
	heard[rng.IntN(n)] = 1
	for round, informed := 1, 1; ; round++ {
		for i := range heard {
			knows := heard[i] != 0 && heard[i] <= uint8(round)
			if !knows && !pull {
				continue
			}
			partner := rng.IntN(n)
			switch other := heard[partner]; {
			case knows && other == 0:
				heard[partner] = uint8(round + 1)
				informed++
			case pull && heard[i] == 0 && other != 0 && other <= uint8(round):
				heard[i] = uint8(round + 1)
				informed++
			}
		}
		if informed == n {
			return round
		}
	}
}

func table(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "protocol\tnodes\trounds\tloop ms\tsimulator ms\tratio\tevents\tns/event\tns/node\tpeak MB\tbytes/node\ttarget\t")
	for _, r := range rows {
		verdict := r.Target
		if r.Met != nil && *r.Met {
			verdict += ": met"
		} else if r.Met != nil {
			verdict += ": short"
		}
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.2f\t%.2f\t%.1f\t%.3g\t%.0f\t%.0f\t%.0f\t%.0f\t%s\t\n", r.Protocol, r.Nodes, r.Rounds, r.LoopMS,
			r.SimulatorMS, r.Ratio, r.Events, r.PerEventNS, r.PerNodeNS, r.PeakMB, r.PerNodeBytes, verdict)
	}
	return w.Flush()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
