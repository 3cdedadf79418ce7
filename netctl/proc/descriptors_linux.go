package proc

import (
	"math"

	"golang.org/x/sys/unix"
)

// closeRangeOnExec reports whether the kernel did it all at once, as it can since Linux 5.11.
func closeRangeOnExec() bool {
	return unix.CloseRange(firstInherited, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil
}
