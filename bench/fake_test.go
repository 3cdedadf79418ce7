package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"gossipctl/bench/limit"
	"gossipctl/topology"
)

// The test binary plays gossipctl when this is set: the moods name what goes wrong.
const (
	fakeMood     = "BENCH_TEST_MOOD"
	fakeLifeline = "BENCH_TEST_LIFELINE" // address; nodes end when their connection to it does
)

const (
	fine      = "fine"
	portTaken = "port taken once"
	lossy     = "loses messages"
	noStart   = "cannot start"
	babble    = "answers no JSON"
	hanging   = "hangs in the benchmark"
	stubborn  = "stop leaves a node behind"
	asNode    = "is a node"
)

func TestMain(m *testing.M) {
	mood := os.Getenv(fakeMood)
	switch {
	case mood == "":
		os.Exit(buildAndRun(m))
	case os.Args[1] == asNode:
		beNode()
	default:
		os.Exit(fake(mood, os.Args[1], os.Args[2:]))
	}
}

// programs are the limit programs, built once for all tests.
var programs limit.Programs

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "bench-test-")
	if err == nil {
		defer os.RemoveAll(folder)
		programs, err = limit.Build(context.Background(), folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// useFake returns the path of a gossipctl in the given mood. Its nodes end with the test.
func useFake(t *testing.T, mood string) string {
	t.Helper()
	lifeline, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan []net.Conn, 1)
	go func() {
		var conns []net.Conn
		for {
			c, err := lifeline.Accept()
			if err != nil {
				held <- conns
				return
			}
			conns = append(conns, c)
		}
	}()
	t.Cleanup(func() {
		lifeline.Close()
		for _, c := range <-held {
			c.Close()
		}
	})
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else every command of a race build takes a second to end
	t.Setenv(fakeMood, mood)
	t.Setenv(fakeLifeline, lifeline.Addr().String())
	return os.Args[0]
}

// beNode does nothing until it is killed or the test is over.
func beNode() {
	if conn, err := net.Dial("tcp", os.Getenv(fakeLifeline)); err == nil {
		io.Copy(io.Discard, conn)
	}
}

// fakeNetwork is what the fake keeps between commands, in the form start-network answers.
type fakeNetwork struct {
	Controller fakeProcess `json:"controller"`
	Nodes      []fakeNode  `json:"nodes"`
}

type fakeProcess struct {
	PID int    `json:"pid"`
	URL string `json:"url"`
}

type fakeNode struct {
	ID    int    `json:"id"`
	State string `json:"state"`
	Peers []int  `json:"peers"`
	fakeProcess
}

// fake is gossipctl as far as the benchmark calls it.
func fake(mood, command string, args []string) int {
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	name := f.String("network", "", "")
	timeout := f.Duration("timeout", 0, "")
	output := f.String("o", "", "")
	n := f.Int("n", 0, "")
	f.Int("seed", 0, "")
	f.String("repair", "", "")
	base := f.Int("base-port", 0, "")
	single, burst := f.Int("single", -1, ""), f.Int("burst", -1, "")
	size, senders := f.Int("size", 0, ""), f.Int("senders", 0, "")
	words, err := parseMixed(f, args)
	if err != nil || *name != "bench" || *timeout <= 0 || *output != "json" || os.Getenv("XDG_STATE_HOME") == "" {
		return complain(2, "usage", fmt.Sprintf("misused: %s %q", command, args))
	}
	home := os.Getenv("XDG_STATE_HOME")
	file := filepath.Join(home, "network.json")
	network, running := load(file)
	switch command {
	case "start-network":
		if mood == noStart {
			return complain(1, "failed", "node 3 did not come up")
		}
		if mood == portTaken && once(filepath.Join(home, "taken")) {
			return complain(conflict, "port_in_use", fmt.Sprintf("port %d is taken", *base))
		}
		if running || len(words) != 2 || words[0] != "random" || words[1] != "3" || *base == 0 {
			return complain(2, "usage", "cannot start that")
		}
		signal.Ignore(os.Interrupt) // all or nothing: here it is all
		network, err := startFake(*n)
		if err != nil {
			return complain(1, "failed", err.Error())
		}
		return save(file, network)
	case "stop-network":
		return stopFake(file, network, mood)
	}
	if !running {
		return complain(3, "not_running", "no network runs")
	}
	switch command {
	case "show-network":
		return say(network)
	case "list-peers":
		return say(map[string]any{"node": 1, "peers": []any{}})
	case "send-message":
		return say(map[string]any{"id": "1.1.1"})
	case "trace-message":
		return say(map[string]any{"id": "1.1.1", "packets": 3 * len(network.Nodes), "coverage": 1.0})
	case "benchmark-network":
		if *size != payload || *senders != 4 || *single < 0 || *burst < 0 {
			return complain(2, "usage", "misused")
		}
		return benchmarkFake(mood, home, len(network.Nodes), *single, *burst)
	}
	return complain(2, "usage", "no such command")
}

// hangingMark is a file that is there while the fake hangs.
const hangingMark = "hanging"

func benchmarkFake(mood, home string, nodes, single, burst int) int {
	status, missing := 0, 0
	switch mood {
	case babble:
		fmt.Println("all is well")
		return 0
	case hanging:
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		once(filepath.Join(home, hangingMark))
		<-interrupted
		return 130
	case lossy:
		status, missing = 5, 12
	}
	answer := map[string]any{"nodes": nodes, "payload_bytes": payload}
	if single > 0 {
		answer["single"] = map[string]any{"messages": single, "last_ms": map[string]any{"p50": 1.25, "p99": 2.5, "max": 3.0}}
	}
	if burst > 0 {
		answer["burst"] = map[string]any{"messages": burst, "seconds": 1.0, "deliveries": burst * nodes,
			"deliveries_per_second": 400_000.0, "missing": missing}
	}
	say(answer)
	return status
}

// startFake starts a process for the controller and one a node, on a 3-regular graph.
func startFake(n int) (fakeNetwork, error) {
	var network fakeNetwork
	graph, err := topology.Generate(topology.Request{Kind: "random", Nodes: n, Param: 3, Seed: 1})
	if err != nil {
		return network, err
	}
	spawn := func() fakeProcess {
		c := exec.Command(os.Args[0], asNode)
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if startErr := c.Start(); startErr != nil {
			err = startErr
			return fakeProcess{}
		}
		return fakeProcess{PID: c.Process.Pid, URL: "http://127.0.0.1:1"}
	}
	network.Controller = spawn()
	for _, id := range graph.Nodes() {
		network.Nodes = append(network.Nodes, fakeNode{ID: id, State: "running", Peers: graph.Peers(id), fakeProcess: spawn()})
	}
	return network, err
}

// stopFake kills the processes and waits for their end, all but one when it is stubborn.
func stopFake(file string, network fakeNetwork, mood string) int {
	pids := []int{network.Controller.PID}
	for _, n := range network.Nodes {
		pids = append(pids, n.PID)
	}
	if mood == stubborn {
		pids = pids[:len(pids)-1]
	}
	for _, pid := range pids {
		for at := time.Now(); pid != 0 && !gone(pid) && time.Since(at) < 10*time.Second; {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	os.Remove(file)
	return say(map[string]any{})
}

func gone(pid int) bool {
	state, _, err := stat(pid)
	return err != nil || state == "Z"
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

func load(file string) (network fakeNetwork, running bool) {
	text, err := os.ReadFile(file)
	return network, err == nil && json.Unmarshal(text, &network) == nil
}

func save(file string, network fakeNetwork) int {
	text, err := json.Marshal(network)
	if err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, text, 0o600)); err != nil {
		return complain(1, "failed", err.Error())
	}
	return say(network)
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
