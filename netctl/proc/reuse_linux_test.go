package proc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() { parts["reuse"] = playReuse }

// TestPidThatWasReused gives a pid to a second process, as the kernel does when its numbers have
// gone round, in a pid namespace of its own where the next number can be chosen.
func TestPidThatWasReused(t *testing.T) {
	cmd := command("reuse")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		absent(t, fmt.Sprintf("way to make a pid namespace (%v)", err))
	}
	if what, is := strings.CutPrefix(string(out), "absent: "); is {
		absent(t, strings.TrimSpace(what))
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(strings.TrimSpace(string(out)))
}

const lastPID = "/proc/sys/kernel/ns_last_pid"

// playReuse is process 1 of its namespace.
func playReuse([]string) error {
	// Nothing mounted here may show outside.
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", 0, "")
	}
	if err == nil {
		_, err = os.Stat(lastPID)
	}
	if err != nil {
		fmt.Println("absent: way to choose the next pid:", err)
		return nil
	}
	// The threads of this process take pids too, sometimes the one that was meant.
	const attempts = 500
	for range attempts {
		if reused, err := reuseOnce(); reused || err != nil {
			return err
		}
	}
	return fmt.Errorf("no pid came back in %d attempts", attempts)
}

// reuseOnce reports false when the pid went to somebody else than the stranger.
func reuseOnce() (reused bool, err error) {
	old, oldIn, err := startWaiting()
	if err != nil {
		return false, err
	}
	defer oldIn.Close()
	id, err := Of(old.Process.Pid)
	if err != nil {
		return false, err
	}
	pinned, err := Open(id)
	if err != nil {
		return false, err
	}
	defer pinned.Close()
	if err := old.Process.Kill(); err != nil {
		return false, err
	}
	if _, err := old.Process.Wait(); err != nil {
		return false, err
	}
	if !within(time.Second, func() bool { return ticks() > id.Start }) {
		return false, errors.New("the clock stands still")
	}
	if err := os.WriteFile(lastPID, []byte(strconv.Itoa(id.PID-1)), 0); err != nil {
		return false, err
	}
	stranger, strangerIn, err := startWaiting()
	if err != nil {
		return false, err
	}
	if stranger.Process.Pid == id.PID {
		reused, err = true, checkStrangerIsSafe(id, pinned)
	}
	// It ends well only if nobody signalled it.
	strangerIn.Close()
	state, waitErr := stranger.Process.Wait()
	if waitErr == nil && !state.Success() {
		waitErr = fmt.Errorf("the stranger did not survive: %v", state)
	}
	return reused, errors.Join(err, waitErr)
}

// checkStrangerIsSafe tries everything that could hit the process which now has the pid of id.
func checkStrangerIsSafe(id Identity, pinned *Process) error {
	if err := syscall.Kill(id.PID, 0); err != nil {
		return fmt.Errorf("a bare pid would not have been fooled: %w", err)
	}
	if _, err := Open(id); !errors.Is(err, ErrNotOurs) {
		return fmt.Errorf("Open = %w", err)
	}
	all := TerminateAll(context.Background(), []Identity{id}, 0)
	if all[0].Outcome != NotOurs {
		return fmt.Errorf("TerminateAll = %+v", all)
	}
	if err := pinned.Signal(syscall.SIGKILL); !errors.Is(err, ErrNotOurs) {
		return fmt.Errorf("Signal by a pin from before = %w", err)
	}
	// The pin must hold without the look that Signal takes first.
	if err := pinned.handle.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("the handle itself signals: %w", err)
	}
	if pinned.Alive() || pinned.State() != Gone {
		return fmt.Errorf("the old process is %s", pinned.State())
	}
	if outcome, err := pinned.Terminate(context.Background(), 0); outcome != WasGone || err != nil {
		return fmt.Errorf("Terminate by a pin from before = %s, %w", outcome, err)
	}
	fmt.Printf("pid %d had two lives, from tick %d and before tick %d\n", id.PID, id.Start, ticks())
	return nil
}

// startWaiting starts the part that waits for the end of its stdin, and returns once it runs.
func startWaiting() (*exec.Cmd, io.Closer, error) {
	cmd := command("wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	return cmd, in, err
}

// ticks is now in the unit of Identity.Start: hundredths of a second since boot.
func ticks() uint64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return uint64(now.Nano()) / uint64(10*time.Millisecond)
}
