//go:build linux

package netctl_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// The program is built with the race detector once, and a network is changed, asked, hurt and ended
// from all sides at the same time.
func TestNoDataRaces(t *testing.T) {
	path := filepath.Join(bin, "gossipctl-race")
	out, err := exec.Command("go", "build", "-race", "-o", path, "gossipctl/cmd/gossipctl").CombinedOutput()
	needs(t, "the race detector: "+string(out), err == nil)
	l := newLab(t)
	l.use = path
	races := filepath.Join(t.TempDir(), "race") // of the commands and the controller
	l.env = []string{"GORACE=log_path=" + races}
	v := l.start(12)
	var group sync.WaitGroup
	for i := range 4 {
		node := strconv.Itoa(i + 1)
		for _, args := range [][]string{
			{"add-node"}, {"remove-node", node}, {"connect-nodes", node, "8"}, {"rewire-network"}, {"show-network"}, {"send-message", "9", "hello"},
			{"get-messages", "10", "all"}, {"pause-node", "11"}, {"resume-node", "11"}, {"kill-node", "12"}, {"restart-node", "11,12"},
			{"set-fault", "--delay", "1ms", "--for", "100ms"}, {"partition-network", "1-" + node}, {"list-faults"}, {"heal-network"}, {"clear-faults"},
		} {
			group.Go(func() {
				if r := l.run(args...); r.code > 3 || r.code == 1 {
					t.Error(r)
				}
			})
		}
		group.Go(func() { kill(t, v.Nodes[4+i].PID, syscall.SIGKILL) })
	}
	group.Wait()
	said, _ := filepath.Glob(filepath.Join(l.folder(), "logs", "*.stderr")) // of the nodes
	l.must(0, nil, "send-message", "9", "hello")
	for _, file := range said {
		if text, err := os.ReadFile(file); err != nil || len(text) > 0 {
			t.Errorf("%s: %s, %v", file, text, err)
		}
	}
	l.must(0, nil, "stop-network")
	if found, _ := filepath.Glob(races + "*"); len(found) > 0 {
		text, _ := os.ReadFile(found[0])
		t.Errorf("%d races, the first of them:\n%s", strings.Count(strings.Join(found, ""), races), text)
	}
}
