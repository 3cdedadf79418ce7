package proc

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Values of ExternProc.P_stat, from <sys/proc.h>.
const (
	darwinStopped = 4
	darwinZombie  = 5
)

func readBootID() (string, error) {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	if id == "" {
		return "", errors.New("read the boot id: it is empty")
	}
	return id, nil
}

// look shows who has pid now; the error is ErrGone when nobody has.
func look(pid int) (sight, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	// EIO is how x/sys reports the empty answer for a pid that nobody has.
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EIO) {
		return sight{}, ErrGone
	}
	if err != nil {
		return sight{}, err
	}
	if int(info.Proc.P_pid) != pid {
		return sight{}, ErrGone
	}
	return sightOf(info), nil
}

func sightOf(info *unix.KinfoProc) sight {
	began := info.Proc.P_starttime
	s := sight{
		start:   uint64(began.Sec)*1_000_000 + uint64(began.Usec),
		state:   Running,
		threads: 1, // not told here
		name:    printable(unix.ByteSliceToString(info.Proc.P_comm[:])),
	}
	switch info.Proc.P_stat {
	case darwinStopped:
		s.state = Stopped
	case darwinZombie:
		s.state = Zombie
	}
	return s
}

// ended knows nothing here: macOS has no handle of a process.
func (*Process) ended() (ended, known bool) { return false, false }
