// Command record measures what recording costs: the deliveries a second of the same network with
// start-network --record and without, in turn. It starts gossipctl as anybody would.
//
//	go run ./bench/record --gossipctl bin/gossipctl
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
)

func main() {
	program := flag.String("gossipctl", "bin/gossipctl", "the program")
	nodes := flag.Int("nodes", 16, "nodes of the network")
	burst := flag.Int("messages", 5000, "messages of a burst")
	runs := flag.Int("runs", 5, "bursts of each kind")
	port := flag.Int("base-port", 26000, "base port of the network")
	flag.Parse()
	if err := measure(*program, *nodes, *burst, *runs, *port); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func measure(program string, nodes, burst, runs, port int) error {
	rates := map[bool][]float64{}
	for range runs {
		for _, record := range []bool{false, true} { // in turn: the machine may grow slower meanwhile
			rate, err := once(program, nodes, burst, port, record)
			if err != nil {
				return err
			}
			rates[record] = append(rates[record], rate)
		}
	}
	off, on := median(rates[false]), median(rates[true])
	fmt.Printf("deliveries a second, median of %d bursts of %d messages at %d nodes\n", runs, burst, nodes)
	fmt.Printf("not recorded  %.0f\nrecorded      %.0f\nratio         %.2f\n", off, on, on/off)
	return nil
}

// once measures one network in a burst.
func once(program string, nodes, burst, port int, record bool) (rate float64, err error) {
	const name = "bench-record"
	start := []string{"start-network", "-n", strconv.Itoa(nodes), "--seed", "1", "--base-port", strconv.Itoa(port), "-q", "-o", "name"}
	if record {
		start = append(start, "--record")
	}
	run := func(args ...string) ([]byte, error) {
		c := exec.Command(program, append(args, "--network", name)...)
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", args[0], err)
		}
		return out, nil
	}
	defer func() {
		if _, stopErr := run("stop-network", "-q"); err == nil {
			err = stopErr
		}
	}()
	if _, err := run(start...); err != nil {
		return 0, err
	}
	out, err := run("benchmark-network", "--single", "0", "--burst", strconv.Itoa(burst), "-o", "json", "-q")
	if err != nil {
		return 0, err
	}
	var doc struct {
		Burst struct {
			Rate float64 `json:"deliveries_per_second"`
		} `json:"burst"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return 0, fmt.Errorf("reading what benchmark-network says: %w", err)
	}
	return doc.Burst.Rate, nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
