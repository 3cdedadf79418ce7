package proc

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// statLine has every field of /proc/<pid>/stat that parseStat reads, and other numbers elsewhere.
func statLine(name, state, threads, start string) string {
	return "12 (" + name + ") " + state + strings.Repeat(" 7", 16) + " " + threads + " 0 " + start + " 7 7\n"
}

func TestParseStat(t *testing.T) {
	for _, c := range []struct {
		line string
		want sight
	}{
		{statLine("cat", "S", "13", "987654"), sight{start: 987654, state: Running, threads: 13, name: "cat"}},
		{statLine("a) (b", "D", "1", "0"), sight{state: Running, threads: 1, name: "a) (b"}},
		{statLine(") Z 1 (", "T", "2", "5"), sight{start: 5, state: Stopped, threads: 2, name: ") Z 1 ("}},
		{statLine("\x1b[2J\n\xff", "t", "1", "5"), sight{start: 5, state: Stopped, threads: 1, name: "?[2J??"}},
		{statLine("", "X", "1", "5"), sight{start: 5, state: Gone, threads: 1}},
		{statLine("z", "Z", "1", "5"), sight{start: 5, state: Zombie, threads: 1, name: "z"}},
		{statLine("z", "Z", "2", "5"), sight{start: 5, state: Running, threads: 2, name: "z"}},
		{statLine("z", "R", "1", "18446744073709551615"), sight{start: 1<<64 - 1, state: Running, threads: 1, name: "z"}},
	} {
		if got, err := parseStat([]byte(c.line)); err != nil || got != c.want {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", c.line, got, err, c.want)
		}
	}
	for _, line := range []string{
		"", "12", "12 (cat", "12 cat) S", ") (", "12 (cat)", "12 (cat) S 1 2 3",
		statLine("cat", "S", "x", "5"), statLine("cat", "S", "1", "-5"), statLine("cat", "S", "1", "18446744073709551616"),
	} {
		if got, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q was read as %+v", line, got)
		}
	}
}

// The kernel's word is trusted, its length and shape are not.
func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine("a) (b", "S", "1", "5")))
	f.Add([]byte("12 (cat"))
	f.Fuzz(func(t *testing.T, line []byte) {
		s, err := parseStat(line)
		if err == nil && s.name != printable(s.name) {
			t.Errorf("%q: name %q", line, s.name)
		}
	})
}

// A program may give itself a name that looks like the rest of its status line.
func TestNameWithParentheses(t *testing.T) {
	const name = ") Z 1 (x y"
	a := begin(t, "named", name)
	id := a.identity(t)
	s, err := look(id.PID)
	if err != nil || s.name != name || s.state != Running {
		t.Fatalf("%+v, %v", s, err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if id.Start < self.Start || id.Start > self.Start+100*3600 {
		t.Errorf("it started at %d, its parent at %d", id.Start, self.Start)
	}
	if got, err := a.open(t).Terminate(t.Context(), killPatience); got != Terminated || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func init() {
	parts["named"] = playNamed
	parts["headless"] = playHeadless
	if os.Getenv(partVariable) == "headless" {
		runtime.LockOSThread() // keeps main on the first thread
	}
}

// playNamed takes a name of its own.
func playNamed(args []string) error {
	if err := os.WriteFile("/proc/self/comm", []byte(args[0]), 0); err != nil {
		return err
	}
	return readyUntilEOF()
}

// playHeadless ends its first thread, the one that /proc/<pid>/stat is about, and goes on.
func playHeadless([]string) error {
	go func() {
		headless := func() bool {
			b, err := os.ReadFile("/proc/self/stat")
			return err == nil && bytes.Contains(b, []byte(") Z "))
		}
		if !within(10*time.Second, headless) || readyUntilEOF() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}()
	_, _, err := syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
	return err
}

// A program whose first thread has ended looks like a zombie and is none.
func TestProgramWithoutItsFirstThread(t *testing.T) {
	a := begin(t, "headless")
	p := a.open(t)
	if s := p.State(); s != Running || !p.Alive() {
		t.Fatalf("it is %s, alive %v", s, p.Alive())
	}
	if got, err := p.Terminate(t.Context(), killPatience); got != Terminated || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}
