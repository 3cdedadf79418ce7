package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The test binary plays gossipctl when this is set: the moods name what goes wrong.
const (
	fakeMood = "ASSEMBLE_TEST_MOOD"
	fakeLog  = "ASSEMBLE_TEST_LOG" // where it notes what it was asked
)

const (
	fine     = "fine"
	noStart  = "cannot start"
	untold   = "does not tell how long it took"
	babble   = "answers no JSON"
	fewReach = "a message reaches half"
)

func TestMain(m *testing.M) {
	if mood := os.Getenv(fakeMood); mood != "" {
		os.Exit(fake(mood, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// fake is gossipctl as far as it is called here: 16 nodes.
func fake(mood string, args []string) int {
	log, err := os.OpenFile(os.Getenv(fakeLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	fmt.Fprintln(log, strings.Join(args, " "))
	log.Close()
	line := strings.Join(args, " ")
	nodes := "[" + strings.TrimSuffix(strings.Repeat(`{"id":1},`, 16), ",") + "]"
	switch {
	case mood == babble:
		fmt.Println("hello")
	case args[0] == "start-network" && mood == noStart:
		fmt.Fprintln(os.Stderr, "no ports")
		return 6
	case args[0] == "start-network" && (strings.Contains(line, "random") || mood == untold):
		fmt.Printf(`{"nodes":%s}`, nodes)
	case args[0] == "start-network":
		fmt.Printf(`{"nodes":%s,"assembled":{"ready_ms":10,"ms":400,"rounds":2,"round_ms":200}}`, nodes)
	case args[0] == "send-message":
		fmt.Printf(`{"id":"%s.1.1"}`, args[1])
	case args[0] == "trace-message" && mood == fewReach:
		fmt.Print(`{"reached":8,"latency_ms":{"last":3}}`)
	case args[0] == "trace-message":
		fmt.Print(`{"reached":16,"latency_ms":{"last":3}}`)
	}
	return 0
}

// useFake puts gossipctl into a mood and returns a function that tells what it was asked.
func useFake(t *testing.T, mood string) func() []string {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	t.Setenv(fakeMood, mood)
	t.Setenv(fakeLog, log)
	return func() []string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

func TestMeasures(t *testing.T) {
	asked := useFake(t, fine)
	var out strings.Builder
	status := run(t.Context(), []string{"--gossipctl", os.Args[0], "--sizes", "16", "--memberships", "none,swim", "--runs", "2", "--messages", "2", "--json"}, &out, os.Stderr)
	if status != 0 {
		t.Fatal(status)
	}
	var rows []Row
	if err := json.Unmarshal([]byte(out.String()), &rows); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Kind)
		if r.Nodes != 16 || r.StartMS <= 0 || r.LastMS != 3 || r.LastRatio != 1 || (r.Kind == static) != (r.FoundMS == 0) || r.Kind != static && (r.FoundMS != 400 || r.Rounds != 2) {
			t.Errorf("%+v", r)
		}
	}
	if !slices.Equal(names, []string{static, "none", "swim"}) {
		t.Error(names)
	}
	starts, stops, sent := 0, 0, map[string]bool{}
	for _, line := range asked() {
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "start-network":
			starts++
		case "stop-network":
			stops++
		case "send-message":
			sent[strings.Fields(rest)[0]] = true
		}
	}
	if starts != 6 || stops != 6 || len(sent) != 3 {
		t.Errorf("%d starts, %d stops, messages from %v", starts, stops, sent)
	}
}

// What cannot be measured is an error, and the network is stopped.
func TestFailures(t *testing.T) {
	for _, mood := range []string{noStart, untold, babble, fewReach} {
		asked := useFake(t, mood)
		if status := run(t.Context(), []string{"--gossipctl", os.Args[0], "--sizes", "16", "--memberships", "none", "--runs", "1"}, io.Discard, io.Discard); status != 1 {
			t.Errorf("%s: exit status %d", mood, status)
		}
		if lines := asked(); !strings.HasPrefix(lines[len(lines)-1], "stop-network") {
			t.Errorf("%s: it ends with %q", mood, lines[len(lines)-1])
		}
	}
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{{"--runs", "0"}, {"--messages", "0"}, {"--sizes", "4"}, {"--sizes", "x"}, {"--memberships", "static"}, {"--memberships", "foo"}, {"more"}, {"--unknown"}} {
		if status := run(t.Context(), args, io.Discard, io.Discard); status != 2 {
			t.Errorf("%q: exit status %d", args, status)
		}
	}
	if status := run(t.Context(), []string{"--gossipctl", "/nowhere"}, io.Discard, io.Discard); status != 1 {
		t.Errorf("without the program: exit status %d", status)
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	base := figures{start: 100, last: 2}
	rows := []Row{newRow(static, 16, base, base), newRow("swim", 16, figures{start: 250, found: 90.4, rounds: 0.45, last: 3}, base)}
	if err := report(&out, rows, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"static         100   1.00                    –       –                2.0   1.00", "swim         250   2.50                   90     0.5                3.0   1.50"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, &out)
		}
	}
}

func TestMedian(t *testing.T) {
	if a, b := median([]float64{3, 9, 1}), median([]float64{4, 2}); a != 3 || b != 3 {
		t.Error(a, b)
	}
}
