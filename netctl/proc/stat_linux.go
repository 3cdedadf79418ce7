package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func readBootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	id := strings.TrimSpace(string(b))
	if id == "" {
		return "", errors.New("read the boot id: it is empty")
	}
	return id, nil
}

// look shows who has pid now; the error is ErrGone when nobody has.
func look(pid int) (sight, error) {
	b, err := os.ReadFile(procPath(pid, "stat"))
	// ESRCH: it ended between open and read.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return sight{}, ErrGone
	}
	if err != nil {
		return sight{}, err
	}
	return parseStat(b)
}

func procPath(pid int, file string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + file
}

// Fields of /proc/<pid>/stat, counted from the state, which proc(5) numbers 3.
const (
	statThreads = 20 - 3
	statStart   = 22 - 3
)

// parseStat reads one line of /proc/<pid>/stat. The name stands in parentheses and may itself
// hold parentheses, spaces and newlines, so it ends at the last ')', not the first.
func parseStat(line []byte) (sight, error) {
	open, shut := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 0 || shut < open {
		return sight{}, fmt.Errorf("process status without a name: %.80q", line)
	}
	fields := strings.Fields(string(line[shut+1:]))
	if len(fields) <= statStart {
		return sight{}, fmt.Errorf("process status cut short: %.80q", line)
	}
	s := sight{name: printable(string(line[open+1 : shut]))}
	var err error
	if s.threads, err = strconv.Atoi(fields[statThreads]); err != nil {
		return sight{}, fmt.Errorf("process status, number of threads: %w", err)
	}
	if s.start, err = strconv.ParseUint(fields[statStart], 10, 64); err != nil {
		return sight{}, fmt.Errorf("process status, start time: %w", err)
	}
	s.state = stateOf(fields[0], s.threads)
	return s, nil
}

// stateOf turns the kernel's letter into a State. Letters not named here (R, S, D, I, …) are
// ways of running.
func stateOf(letter string, threads int) State {
	switch letter {
	case "T", "t":
		return Stopped
	case "Z":
		if threads > 1 { // only the first thread has ended; the program goes on
			return Running
		}
		return Zombie
	case "X", "x":
		return Gone
	}
	return Running
}

// ended asks the pidfd, which becomes readable when the last thread has ended. It costs one
// system call and no descriptor, so it works when this process has run out of them.
func (p *Process) ended() (ended, known bool) {
	err := p.handle.WithHandle(func(pidfd uintptr) {
		poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(poll, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			ended, known = n > 0, err == nil
			return
		}
	})
	if errors.Is(err, os.ErrProcessDone) {
		return true, true
	}
	return ended, known && err == nil
}
