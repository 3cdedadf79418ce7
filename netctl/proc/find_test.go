package proc

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	const mark = "--network=find-test"
	a, b := begin(t, "wait", "node", mark, "--id=1"), begin(t, "wait", "controller", mark)
	begin(t, "wait", "node", "--network=other")

	got, err := Find(func(argv []string) bool { return slices.Contains(argv, mark) })
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := []Found{
		{Identity: a.identity(t), Argv: []string{exe, "node", mark, "--id=1"}, Exe: exe, State: Running},
		{Identity: b.identity(t), Argv: []string{exe, "controller", mark}, Exe: exe, State: Running},
	}
	if want[0].Identity.PID > want[1].Identity.PID { // the pids went round
		slices.Reverse(want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFindLeavesOutWhatHasEnded(t *testing.T) {
	const mark = "--network=zombie-test"
	a := beginUnreaped(t, "wait", mark)
	p := a.open(t)
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a zombie", func() bool { return p.State() == Zombie })
	got, err := Find(func(argv []string) bool { return slices.Contains(argv, mark) })
	if err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCountOwn(t *testing.T) {
	processes, threads, err := CountOwn()
	if err != nil {
		t.Fatal(err)
	}
	if processes < 1 || threads < processes {
		t.Errorf("%d processes with %d threads", processes, threads)
	}
}

func TestOfNobody(t *testing.T) {
	a := begin(t, "wait")
	pid := a.cmd.Process.Pid
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-a.done
	if _, err := Of(pid); !errors.Is(err, ErrGone) {
		t.Errorf("Of(%s) = %v", strconv.Itoa(pid), err)
	}
}
