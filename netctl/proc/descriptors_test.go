package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// playList prints which files this process has open, one "device:inode" a line.
func playList([]string) error {
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd < firstInherited {
			continue
		}
		var s unix.Stat_t
		if unix.Fstat(fd, &s) == nil {
			fmt.Println(nameOf(&s))
		}
	}
	return nil
}

func nameOf(s *unix.Stat_t) string { return fmt.Sprintf("%d:%d", s.Dev, s.Ino) }

// playStart has inherited a descriptor, does as it is told and starts a child that lists its own.
func playStart(args []string) error {
	switch args[0] {
	case "as it is":
	case "CloseOnExec":
		if err := CloseOnExec(); err != nil {
			return err
		}
	case "one by one":
		if err := closeEachOnExec(); err != nil {
			return err
		}
	}
	child := command("list")
	child.Stdout = os.Stdout
	return child.Run()
}

func TestInheritedDescriptorsEndHere(t *testing.T) {
	foreign, err := os.Create(filepath.Join(t.TempDir(), "foreign"))
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	var s unix.Stat_t
	if err := unix.Fstat(int(foreign.Fd()), &s); err != nil {
		t.Fatal(err)
	}
	for how, reaches := range map[string]bool{"as it is": true, "CloseOnExec": false, "one by one": false} {
		start := command("start", how)
		start.ExtraFiles = []*os.File{nil, nil, foreign} // not the first one, as it comes
		open := strings.Fields(run(t, start))
		if got := slices.Contains(open, nameOf(&s)); got != reaches {
			t.Errorf("%s: the foreign file reaches the grandchild: %v; it has %v open", how, got, open)
		}
	}
}
