package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The test binary plays gossipctl when this is set: the moods name what goes wrong.
const fakeMood = "PREDICT_TEST_MOOD"

const (
	fine       = "fine"
	otherHops  = "real messages travel further"
	portTaken  = "port taken once"
	noStart    = "cannot start"
	babble     = "answers no JSON"
	hanging    = "hangs when a message is sent"
	restless   = "never comes to rest"
	fewReached = "reaches half of the nodes"
	endless    = "simulations do not end"
)

// fakeLog is where the fake notes what it was asked, a line each.
const fakeLog = "PREDICT_TEST_LOG"

func TestMain(m *testing.M) {
	if mood := os.Getenv(fakeMood); mood != "" {
		os.Exit(fake(mood, os.Args[1], os.Args[2:]))
	}
	os.Exit(m.Run())
}

// useFake returns the path of a gossipctl in the given mood, and that of its log.
func useFake(t *testing.T, mood string) (path, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "log")
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else every command of a race build takes a second to end
	t.Setenv(fakeMood, mood)
	t.Setenv(fakeLog, log)
	return os.Args[0], log
}

// asked lists the commands in the log that begin with a word.
func asked(t *testing.T, log, command string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, command+" ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// fakeState is what the fake keeps between commands.
type fakeState struct {
	Nodes  int
	Sent   int
	Traced int
}

// fake is gossipctl as far as it is called here. Every message takes 3 packets a node, and 2 hops in the mean.
func fake(mood, command string, args []string) int {
	note(os.Getenv(fakeLog), command+" "+strings.Join(args, " ")+" in "+os.Getenv("XDG_STATE_HOME"))
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	name, output := f.String("network", "", ""), f.String("o", "", "")
	f.Duration("timeout", 0, "")
	f.Int("n", 0, "")
	f.String("repair", "", "")
	nodes := f.Int("nodes", 0, "")
	base := f.Int("base-port", 0, "")
	for _, other := range []string{"seed", "protocol", "set", "latency", "topology", "messages", "discard", "every", "origins", "runs", "until"} {
		f.Func(other, "", func(string) error { return nil })
	}
	words, err := parseMixed(f, args)
	home := os.Getenv("XDG_STATE_HOME")
	if err != nil || *output != "json" || home == "" || (*name != networkName) != (command == "simulate") {
		return complain(2, "usage", fmt.Sprintf("misused: %s %q", command, args))
	}
	file := filepath.Join(home, "state.json")
	var state fakeState
	text, err := os.ReadFile(file)
	running := err == nil && json.Unmarshal(text, &state) == nil
	switch command {
	case "simulate":
		return simulateFake(mood, *nodes)
	case "start-network":
		switch {
		case mood == noStart:
			return complain(1, "failed", "node 3 did not come up")
		case mood == portTaken && once(filepath.Join(home, "taken")):
			return complain(conflict, "port_in_use", fmt.Sprintf("port %d is taken", *base))
		case running || *base == 0:
			return complain(2, "usage", "cannot start that")
		}
		fmt.Sscan(f.Lookup("n").Value.String(), &state.Nodes)
		save(file, state)
		return say(map[string]any{"nodes": make([]map[string]int, state.Nodes)})
	case "stop-network":
		os.Remove(file)
		return say(map[string]any{})
	}
	if !running {
		return complain(3, "not_running", "no network runs")
	}
	switch command {
	case "send-message":
		if origin, err := strconv.Atoi(words[0]); err != nil || origin < 1 || origin > state.Nodes {
			return complain(3, "not_found", "there is no node "+words[0])
		}
		if mood == hanging {
			interrupted := make(chan os.Signal, 1)
			signal.Notify(interrupted, os.Interrupt)
			note(os.Getenv(fakeLog), "hangs now")
			<-interrupted
			return 130
		}
		state.Sent++
		save(file, state)
		return say(map[string]any{"id": "1.1." + strconv.Itoa(state.Sent)})
	case "wait-message":
		return say(map[string]any{})
	case "trace-message":
		state.Traced++
		save(file, state)
		return say(traceFake(mood, state))
	}
	return complain(2, "usage", "no such command")
}

// traceFake is what becomes of a message: it reaches a node every millisecond. When they are first asked, a packet
// is still to come.
func traceFake(mood string, state fakeState) any {
	packets, hops, reached := 3*state.Nodes, 2.0, state.Nodes
	switch {
	case mood == babble:
		return "all is well"
	case mood == restless:
		packets += state.Traced
	case mood == otherHops:
		hops = 3
	case mood == fewReached:
		reached /= 2
	case state.Traced == 1:
		packets--
	}
	tree := make([]map[string]any, reached)
	for i := range tree {
		tree[i] = map[string]any{"node": i + 1, "after_ms": float64(i)}
	}
	return map[string]any{"packets": packets, "coverage": float64(reached) / float64(state.Nodes), "mean_hops": hops, "max_hops": 4,
		"latency_ms": map[string]any{"last": reached - 1}, "tree": tree}
}

func simulateFake(mood string, nodes int) int {
	stat := func(v float64) map[string]any { return map[string]any{"mean": v, "sd": 0} }
	ending := "quiet"
	if mood == endless {
		ending = "late"
	}
	var curve []map[string]any
	for i := range nodes {
		curve = append(curve, map[string]any{"at": float64(i), "coverage": float64(i+1) / float64(nodes)})
	}
	return say(map[string]any{"traffic": stat(3), "coverage": stat(1), "mean_hops": stat(2), "max_hops": stat(4), "t_last": stat(float64(nodes - 1)),
		"curve": curve, "endings": map[string]int{ending: 1}, "time_unit": "ms"})
}

// parseMixed parses flags that stand before, between and after other words.
func parseMixed(f *flag.FlagSet, args []string) (words []string, err error) {
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if args = f.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	return words, nil
}

func note(path, line string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, line)
	f.Close()
}

func save(path string, state fakeState) {
	text, err := json.Marshal(state)
	if err == nil {
		os.MkdirAll(filepath.Dir(path), 0o700)
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		panic(err)
	}
}

// once is true the first time it is asked with this path.
func once(path string) bool {
	os.MkdirAll(filepath.Dir(path), 0o700)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	file.Close()
	return true
}

func say(answer any) int {
	json.NewEncoder(os.Stdout).Encode(answer)
	return 0
}

func complain(status int, code, message string) int {
	say(map[string]any{"error": map[string]string{"code": code, "message": message, "hint": "try " + strconv.Itoa(status)}})
	return status
}
