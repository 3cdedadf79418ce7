package term

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo-terminal of 132 columns: what we see, what a command sees.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	fd := int(ours.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 132}); err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

func TestFromFiles(t *testing.T) {
	_, tty := openTerminal(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		name           string
		out, err       *os.File
		outTTY, errTTY bool
		width          int
	}{
		{"both a terminal", tty, tty, true, true, 132},
		{"results in a file", file, tty, false, true, 132},
		{"errors in a file", tty, file, true, false, 132},
		{"neither", file, file, false, false, 80},
	} {
		s := FromFiles(file, c.out, c.err)
		if s.OutTTY != c.outTTY || s.ErrTTY != c.errTTY || s.Width != c.width {
			t.Errorf("%s: terminals %t %t, width %d; want %t %t %d", c.name, s.OutTTY, s.ErrTTY, s.Width, c.outTTY, c.errTTY, c.width)
		}
		if s.OutColor != NoColor || s.ErrColor != NoColor {
			t.Errorf("%s: coloured before anyone asked", c.name)
		}
	}
}

func TestWithColor(t *testing.T) {
	s := Streams{OutTTY: false, ErrTTY: true}.WithColor(ColorAuto, fakeEnv(nil))
	if s.OutColor != NoColor || s.ErrColor != Color256 {
		t.Errorf("levels %d and %d; want none for the pipe, 256 for the terminal", s.OutColor, s.ErrColor)
	}
}

func TestQuiet(t *testing.T) {
	var out, err bytes.Buffer
	loud := Streams{Out: &out, Err: &err, ErrTTY: true, ErrColor: Color256}
	quiet := loud.Quiet()
	if quiet.Err != io.Discard || quiet.ErrTTY || quiet.ErrColor != NoColor || quiet.Out != &out {
		t.Errorf("quiet streams are %+v", quiet)
	}
	if loud.Err != &err {
		t.Error("Quiet changed the streams it was given")
	}
}
