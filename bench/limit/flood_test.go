package limit

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"gossipctl/topology"
)

func startFlood(t *testing.T, g *topology.Graph, procs int) *Flood {
	t.Helper()
	f, err := StartFlood(bounded(t), programs.Flood, g, procs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Stop() })
	return f
}

func TestFloodDeliversAllAndSendsEveryDirectedEdgeOnce(t *testing.T) {
	for name, c := range map[string]struct {
		graph   *topology.Graph
		procs   int
		packets int // of one message
	}{
		"16 nodes with 3 peers": {draw("random", 16), 1, 48},
		"Go's own GOMAXPROCS":   {draw("random", 16), 0, 48},
		"4 nodes, all joined":   {draw("random", 4), 1, 12},
		"ring of 5":             {draw("circular", 5), 1, 10},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFlood(t, c.graph, c.procs)
			n := c.graph.Len()
			publish := func(senders []int, count int) {
				t.Helper()
				r, err := f.Publish(bounded(t), senders, count, 256)
				if err != nil {
					t.Fatal(err)
				}
				if r.Deliveries != n*count || r.Packets != c.packets*count || r.Elapsed <= 0 {
					t.Errorf("%d messages from %v: %+v; want %d deliveries by %d packets", count, senders, r, n*count, c.packets*count)
				}
			}
			for origin := 1; origin <= n; origin++ {
				publish([]int{origin}, 1)
			}
			publish([]int{1, 2, 3, 4}, 1001)
			publish([]int{2}, 500)
			publish([]int{4, 3, 2}, 2) // more senders than messages
		})
	}
}

func TestFloodStopEndsItsProcesses(t *testing.T) {
	f := startFlood(t, draw("random", 16), 1)
	pids := f.PIDs()
	if len(pids) != 16 {
		t.Fatalf("%d processes for 16 nodes", len(pids))
	}
	if err := f.Stop(); err != nil {
		t.Error(err)
	}
	wantGone(t, pids)
}

func TestFloodEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(bounded(t))
	f, err := StartFlood(ctx, programs.Flood, draw("random", 4), 1)
	if err != nil {
		t.Fatal(err)
	}
	pids := f.PIDs()
	enough := errors.New("enough")
	cancel(enough)
	if _, err := f.Publish(ctx, []int{1}, 1, 256); err == nil {
		t.Error("a flood whose context had ended went through")
	}
	f.Stop()
	wantGone(t, pids)
}

func TestADeadNodeIsAnErrorNotAWait(t *testing.T) {
	f := startFlood(t, draw("random", 4), 1)
	if err := syscall.Kill(f.PIDs()[2], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r, err := f.Publish(bounded(t), []int{1}, 100, 256); err == nil {
		t.Errorf("a flood past a dead node went through: %+v", r)
	}
}

func TestStartFloodRefusesABadGraphAndABadProgram(t *testing.T) {
	for name, g := range map[string]*topology.Graph{
		"no nodes": topology.New(0), "two parts": topology.New(2), "a hole": topology.NewNodes([]int{2}),
	} {
		if _, err := StartFlood(bounded(t), programs.Flood, g, 1); err == nil {
			t.Errorf("a graph with %s was accepted", name)
		}
	}
	for _, program := range []string{"/nowhere/floodlimit", programs.Ask} {
		if _, err := StartFlood(bounded(t), program, draw("random", 4), 1); err == nil {
			t.Errorf("%s was accepted for floodlimit", program)
		}
	}
}
