package limit

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

func startFlood(t *testing.T, g Graph, procs int) *Flood {
	t.Helper()
	f, err := StartFlood(bounded(t), programs.Flood, g, procs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Stop() })
	return f
}

func regular(t *testing.T, n int) Graph {
	t.Helper()
	g, err := RandomRegular(n, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestFloodDeliversAllAndSendsEveryDirectedEdgeOnce(t *testing.T) {
	for name, c := range map[string]struct {
		graph   Graph
		procs   int
		packets int // of one message
	}{
		"16 nodes with 3 peers": {regular(t, 16), 1, 48},
		"Go's own GOMAXPROCS":   {regular(t, 16), 0, 48},
		"4 nodes, all joined":   {complete(4), 1, 12},
		"ring of 5":             {Graph{{2, 5}, {1, 3}, {2, 4}, {3, 5}, {4, 1}}, 1, 10},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFlood(t, c.graph, c.procs)
			n := len(c.graph)
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
	f := startFlood(t, regular(t, 16), 1)
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
	f, err := StartFlood(ctx, programs.Flood, complete(4), 1)
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
	f := startFlood(t, complete(4), 1)
	if err := syscall.Kill(f.PIDs()[2], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r, err := f.Publish(bounded(t), []int{1}, 100, 256); err == nil {
		t.Errorf("a flood past a dead node went through: %+v", r)
	}
}

func TestStartFloodRefusesABadGraphAndABadProgram(t *testing.T) {
	if _, err := StartFlood(bounded(t), programs.Flood, Graph{{2}, {}}, 1); err == nil {
		t.Error("a graph with half an edge was accepted")
	}
	for _, program := range []string{"/nowhere/floodlimit", programs.Ask} {
		if _, err := StartFlood(bounded(t), program, complete(4), 1); err == nil {
			t.Errorf("%s was accepted for floodlimit", program)
		}
	}
}
