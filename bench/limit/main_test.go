package limit

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/topology"
)

// programs are built once for all tests.
var programs Programs

// asHarness makes the test binary play a harness that can be killed.
const asHarness = "LIMIT_TEST_HARNESS"

func TestMain(m *testing.M) {
	if folder := os.Getenv(asHarness); folder != "" {
		playHarness(folder)
		return
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "limit-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if programs, err = Build(context.Background(), folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("LIMIT_TEST_PROGRAMS", folder)
	return m.Run()
}

// playHarness starts a few of everything, tells the process numbers, and waits to be killed.
func playHarness(folder string) {
	ctx := context.Background()
	servers, err := StartServers(ctx, folder+"/servelimit", 3, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	flood, err := StartFlood(ctx, folder+"/floodlimit", draw("random", 4), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(append(servers.PIDs(), flood.PIDs()...))
	select {}
}

func TestEverythingEndsWithItsHarness(t *testing.T) {
	harness := exec.Command(os.Args[0])
	harness.Env = append(os.Environ(), asHarness+"="+os.Getenv("LIMIT_TEST_PROGRAMS"))
	out, err := harness.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := harness.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	harness.Process.Kill()
	harness.Wait()
	var pids []int
	for _, word := range strings.Fields(strings.Trim(line, "[]\n")) {
		var pid int
		if _, err := fmt.Sscan(word, &pid); err != nil {
			t.Fatalf("the harness said %q", line)
		}
		pids = append(pids, pid)
	}
	if len(pids) != 7 {
		t.Fatalf("the harness said %q; want 7 process numbers", line)
	}
	wantGone(t, pids)
}

// bounded is a context for one test: generous, because the machine may be busy.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// wantGone waits until none of the processes runs; ended ones nobody reaped count as gone.
func wantGone(t *testing.T, pids []int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	ctx := bounded(t)
	for _, pid := range pids {
		for running(pid) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("process %d still runs", pid)
			}
		}
	}
}

func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// draw makes a graph, or ends the program that cannot.
func draw(kind string, nodes int) *topology.Graph {
	g, err := topology.Generate(topology.Request{Kind: kind, Nodes: nodes, Seed: 1})
	if err != nil {
		panic(err)
	}
	return g
}
