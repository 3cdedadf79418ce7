package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// contents opens a journal, closes it again, and returns what it held.
func contents(t testing.TB, path string) ([]string, Recovered) {
	t.Helper()
	var list []string
	j, found, err := Open(path, func(r []byte) error { list = append(list, string(r)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return list, found
}

func nothing([]byte) error { return nil }

// made is a journal file that was closed with the given records in it, and its bytes.
func made(t testing.TB, records ...string) (path string, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "j")
	j, _, err := Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := j.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, data
}

func some(n int) []string {
	rng := rand.New(rand.NewPCG(1, 1))
	list := make([]string, n)
	for i := range list {
		b := make([]byte, 1+rng.IntN(40))
		for k := range b {
			b[k] = byte(rng.Uint32())
		}
		list[i] = string(b)
	}
	return list
}

func TestRecordsComeBackInOrder(t *testing.T) {
	want := append(some(20), string(bytes.Repeat([]byte("x"), MaxRecord)), string(make([]byte, 3*chunk)), "last")
	path, data := made(t, want...)
	got, found := contents(t, path)
	if !slices.Equal(got, want) {
		t.Fatalf("%d records came back, %d were appended", len(got), len(want))
	}
	if found.Records != len(want) || found.Cut != 0 || found.Bytes+headerSize != int64(len(data)) {
		t.Errorf("found %+v in a file of %d bytes", found, len(data))
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
}

// A process that was killed leaves the space it had taken, and every record that Append had returned for.
func TestKilledWithoutClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _, err := Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := j.Append(fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	j.f.Close() // and nothing else
	got, found := contents(t, path)
	if want := []string{"0", "1", "2", "3", "4"}; !slices.Equal(got, want) || found.Cut != 0 {
		t.Errorf("%q, %+v", got, found)
	}
}

// check opens a file whose bytes are data and wants exactly the given records, and again after one more
// was appended.
func check(t *testing.T, what string, path string, data []byte, want []string) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	j, found, err := Open(path, func(r []byte) error { got = append(got, string(r)); return nil })
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !slices.Equal(got, want) || found.Records != len(want) {
		t.Fatalf("%s: %d records, want %d (%+v)", what, len(got), len(want), found)
	}
	if left := int64(len(data)) - headerSize - found.Bytes; found.Cut > max(left, 0) && len(data) >= headerSize {
		t.Fatalf("%s: cut %d of %d bytes", what, found.Cut, left)
	}
	if err := j.Append([]byte("more")); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, found := contents(t, path)
	if !slices.Equal(again, append(slices.Clone(want), "more")) || found.Cut != 0 {
		t.Fatalf("%s: then %q, %+v", what, again, found)
	}
}

// ends are the offsets at which the records of a file end; the first is that of its header.
func ends(records []string) []int {
	list := []int{headerSize}
	for _, r := range records {
		list = append(list, list[len(list)-1]+Overhead+len(r))
	}
	return list
}

// whole is how many records end at or before an offset.
func whole(records []string, at int) int {
	n := 0
	for _, end := range ends(records)[1:] {
		if end <= at {
			n++
		}
	}
	return n
}

func TestTornAtEveryByte(t *testing.T) {
	records := some(6)
	path, data := made(t, records...)
	for at := range len(data) + 1 {
		check(t, fmt.Sprintf("cut off at %d", at), path, data[:at], records[:whole(records, at)])
		if at > headerSize { // the same, where space had been taken beforehand
			padded := append(slices.Clone(data[:at]), make([]byte, 100)...)
			check(t, fmt.Sprintf("zeros from %d", at), path, padded, records[:whole(records, at)])
		}
	}
	if kept, _ := filepath.Glob(path + ".*"); len(kept) > 0 {
		t.Errorf("of a record that was never whole there is %q", kept)
	}
}

func TestEveryByteFlipped(t *testing.T) {
	records := some(6)
	path, data := made(t, records...)
	for at := range data {
		for _, with := range []byte{1, 0x80, 0xff} {
			bad := slices.Clone(data)
			bad[at] ^= with
			if at < headerSize {
				if err := os.WriteFile(path, bad, 0o600); err != nil {
					t.Fatal(err)
				}
				if _, _, err := Open(path, nothing); !errors.Is(err, ErrFormat) {
					t.Fatalf("a header with byte %d changed: %v", at, err)
				}
				if left, _ := os.ReadFile(path); !bytes.Equal(left, bad) {
					t.Fatalf("a header with byte %d changed: the file was touched", at)
				}
				continue
			}
			check(t, fmt.Sprintf("byte %d changed by %#x", at, with), path, bad, records[:whole(records, at)])
			n := whole(records, at)
			kept, err := os.ReadFile(path + ".bad")
			if n < len(records)-1 && (err != nil || !bytes.Equal(kept, bytes.TrimRight(bad[ends(records)[n]:], "\x00"))) {
				t.Fatalf("byte %d changed by %#x: whole records followed it, and what was cut off is not beside: %v", at, with, err)
			}
			if err == nil {
				if err := os.Remove(path + ".bad"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// What was cut off before is not written over, and where it cannot be kept nothing is cut off.
func TestWhatIsCutOffIsKept(t *testing.T) {
	path, data := made(t, "one", "two", "three")
	bad := slices.Clone(data)
	bad[headerSize+Overhead] ^= 1
	for i := 1; i <= maxCuts+1; i++ {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		j, found, err := Open(path, nothing)
		if i > maxCuts {
			if left, _ := os.ReadFile(path); err == nil || !bytes.Equal(left, bad) {
				t.Errorf("too many of them: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		if kept, err := os.ReadFile(found.Kept); !found.Damaged || err != nil || !bytes.Equal(kept, bad[headerSize:]) {
			t.Fatalf("time %d: %+v, %v", i, found, err)
		}
	}
}

func TestWhatIsNoJournalIsLeftAlone(t *testing.T) {
	newer := header()
	newer[11] = 9
	for name, data := range map[string]string{
		"text": "a file of somebody's, longer than a header", "short": "text", "newer": string(newer),
		"zeros before something": string(make([]byte, 100)) + "x",
	} {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(path, nothing); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadFile(path); string(left) != data {
			t.Errorf("%s: the file was touched", name)
		}
	}
}

func TestOpeningSafely(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(link, nothing); err == nil {
		t.Error("a link was followed")
	}
	if data, _ := os.ReadFile(target); len(data) > 0 {
		t.Error("the target of a link was written to")
	}
	if _, _, err := Open(dir, nothing); err == nil {
		t.Error("a folder was opened")
	}
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(open, nothing); err == nil {
		t.Error("a file that others may read was opened")
	}
	path, _ := made(t, "x")
	j, _, err := Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(path, nothing); !errors.Is(err, ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Close()); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if err := j.Append([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("appended to a closed one: %v", err)
	}
	stop := errors.New("stop")
	if _, _, err := Open(path, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the reader's error is lost: %v", err)
	}
	for _, size := range []int{0, MaxRecord + 1} {
		j, _, err := Open(path, nothing)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(make([]byte, size)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a record of %d bytes: %v", size, err)
		}
		j.Close()
	}
}

func TestABoundedJournalRefusesAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _, err := Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	j.max = headerSize + 3*(Overhead+10)
	if err := j.Reserve(3*(Overhead+10) + 1); !errors.Is(err, ErrFull) {
		t.Errorf("promised more than there is: %v", err)
	}
	if err := j.Reserve(3 * (Overhead + 10)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := j.Append([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Append([]byte("x")); !errors.Is(err, ErrFull) {
		t.Errorf("appended past the bound: %v", err)
	}
	j.max = MaxSize
	if err := j.Append([]byte("x")); err != nil {
		t.Errorf("unusable after it was full: %v", err)
	}
	j.Close()
	if got, _ := contents(t, path); len(got) != 4 {
		t.Errorf("%d records", len(got))
	}
}

// Many append and wait at once: each finds its record on disk, and the disk is asked less often.
func TestGroupCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _, err := Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 32, 20
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := j.Append(fmt.Append(nil, w, " ", i)); err != nil {
					t.Error(err)
				}
				before := j.Size() // at least this much must be on disk then
				if err := j.Sync(); err != nil {
					t.Error(err)
				}
				j.mu.Lock()
				if on := j.synced + headerSize; on < before {
					t.Errorf("%d bytes on disk, want %d", on, before)
				}
				j.mu.Unlock()
			}
		})
	}
	group.Wait()
	if syncs := j.Syncs(); syncs > writers*each {
		t.Errorf("%d syncs for %d waits", syncs, writers*each)
	} else {
		t.Logf("%d syncs for %d waits", syncs, writers*each)
	}
	before := j.Syncs()
	if err := j.Sync(); err != nil || j.Syncs() != before {
		t.Errorf("with nothing new the disk was asked: %v", err)
	}
	j.Close()
	got, _ := contents(t, path)
	if len(got) != writers*each {
		t.Errorf("%d records", len(got))
	}
}

// A journal is replaced while others append and sync: nothing is lost, nothing comes twice.
func TestReplaceWhileAppending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _, err := Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // as an agent's lock
	var kept []string
	add := func(r string) {
		mu.Lock()
		defer mu.Unlock()
		if err := j.Append([]byte(r)); err != nil {
			t.Error(err)
		}
		kept = append(kept, r)
	}
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 200 {
				add(fmt.Sprint(w, " ", i))
				if err := j.Sync(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		mu.Lock()
		kept = kept[len(kept)/2:] // the older half made room
		snapshot, mark := slices.Clone(kept), j.Mark()
		mu.Unlock()
		err := j.Replace(mark, func(yield func([]byte) bool) {
			for _, r := range snapshot {
				if !yield([]byte(r)) {
					return
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := contents(t, path); !slices.Equal(got, kept) {
		t.Errorf("%d records came back, %d were kept", len(got), len(kept))
	}
	if _, err := os.Lstat(beside(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was left behind: %v", err)
	}
}

func TestCreateReplacesWhatWasThere(t *testing.T) {
	path, _ := made(t, "old")
	if err := os.WriteFile(beside(path), []byte("of a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := func(yield func([]byte) bool) { _ = yield([]byte("new")) && yield(nil) }
	if _, err := Create(path, bad); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an empty record: %v", err)
	}
	if got, _ := contents(t, path); !slices.Equal(got, []string{"old"}) {
		t.Errorf("a failure left %q", got)
	}
	j, err := Create(path, func(yield func([]byte) bool) { _ = yield([]byte("new")) && yield([]byte("er")) })
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append([]byte("est")); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if got, _ := contents(t, path); !slices.Equal(got, []string{"new", "er", "est"}) {
		t.Errorf("%q", got)
	}
}

// Whatever a file holds, reading it neither panics nor takes much memory, and what it gives back are the
// bytes that are there. A record behind them comes back as well. In memory, because a disk would let it
// try two files a second.
func FuzzRead(f *testing.F) {
	_, data := made(f, some(4)...)
	f.Add(data)
	f.Add(data[:len(data)-3])
	f.Add(append(slices.Clone(data), make([]byte, 40)...))
	f.Add(header())
	f.Add([]byte(nil))
	f.Add(append(header(), 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5))
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(data []byte) (list []string, found Recovered, err error) {
			found, err = Read(bytes.NewReader(data), int64(len(data)), func(r []byte) error { list = append(list, string(r)); return nil })
			return list, found, err
		}
		first, found, err := read(data)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		again := header()
		for _, r := range first {
			again = appendRecord(again, []byte(r))
		}
		if found.Records != len(first) || found.Bytes != int64(len(again)-headerSize) || found.Records > 0 && !bytes.HasPrefix(data, again) {
			t.Fatalf("%+v, which are %d bytes of %d", found, len(again), len(data))
		}
		if found.Cut < 0 || found.Records > 0 && found.Cut > int64(len(data)-len(again)) {
			t.Fatalf("%d bytes cut of %d behind the last record", found.Cut, len(data)-len(again))
		}
		list, found, err := read(appendRecord(again, []byte("more")))
		if err != nil || !slices.Equal(list, append(first, "more")) || found.Cut != 0 {
			t.Fatalf("then %q, %+v, %v", list, found, err)
		}
	})
}
