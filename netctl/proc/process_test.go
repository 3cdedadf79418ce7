package proc

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSelf(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if self.PID != os.Getpid() || self.Boot == "" || self.Start == 0 {
		t.Fatalf("Self() = %+v", self)
	}
	p, err := Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !p.Alive() || p.State() != Running {
		t.Errorf("this process: alive %v, %s", p.Alive(), p.State())
	}
	if p.Identity() != self {
		t.Errorf("Identity() = %+v", p.Identity())
	}
}

func TestIdentityIsStored(t *testing.T) {
	id := Identity{Boot: "b", PID: 12, Start: 1<<63 + 1}
	b, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"boot_id":"b","pid":12,"start_time":9223372036854775809}`; string(b) != want {
		t.Errorf("stored as %s, want %s", b, want)
	}
	var back Identity
	if err := json.Unmarshal(b, &back); err != nil || back != id {
		t.Errorf("read back as %+v, %v", back, err)
	}
}

// To the kernel a pid of 0 or below means many processes.
func TestOpenRefusesWhatNamesNoProcess(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{0, -1, -self.PID} {
		if err := (Identity{Boot: self.Boot, PID: pid, Start: self.Start}).Validate(); err == nil {
			t.Errorf("pid %d is valid", pid)
		}
		if p, err := Open(Identity{Boot: self.Boot, PID: pid}); err == nil {
			p.Close()
			t.Errorf("pid %d was opened", pid)
		}
	}
	if p, err := Open(Identity{PID: self.PID, Start: self.Start}); err == nil {
		p.Close()
		t.Error("an identity without a boot was opened")
	}
}

func TestTerminate(t *testing.T) {
	for _, c := range []struct {
		part  string
		stop  bool
		grace time.Duration
		want  Outcome
	}{
		{part: "wait", grace: 10 * time.Second, want: Terminated},
		{part: "wait", stop: true, grace: 10 * time.Second, want: Terminated},
		{part: "stubborn", grace: 50 * time.Millisecond, want: Killed},
		{part: "stubborn", stop: true, grace: 50 * time.Millisecond, want: Killed},
		{part: "stubborn", grace: 0, want: Killed},
	} {
		a := begin(t, c.part)
		p := a.open(t)
		if c.stop {
			if err := p.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			eventually(t, "stopped", func() bool { return p.State() == Stopped })
			if !p.Alive() {
				t.Error("a stopped process does not count as alive")
			}
		}
		got, err := p.Terminate(t.Context(), c.grace)
		if err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
		if p.Alive() {
			t.Errorf("%+v: still alive", c)
		}
		if got, err := p.Terminate(t.Context(), c.grace); got != WasGone || err != nil {
			t.Errorf("%+v: the second time: %s, %v", c, got, err)
		}
	}
}

func TestTerminateLeavesTheProcessWhenItsContextEnds(t *testing.T) {
	p := begin(t, "stubborn").open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	got, err := p.Terminate(ctx, time.Minute)
	if got != Failed || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s, %v", got, err)
	}
	if !p.Alive() {
		t.Error("it was killed")
	}
}

func TestZombieIsGone(t *testing.T) {
	a := beginUnreaped(t, "wait")
	p := a.open(t)
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a zombie", func() bool { return p.State() == Zombie })
	if p.Alive() {
		t.Error("a zombie counts as alive")
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, ErrGone) {
		t.Errorf("signal: %v", err)
	}
	again, err := Open(p.Identity())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, err := again.Terminate(t.Context(), time.Minute); got != WasGone || err != nil {
		t.Errorf("Terminate: %s, %v", got, err)
	}
	a.reap()
	if s := p.State(); s != Gone {
		t.Errorf("reaped: %s", s)
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, ErrGone) && !errors.Is(err, ErrNotOurs) {
		t.Errorf("signal after reaping: %v", err)
	}
	if _, err := Open(p.Identity()); !errors.Is(err, ErrGone) && !errors.Is(err, ErrNotOurs) {
		t.Errorf("open after reaping: %v", err)
	}
}

// The pid lives, the start time is another's: that is how a reused pid looks.
func TestStrangerIsNeverSignalled(t *testing.T) {
	a := begin(t, "wait")
	stale := a.identity(t)
	stale.Start--

	_, err := Open(stale)
	var notOurs *NotOursError
	if !errors.Is(err, ErrNotOurs) || !errors.As(err, &notOurs) {
		t.Fatalf("Open = %v", err)
	}
	if notOurs.PID != stale.PID || notOurs.Name == "" {
		t.Errorf("the stranger is %+v", notOurs)
	}
	ended := TerminateAll(t.Context(), []Identity{stale}, 0)
	if len(ended) != 1 || ended[0].Outcome != NotOurs || !errors.Is(ended[0].Err, ErrNotOurs) {
		t.Errorf("TerminateAll = %+v", ended)
	}
	a.endsWell(t)
}

func TestIdentityFromBeforeARebootIsNeverSignalled(t *testing.T) {
	a := begin(t, "wait")
	old := a.identity(t)
	old.Boot = "5e0d1f3c-0000-0000-0000-000000000000"
	if _, err := Open(old); !errors.Is(err, ErrRebooted) {
		t.Errorf("Open = %v", err)
	}
	want := []Ended{{Identity: old, Outcome: Rebooted}}
	if diff := cmp.Diff(want, TerminateAll(t.Context(), []Identity{old}, 0)); diff != "" {
		t.Error(diff)
	}
	a.endsWell(t)
}

func TestTerminateAll(t *testing.T) {
	const many, grace = 12, time.Second
	var ids []Identity
	var want []Outcome
	for i := range many {
		part, outcome := "wait", Terminated
		if i%3 == 0 {
			part, outcome = "stubborn", Killed
		}
		ids, want = append(ids, begin(t, part).identity(t)), append(want, outcome)
	}
	gone := begin(t, "wait")
	goneID := gone.identity(t)
	if err := gone.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-gone.done
	ids, want = append(ids, goneID), append(want, WasGone)
	ids, want = append(ids, Identity{Boot: ids[0].Boot, PID: -1}), append(want, Failed)

	began := time.Now()
	var got []Outcome
	for i, ended := range TerminateAll(t.Context(), ids, grace) {
		if ended.Identity != ids[i] {
			t.Errorf("answer %d is about %v", i, ended.Identity)
		}
		if (ended.Err != nil) != (ended.Outcome == Failed) {
			t.Errorf("answer %d: %+v", i, ended)
		}
		got = append(got, ended.Outcome)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if took := time.Since(began); took > 3*grace { // one after the other it would be 4
		t.Errorf("it took %v", took)
	}
}
