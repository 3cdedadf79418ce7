//go:build linux

package cmd_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What has become of a message is said as far as it is known, and no further: a node that dies with
// the request in its hands may have passed the message on before.
func TestWhatBecameOfTheMessage(t *testing.T) {
	b := newBox(t)
	v := b.start(2)
	node := v.Nodes[0].PID
	if err := syscall.Kill(node, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.must(4, "; the message may have been accepted", "send-message", "1", "x", "--timeout", "100ms")

	var out, errs bytes.Buffer
	c := b.command(nil, "send-message", "1", "x")
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if !holds(20*time.Second, func() bool { return waitsAt(t, b.base+1) > 0 }) {
		t.Error("no request is waiting at the node")
	}
	if err := syscall.Kill(node, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r := b.finish(c, c.Wait(), &out, &errs)
	if r.code != 3 || !strings.Contains(r.err, "; the message may have been accepted") {
		t.Errorf("%v", r)
	}
	if !holds(10*time.Second, func() bool { return b.state().Nodes[0].Ended != nil }) {
		t.Error("the node is not known to be dead")
	}
	b.must(3, "node 1 is dead", "send-message", "1", "x")
}

// waitsAt is how many bytes of requests wait to be read at a port.
func waitsAt(t *testing.T, port int) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 5 || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			continue
		}
		var sending, receiving int
		if _, err := fmt.Sscanf(f[4], "%x:%x", &sending, &receiving); err == nil {
			n += receiving
		}
	}
	return n
}
