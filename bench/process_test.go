package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

func TestMemoryOfThisProcess(t *testing.T) {
	me := []int{os.Getpid()}
	pss, err := memoryPerProcess(me)
	if err != nil {
		t.Fatal(err)
	}
	peak, err := peakPerProcess(me)
	if err != nil {
		t.Fatal(err)
	}
	if pss < 1 || pss > 10_000 || peak < pss {
		t.Errorf("PSS %v, peak RSS %v MB; want one or more, and the peak above", pss, peak)
	}
	if _, err := memoryPerProcess(nil); err == nil {
		t.Error("the mean of nothing is no number")
	}
}

func TestAwaitEnd(t *testing.T) {
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	list, err := identify([]int{sleeper.Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if left := awaitEnd(ended, list); len(left) != 1 {
		t.Errorf("%v runs; want the sleeper", left)
	}
	imposter := process{list[0].pid, "1"}
	if imposter.running() {
		t.Error("a process that started at another time counts as the same")
	}
	sleeper.Process.Kill()
	if left := awaitEnd(context.Background(), list); len(left) != 0 { // not reaped yet: ended all the same
		t.Errorf("%v runs after its end", left)
	}
	sleeper.Wait()
	if _, err := identify([]int{sleeper.Process.Pid}); err == nil {
		t.Error("a process that is gone was identified")
	}
}

func TestFreePorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if free(port-2, 4) {
		t.Error("a block with a taken port counts as free")
	}
	bases := map[int]bool{}
	taken := fmt.Errorf("wrapped: %w", &exitError{status: conflict})
	err = withFreePorts(17, func(base int) error {
		bases[base] = true
		if base < lowestPort || base+17 > highestPort {
			t.Errorf("block at %d", base)
		}
		return taken
	})
	if !errors.Is(err, taken) || len(bases) < 2 {
		t.Errorf("gave up with %v after the blocks %v", err, bases)
	}
	calls := 0
	other := errors.New("other")
	if err := withFreePorts(2, func(int) error { calls++; return other }); err != other || calls != 1 {
		t.Errorf("%v after %d calls; only a conflict is worth another block", err, calls)
	}
}

func TestParseSizes(t *testing.T) {
	for _, bad := range []string{"x", "", "16,", "5", "2", "1002", "-4"} {
		if got, err := parseSizes(bad); err == nil {
			t.Errorf("%q gave %v", bad, got)
		}
	}
	got, err := parseSizes("4, 1000")
	if err != nil || len(got) != 2 || got[1] != 1000 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTheFakeRefusesWhatTheContractDoes(t *testing.T) {
	c := &gossipctl{path: useFake(t, fine), env: append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())}
	_, _, err := c.run(context.Background(), "list-peers", strconv.Itoa(1))
	var exit *exitError
	if !errors.As(err, &exit) || exit.status != 3 || exit.message != "no network runs try 3" {
		t.Errorf("list-peers without a network: %v; want exit status 3 with its sentence", err)
	}
}
