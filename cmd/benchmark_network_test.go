package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gossipctl/node/api"

	"github.com/google/go-cmp/cmp"
)

// benchmarked builds the program once: a network consists of processes of it.
var benchmarked = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gossipctl-benchmark-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gossipctl")
	if out, err := exec.Command("go", "build", "-o", path, "./gossipctl").CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)), os.RemoveAll(dir))
	}
	return path, nil
})

// benchNet is a network to measure, with a state folder of its own.
type benchNet struct {
	t    *testing.T
	path string
	env  []string
}

// startBenchNet starts a network and stops it when the test ends.
func startBenchNet(t *testing.T, args ...string) *benchNet {
	t.Helper()
	built, err := benchmarked()
	if err != nil {
		t.Fatalf("building gossipctl: %v", err)
	}
	// A copy, so that the one that was built can go when the first test is over.
	n := &benchNet{t: t, path: built}
	n.env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(), "NO_COLOR=1")
	for try := 0; ; try++ {
		base := 30_000 + 100*rand.IntN(300) // anybody may hold a port of it, then another is tried
		_, stderr, status := n.run(append([]string{"start-network", "--base-port", fmt.Sprint(base), "--seed", "1"}, args...)...)
		if status == exitOK {
			break
		}
		if status != exitConflict || try == 20 {
			t.Fatalf("start-network: exit %d: %s", status, stderr)
		}
	}
	t.Cleanup(func() {
		if _, stderr, status := n.run("stop-network"); status != exitOK {
			t.Errorf("stop-network: exit %d: %s", status, stderr)
		}
	})
	return n
}
