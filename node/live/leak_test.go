package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/node/api"
)

// stack makes all of a node that finds the others.
func stack(membership string, set map[string]string, id gossip.NodeID, run uint32) (gossip.Protocol, error) {
	maker, err := layers.New(layers.Spec{Protocol: "flood", Membership: membership, MembershipSettings: set, Assembles: true})
	if err != nil {
		return nil, err
	}
	return maker.Make(1, id, run), nil
}

// hasty are settings of swim for machines that answer within milliseconds.
var hasty = map[string]string{"gossip": "10ms", "period": "100ms", "timeout": "50ms"}

// usage is what a node, or a program, holds.
type usage struct {
	goroutines, files int
	heap              uint64
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d KiB", u.goroutines, u.files, u.heap>>10)
}

// within reports whether nothing has grown but for what comes and goes: links to a node that is gone are given up
// after ten seconds.
func (u usage) within(before usage, links int) bool {
	return u.goroutines <= before.goroutines+2*links && u.files <= before.files+2*links && u.heap <= before.heap+before.heap/10+512<<10
}

// files is how many descriptors a process has.
func files(t *testing.T, pid string) int {
	entries, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	if err != nil {
		t.Skipf("this system does not tell: %v", err)
	}
	return len(entries)
}

func ownUsage(t *testing.T) usage {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first leaves what finalizers hold
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), files(t, "self"), m.HeapAlloc}
}

// A node joins, leaves, joins, crashes and joins again, a hundred times in a row, and the network is at the end what
// it was at the beginning: no goroutine, no descriptor and no memory is left behind.
func TestComingAndGoingLeavesNothing(t *testing.T) {
	const cycles, warm, stable = 100, 20, 4
	options := func(id gossip.NodeID, run uint32, d Discovery) Options {
		o := Options{ID: id, Run: run, Network: "fruit", Secret: fruitSecret, Discovery: d, Capacity: 10}
		o.Make = func(run uint32) (gossip.Protocol, error) { return stack("swim", hasty, id, run) }
		return o
	}
	var nodes []*Node
	for id := gossip.NodeID(1); id <= stable; id++ {
		var d Discovery
		if id > 1 {
			d = Bootstrap(0, nodes[0].Addr())
		}
		nodes = append(nodes, launch(t, options(id, 1, d)))
	}
	for _, n := range nodes {
		if err := n.WaitMembers(deadline(t), stable-1); err != nil {
			t.Fatal(err)
		}
	}
	var before usage
	for cycle := range cycles {
		if cycle == warm {
			before = ownUsage(t)
		}
		run := uint32(cycle + 1)
		n, err := Start(context.Background(), options(9, run, Bootstrap(0, nodes[cycle%stable].Addr())))
		if err != nil {
			t.Fatal(err)
		}
		if err := n.WaitMembers(deadline(t), stable); err != nil {
			t.Fatalf("cycle %d: %v; it sees %s", cycle, err, view(n))
		}
		seen := nodes[(cycle+1)%stable]
		settles(t, func() string {
			if want := fmt.Sprintf("9.%d alive", run); !strings.Contains(view(seen), want) {
				return fmt.Sprintf("cycle %d: node %d sees %s", cycle, seen.ID(), view(seen))
			}
			return ""
		})
		publish(t, n, "here again")
		if cycle%2 == 0 {
			closeNode(t, n)
		} else {
			crash(t, n)
		}
	}
	var after usage
	settles(t, func() string {
		if after = ownUsage(t); !after.within(before, stable) {
			return fmt.Sprintf("after %d cycles %v, after %d %v", warm, before, cycles, after)
		}
		return ""
	})
	t.Logf("after %d cycles %v, after %d %v", warm, before, cycles, after)
	for _, n := range nodes {
		if links := len(n.server.wire.Links()); links > stable+1 {
			t.Errorf("node %d has accounts of %d nodes", n.ID(), links)
		}
		balance(t, n)
	}
}

// balance checks the law of conservation at a node.
func balance(t *testing.T, n *Node) {
	t.Helper()
	for _, l := range n.server.faulty.Links() {
		known := l.Passed + l.InFlight
		for _, times := range l.Dropped {
			known += times
		}
		if l.Sent+l.Repeated != known {
			t.Errorf("node %d: the counts do not add up: %+v", n.ID(), l)
		}
	}
}

// The same with processes: those that stay hold no more after a hundred comings and goings than after twenty.
func TestProcessesComeAndGoAndLeaveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a hundred processes")
	}
	const cycles, warm, stable = 100, 20, 3
	folder := t.TempDir()
	spawnNode := func(id gossip.NodeID, run uint32, contacts ...string) (pid int, client *api.Client, end func(os.Signal)) {
		cfg := Config{
			Network: "test", NetworkID: "0123", ID: id, Run: run, Protocol: "flood", ControlToken: control, PeerToken: peer, Capacity: 10, DropOldest: true,
			LogFile: filepath.Join(folder, "log"), Discovery: api.DiscoverBootstrap, Contacts: contacts, Membership: "swim", MembershipSettings: hasty,
		}
		c, client := spawn(t, cfg)
		return c.Process.Pid, client, func(s os.Signal) {
			c.Process.Signal(s)
			c.Wait()
		}
	}
	addrOf := func(client *api.Client) string {
		answer, err := client.Contacts(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		return answer.Contacts[0].Addr
	}
	sees := func(client *api.Client, want int, last string) {
		t.Helper()
		settles(t, func() string {
			answer, err := client.Members(deadline(t))
			if err != nil {
				return err.Error()
			}
			alive, text := 0, ""
			for _, m := range answer.Members {
				if m.State == "alive" {
					alive++
				}
				text += fmt.Sprintf("%d.%d %s ", m.ID, m.Run, m.State)
			}
			if alive < want || !strings.Contains(text, last) {
				return fmt.Sprintf("%s, not %d and %s", text, want, last)
			}
			return ""
		})
	}
	var pids []int
	var clients []*api.Client
	var contacts []string
	for id := gossip.NodeID(1); id <= stable; id++ {
		pid, client, _ := spawnNode(id, 1, contacts...)
		pids, clients = append(pids, pid), append(clients, client)
		if id == 1 {
			contacts = []string{addrOf(client)}
		}
	}
	for _, c := range clients {
		sees(c, stable-1, "")
	}
	held := func(k int) usage {
		s, err := clients[k].Stats(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		return usage{s.Goroutines, files(t, strconv.Itoa(pids[k])), s.HeapBytes}
	}
	before := make([]usage, stable)
	for cycle := range cycles {
		if cycle == warm {
			for k := range clients {
				before[k] = held(k)
			}
		}
		run := uint32(cycle + 1)
		_, client, end := spawnNode(9, run, contacts...)
		sees(client, stable, "")
		sees(clients[cycle%stable], stable, fmt.Sprintf("9.%d alive", run))
		if cycle%2 == 0 {
			end(syscall.SIGTERM)
			sees(clients[cycle%stable], stable-1, fmt.Sprintf("9.%d left", run))
		} else {
			end(syscall.SIGKILL)
		}
	}
	for k := range clients {
		var after usage
		settles(t, func() string {
			// What a heap holds that nobody has collected yet is no leak: a megabyte of it is little.
			if after = held(k); !after.within(usage{before[k].goroutines, before[k].files, before[k].heap + 2<<20}, stable) {
				return fmt.Sprintf("node %d: after %d cycles %v, after %d %v", k+1, warm, before[k], cycles, after)
			}
			return ""
		})
		t.Logf("node %d: after %d cycles %v, after %d %v", k+1, warm, before[k], cycles, after)
	}
}
