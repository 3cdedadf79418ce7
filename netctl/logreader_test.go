package netctl

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A logFile is written and rotated as a node does it.
type logFile struct {
	t       *testing.T
	folder  string
	rotates int
}

func newLogFile(t *testing.T) (*logFile, *os.Root) {
	t.Helper()
	folder := t.TempDir()
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return &logFile{t: t, folder: folder}, root
}

func (l *logFile) write(text string) {
	l.t.Helper()
	f, err := os.OpenFile(filepath.Join(l.folder, logName(1)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *logFile) rotate() {
	l.t.Helper()
	l.rotates++
	if err := os.Rename(filepath.Join(l.folder, logName(1)), l.backup(l.rotates)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *logFile) backup(i int) string {
	return filepath.Join(l.folder, fmt.Sprintf("node-1-2026-01-02T15-04-05.%03d.log", i))
}

func openAll(t *testing.T, root *os.Root, opts LogOptions) (*logReader, int) {
	t.Helper()
	files, err := listLogs(root)
	if err != nil {
		t.Fatal(err)
	}
	r, lines, err := newLogReader(root, logKey{node: 1}, files[logKey{node: 1}], opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r, lines
}

// readOn reads what there is.
func readOn(t *testing.T, r *logReader, flush bool) (texts []string) {
	t.Helper()
	for {
		line, ok, err := r.next(flush)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return texts
		}
		texts = append(texts, line.Text)
	}
}

func renew(t *testing.T, r *logReader, root *os.Root) (lost bool) {
	t.Helper()
	lost, err := r.renew(root)
	if err != nil {
		t.Fatal(err)
	}
	return lost
}

func TestTheLastLinesOfALog(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for try := range 60 {
		l, root := newLogFile(t)
		var want []string
		for i := range random.IntN(60) {
			line := fmt.Sprintf("%d %s", i, strings.Repeat("x", random.IntN(1+random.IntN(3*logChunk))%maxLogLine))
			if random.IntN(5) == 0 {
				line = ""
			}
			line = line[:min(len(line), maxLogLine)]
			want = append(want, line)
			l.write(line + "\n")
			if random.IntN(10) == 0 {
				l.rotate()
			}
		}
		for _, n := range []int{-1, 0, 1, 2, 7, 59, 1000} {
			tail := want
			if n >= 0 {
				tail = want[len(want)-min(n, len(want)):]
			}
			r, lines := openAll(t, root, LogOptions{Tail: n})
			got := readOn(t, r, true)
			// Whoever asks for no lines at all still gets the file that grows.
			if diff := cmp.Diff(append([]string{}, tail...), append([]string{}, got...)); diff != "" {
				t.Fatalf("try %d, the last %d of %d lines: %s", try, n, len(want), diff)
			}
			if n >= 0 && lines != len(tail) {
				t.Errorf("try %d: %d lines were counted, not %d", try, lines, len(tail))
			}
		}
	}
}

func TestALineWithoutItsEnd(t *testing.T) {
	l, root := newLogFile(t)
	l.write("one\ntw")
	if r, n := openAll(t, root, LogOptions{Tail: 5}); n != 2 || !slices.Equal(readOn(t, r, true), []string{"one", "tw"}) {
		t.Errorf("%d lines", n)
	}
	r, n := openAll(t, root, LogOptions{Tail: 5, Follow: true})
	if got := readOn(t, r, false); n != 1 || !slices.Equal(got, []string{"one"}) {
		t.Errorf("%d lines, %q", n, got)
	}
	r.grow()
	if got := readOn(t, r, false); got != nil {
		t.Errorf("a line that is not whole was shown: %q", got)
	}
	l.write("o\nthree\n")
	if got := readOn(t, r, false); !slices.Equal(got, []string{"two", "three"}) {
		t.Errorf("%q", got)
	}
	l.write("last words")
	if got := readOn(t, r, true); !slices.Equal(got, []string{"last words"}) {
		t.Errorf("%q", got)
	}
}

func TestALineThatIsTooLong(t *testing.T) {
	l, root := newLogFile(t)
	long := strings.Repeat("y", 3*maxLogLine+17)
	l.write("before\n" + long + "\nafter\n")
	for _, n := range []int{-1, 3, 100} {
		r, _ := openAll(t, root, LogOptions{Tail: n})
		if diff := cmp.Diff([]string{"before", long[:maxLogLine], "after"}, readOn(t, r, true)); diff != "" {
			t.Error(diff)
		}
	}
	r, _ := openAll(t, root, LogOptions{Tail: 0, Follow: true})
	r.grow()
	l.write(long)
	if got := readOn(t, r, false); len(got) != 1 || got[0] != long[:maxLogLine] {
		t.Errorf("%d lines", len(got))
	}
	l.write(long + "\nnext\n")
	if got := readOn(t, r, false); !slices.Equal(got, []string{"next"}) {
		t.Errorf("%.100q", got)
	}
	if len(r.buf) > 0 {
		t.Errorf("%d bytes are kept", len(r.buf))
	}
}

// Every line is read once and in order, however often the log is rotated between two looks.
func TestFollowingAcrossRotation(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	l, root := newLogFile(t)
	l.write("line 0\n")
	r, _ := openAll(t, root, LogOptions{Tail: -1, Follow: true})
	got := readOn(t, r, false)
	r.grow()
	var want []string
	for i := range 2000 {
		want = append(want, fmt.Sprintf("line %d", i))
		if i > 0 {
			l.write(want[i] + "\n")
		}
		if random.IntN(4) == 0 && l.rotates < 900 {
			l.rotate()
		}
		if random.IntN(6) == 0 {
			if renew(t, r, root) {
				t.Fatal("lines are said to be lost")
			}
			got = append(got, readOn(t, r, false)...)
		}
	}
	renew(t, r, root)
	got = append(got, readOn(t, r, true)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(r.parts) > 1 {
		t.Errorf("%d files are kept open", len(r.parts))
	}
}

func TestFollowingSaysWhatIsLost(t *testing.T) {
	l, root := newLogFile(t)
	l.write("one\n")
	r, _ := openAll(t, root, LogOptions{Tail: -1, Follow: true})
	readOn(t, r, false)
	r.grow()
	l.write("two\n")
	l.rotate()
	l.write("three\n")
	l.rotate()
	l.write("four\n")
	for i := range l.rotates {
		if err := os.Remove(l.backup(i + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if !renew(t, r, root) {
		t.Error("lost lines are not told")
	}
	if got := readOn(t, r, false); !slices.Equal(got, []string{"two", "four"}) { // the first file is still held
		t.Errorf("%q", got)
	}
	if renew(t, r, root) {
		t.Error("they are told twice")
	}
}

// What is in the folder of logs and is no log is not read.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	l, root := newLogFile(t)
	secret := filepath.Join(l.folder, "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, plant := range []func(path string) error{
		func(path string) error { return os.Symlink("secret", path) },
		func(path string) error { return os.Mkdir(path, 0o700) },
		func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		path := filepath.Join(l.folder, logName(1))
		if err := plant(path); err != nil {
			t.Fatal(err)
		}
		if f, _, err := openLog(root, logName(1)); err == nil {
			f.Close()
			t.Error("it was opened")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAClockThatIsSetBack(t *testing.T) {
	l, root := newLogFile(t)
	stamp := func(hour int) string {
		return fmt.Sprintf("time=2026-01-02T%02d:00:00.000Z level=INFO msg=%d\n", hour, hour)
	}
	l.write(stamp(5) + stamp(3) + "text\n" + stamp(6))
	r, _ := openAll(t, root, LogOptions{Tail: -1})
	var before time.Time
	for _, want := range []int{5, 3, 5, 6} { // a text has the time at which it could be written at the earliest
		line, ok, err := r.next(true)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if line.Time.Hour() != want || line.at.Before(before) {
			t.Errorf("%+v", line)
		}
		before = line.at
	}
}
