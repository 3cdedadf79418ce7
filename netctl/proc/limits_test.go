package proc

import (
	"fmt"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// playLimited lowers its limits, as a shell does with ulimit, and goes on as "limits".
func playLimited([]string) error {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 200, Max: 300}); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: 7777, Max: 8888}); err != nil {
		return err
	}
	next := command("limits")
	return syscall.Exec(next.Path, next.Args, next.Environ())
}

func playLimits([]string) error {
	files, processes, err := Limits()
	if err != nil {
		return err
	}
	_, err = fmt.Println(files, processes)
	return err
}

// The limit of files is the hard one, without anybody having raised it.
func TestLimits(t *testing.T) {
	out := run(t, command("limited"))
	var files, processes uint64
	if _, err := fmt.Sscan(out, &files, &processes); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	// The Go runtime stops one short of the hard limit, to notice when others change it.
	if files < 299 || files > 300 || processes != 7777 {
		t.Errorf("files %d, processes %d", files, processes)
	}
}

func TestNoLimit(t *testing.T) {
	files, processes, err := Limits()
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []uint64{files, processes} {
		if limit == 0 || limit != Unlimited && limit >= 1<<62 {
			t.Errorf("a limit of %d", limit)
		}
	}
}
