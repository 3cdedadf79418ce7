//go:build linux

package netctl_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/workload"
)

// doing is what a node does by itself, by name: ticks, or nothing where it does not.
func (l *lab) doing(id gossip.NodeID) map[string]api.WorkloadStatus {
	l.t.Helper()
	answer, err := l.client(id).Workloads(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	list := make(map[string]api.WorkloadStatus)
	for _, s := range answer.Workloads {
		list[s.Name] = s
	}
	return list
}

// A node that stood still when a workload was started, changed and stopped is told each time when it goes on.
func TestWorkloadsReachThoseThatWereAway(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4)
	type answer struct {
		Untold []gossip.NodeID `json:"untold"`
	}
	l.must(0, nil, "pause-node", "3")
	if got := parse[answer](t, l.must(0, nil, "start-workload", "movies", "--interval", "1h", "-o", "json")); !slices.Equal(got.Untold, []gossip.NodeID{3}) {
		t.Errorf("%v", got)
	}
	if got := parse[answer](t, l.must(0, nil, "start-workload", "counter", "--nodes", "1-2", "-o", "json")); len(got.Untold) != 0 {
		t.Errorf("node 3 has no part in it, and yet: %v", got)
	}
	l.must(0, nil, "resume-node", "3")
	eventually(t, 5*time.Second, "the workloads of a node", func() bool { return l.doing(3)[workload.Movies].Ticks == 1 })
	if len(l.doing(3)) != 1 || len(l.doing(1)) != 2 {
		t.Errorf("%v, %v", l.doing(3), l.doing(1))
	}
	l.must(0, nil, "pause-node", "3")
	l.must(0, nil, "stop-workload", "--all")
	l.must(0, nil, "resume-node", "3")
	eventually(t, 5*time.Second, "the workloads of a node", func() bool { return len(l.doing(3)) == 0 })
}

// A node that is started by hand does what the others do, and has guests as they do.
func TestANodeStartedByHandDoesWhatOthersDo(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(3, "complete")
	l.must(0, nil, "start-workload", "counter", "--interval", "1h")
	h := l.hand(4, "--join", l.port(1))
	eventually(t, 5*time.Second, "the workload of the new node", func() bool { return l.doing(4)[workload.Counter].Ticks == 1 })
	l.must(0, nil, "stop-workload", "counter")
	eventually(t, 5*time.Second, "the workload has ended", func() bool { return len(l.doing(4)) == 0 })

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.port(4)+"/peers/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(l.must(0, nil, "guest-token").out))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("a guest is answered %s", res.Status)
	}
	if err := h.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	l.ends(h, 0)
}

// What nodes are to do is kept with the network, as it was.
func TestWorkloadsAreKept(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4, "--durable")
	l.must(0, nil, "start-workload", "counter", "--interval", "20ms", "--ttl", "3", "--nodes", "2,3")
	l.must(0, nil, "pause-workload", "counter", "--nodes", "3")
	eventually(t, 5*time.Second, "the workloads of a node", func() bool { return l.doing(2)[workload.Counter].Ticks > 2 })
	l.must(0, nil, "stop-network", "--keep")
	l.must(0, nil, "start-network", "--resume")
	eventually(t, 5*time.Second, "the workloads of a node", func() bool { return l.doing(2)[workload.Counter].Ticks > 2 })
	at3 := l.doing(3)[workload.Counter]
	if at3.Ticks != 0 || !at3.Paused || at3.TTL != 3 || at3.Every != 20*time.Millisecond || len(l.doing(1)) != 0 {
		t.Errorf("%+v, %v", at3, l.doing(1))
	}
}

// A state file that asks nodes for what they cannot do is damaged.
func TestWorkloadsOfADamagedState(t *testing.T) {
	good := netctl.Workload{Settings: workload.Settings{Name: workload.Movies, List: []string{"Z"}}, Nodes: numbers(1, 3)}
	var s netctl.State
	if err := s.Validate(); err == nil || strings.Contains(err.Error(), "workloads") {
		t.Errorf("an empty state: %v", err)
	}
	l := newLab(t)
	l.start(4)
	l.edit(func(s *netctl.State) {
		check := func(what string, list []netctl.Workload, ok bool) {
			s.Workloads = list
			if err := s.Validate(); (err == nil) != ok || !ok && !strings.Contains(err.Error(), "workloads: ") {
				t.Errorf("%s: %v", what, err)
			}
		}
		check("a good one", []netctl.Workload{good}, true)
		check("twice", []netctl.Workload{good, good}, false)
		check("of no kind", []netctl.Workload{{}}, false)
		bad := good
		bad.Every = 1
		check("too fast", []netctl.Workload{bad}, false)
		bad = good
		bad.Resting = make([]gossip.NodeID, 200_000)
		check("too many nodes", []netctl.Workload{bad}, false)
		s.Workloads = nil
	})
}

func TestWorkloadAt(t *testing.T) {
	for _, c := range []struct {
		w            netctl.Workload
		runs, paused bool
	}{
		{netctl.Workload{}, true, false},
		{netctl.Workload{Nodes: numbers(1, 3)}, false, false},
		{netctl.Workload{Nodes: numbers(1, 5)}, true, false},
		{netctl.Workload{Resting: numbers(5, 5)}, true, true},
		{netctl.Workload{Settings: workload.Settings{Paused: true}}, true, true},
		{netctl.Workload{Settings: workload.Settings{Paused: true}, Nodes: numbers(1, 3)}, false, false},
		{netctl.Workload{Nodes: numbers(1, 3), Resting: numbers(5, 5)}, false, false},
	} {
		if runs, paused := c.w.At(5); runs != c.runs || paused != c.paused {
			t.Errorf("%+v: runs %v, paused %v", c.w, runs, paused)
		}
	}
}
