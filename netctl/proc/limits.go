package proc

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// Unlimited is what [Limits] returns where there is no limit.
const Unlimited uint64 = math.MaxUint64

// Limits returns how many files this process may have open, and how many processes its user may
// run in all (Linux counts threads for this, see [CountOwn], and lets root pass). There is nothing
// to raise: Go programs, our nodes among them, lift their file limit to the hard one as they start.
// Limits of a container or a systemd slice come on top and are not seen here.
func Limits() (files, processes uint64, err error) {
	if files, err = softLimit(unix.RLIMIT_NOFILE); err != nil {
		return 0, 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	if processes, err = softLimit(unix.RLIMIT_NPROC); err != nil {
		return 0, 0, fmt.Errorf("read the limit of processes: %w", err)
	}
	return files, processes, nil
}

func softLimit(resource int) (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(resource, &limit); err != nil {
		return 0, err
	}
	// The systems write "no limit" as the largest number of one sign or the other.
	if soft := uint64(limit.Cur); soft < math.MaxInt64 {
		return soft, nil
	}
	return Unlimited, nil
}
