package live

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"

	"gossipctl/netctl"
)

// memory is the most that any node that runs has taken, in bytes; 0 where the system does not say.
func (e *Engine) memory(ctx context.Context) (most int64, err error) {
	v, err := e.net.Wiring(ctx)
	if err != nil {
		return 0, err
	}
	for _, n := range v.Nodes {
		if n.State == netctl.Running {
			most = max(most, peak(n.PID))
		}
	}
	return most, nil
}

// peak is the most memory a process has had, by /proc; 0 where there is none.
func peak(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if rest, is := bytes.CutPrefix(line, []byte("VmHWM:")); is {
			kib, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
