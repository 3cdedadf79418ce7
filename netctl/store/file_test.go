package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestWriteAtomic(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	d := lab(t)
	for _, c := range []struct {
		data string
		perm fs.FileMode
	}{{"one", 0o600}, {"a longer two", 0o644}, {"", 0o400}, {"four", 0o600}} {
		if err := d.WriteAtomic("x.json", []byte(c.data), c.perm); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(d.file("x.json"))
		if err != nil || info.Mode() != c.perm {
			t.Errorf("%q: %v, %v", c.data, info.Mode(), err)
		}
		got, err := d.ReadBounded("x.json", int64(len(c.data)))
		if err != nil || string(got) != c.data {
			t.Errorf("read %q, %v; want %q", got, err, c.data)
		}
	}
	if diff := cmp.Diff([]string{"x.json"}, list(t, d.Path())); diff != "" {
		t.Error(diff)
	}
}

func TestFileNames(t *testing.T) {
	d := lab(t)
	put(t, filepath.Join(d.Path(), "..", "victim"), "untouched", 0o600)
	for _, name := range []string{"", ".", "..", "../victim", "a/b", "/etc/passwd", "./x", "x/", "lock"} {
		if err := d.WriteAtomic(name, []byte("x"), 0o600); err == nil {
			t.Errorf("%q was written", name)
		}
		if name == "lock" {
			continue
		}
		if _, err := d.ReadBounded(name, 100); err == nil {
			t.Errorf("%q was read", name)
		}
		if f, err := d.Subfolder(name); err == nil {
			f.Close()
			t.Errorf("%q was made", name)
		}
	}
	if got := get(t, filepath.Join(d.Path(), "..", "victim")); got != "untouched" {
		t.Errorf("the victim holds %q", got)
	}
	if left := list(t, d.Path()); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestReadBounded(t *testing.T) {
	d := lab(t)
	put(t, d.file("x"), "12345", 0o600)
	if got, err := d.ReadBounded("x", 5); err != nil || string(got) != "12345" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := d.ReadBounded("x", 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := d.ReadBounded("y", 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	if err := os.Mkdir(d.file("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(d.file("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"folder", "pipe"} { // opening a pipe must not wait for a writer
		if _, err := d.ReadBounded(name, 4); !errors.Is(err, errIrregular) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A link planted under a name we write must not lead our writes, or reads, to its victim, whether
// that is outside the folder or inside.
func TestPlantedLinks(t *testing.T) {
	for _, inside := range []bool{false, true} {
		d := lab(t)
		victim, target := filepath.Join(d.Path(), "..", "victim"), "../victim"
		if inside {
			victim, target = d.file("victim"), "victim"
		}
		plant := func(name string) {
			t.Helper()
			put(t, victim, "untouched", 0o600)
			_ = os.Remove(d.file(name))
			if err := os.Symlink(target, d.file(name)); err != nil {
				t.Fatal(err)
			}
		}
		replaced := func(name string, err error) {
			t.Helper()
			info, statErr := os.Lstat(d.file(name))
			if err != nil || statErr != nil || !info.Mode().IsRegular() {
				t.Errorf("%s: %v; now %v, %v", name, err, info, statErr)
			}
			if got := get(t, victim); got != "untouched" {
				t.Errorf("%s: the victim holds %q", name, got)
			}
		}
		refused := func(name string, err error) {
			t.Helper()
			var unsafe *UnsafeError
			if !errors.As(err, &unsafe) || unsafe.Err != ErrSymlink || unsafe.Path != d.file(name) {
				t.Errorf("%s: %v", name, err)
			}
			if got := get(t, victim); got != "untouched" {
				t.Errorf("%s: the victim holds %q", name, got)
			}
		}

		plant("premise")
		if err := os.WriteFile(d.file("premise"), []byte("overwritten"), 0o600); err != nil || get(t, victim) != "overwritten" {
			t.Fatalf("the plain way does no harm, so this test shows nothing: %v", err)
		}
		plant(stateName)
		_, err := ReadState[record](d, 1)
		refused(stateName, err)
		replaced(stateName, WriteState(d, 1, record{Version: 1}))

		plant(secretName)
		_, err = d.Secret()
		refused(secretName, err)
		_, err = d.NewSecret()
		replaced(secretName, err)

		plant(badName)
		put(t, d.file(stateName), "null", 0o600)
		_, err = ReadState[record](d, 1)
		if damaged := (*DamagedError)(nil); !errors.As(err, &damaged) || damaged.Kept != badName {
			t.Errorf("damaged state: %v", err)
		}
		replaced(badName, nil)

		plant(lockName)
		_, err = d.Lock()
		refused(lockName, err)

		plant("logs")
		_, err = d.Subfolder("logs")
		refused("logs", err)
	}
}

func TestSecret(t *testing.T) {
	d := lab(t)
	if _, err := d.Secret(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before there is one: %v", err)
	}
	first, err := d.NewSecret()
	if err != nil || len(first) != SecretSize {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	second, err := d.NewSecret()
	if err != nil || bytes.Equal(first, second) {
		t.Fatalf("the same twice, or %v", err)
	}
	if got, err := d.Secret(); err != nil || !bytes.Equal(got, second) {
		t.Errorf("it reads back otherwise, or %v", err)
	}
	if info, err := os.Lstat(d.file(secretName)); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, perm := range []fs.FileMode{0o640, 0o604, 0o620, 0o666} {
		put(t, d.file(secretName), string(second), perm)
		_, err := d.Secret()
		if !errors.Is(err, ErrPermissions) || !strings.Contains(err.Error(), "run chmod 600 "+d.file(secretName)) {
			t.Errorf("%v: %v", perm, err)
		}
	}
	for _, size := range []int{0, 1, SecretSize - 1, SecretSize + 1, 1 << 20} {
		put(t, d.file(secretName), strings.Repeat("s", size), 0o600)
		if _, err := d.Secret(); err == nil {
			t.Errorf("%d bytes pass for a secret", size)
		} else if strings.Contains(err.Error(), "ss") {
			t.Errorf("the error shows it: %v", err)
		}
	}
	if os.Geteuid() == 0 {
		put(t, d.file(secretName), string(second), 0o600)
		if err := os.Chown(d.file(secretName), 65534, -1); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Secret(); !errors.Is(err, ErrOwner) {
			t.Errorf("another user's: %v", err)
		}
	}
}

// Readers take no lock, so they must never see half a file.
func TestReadersSeeWholeFiles(t *testing.T) {
	d := lab(t)
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 1000*(1+i%26)) }
	if err := d.WriteAtomic("x", content(0), 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for writer := range 2 {
		all.Go(func() {
			for i := range 100 {
				if err := d.WriteAtomic("x", content(i+writer), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for range 1000 {
				got, err := d.ReadBounded("x", 1<<20)
				if err != nil || len(got) == 0 || !bytes.Equal(got, content(int(got[0]-'a'))) {
					t.Errorf("%d bytes, %v", len(got), err)
					return
				}
			}
		})
	}
	all.Wait()
	if diff := cmp.Diff([]string{"x"}, list(t, d.Path())); diff != "" {
		t.Error(diff)
	}
}

// failsToWrite makes sure that a write without room changes nothing and leaves nothing behind.
func failsToWrite(t *testing.T, d *Dir, big []byte, why error) {
	t.Helper()
	if err := d.WriteAtomic(stateName, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		err := d.WriteAtomic(stateName, big, 0o600)
		var access *AccessError
		if !errors.As(err, &access) || !errors.Is(err, why) {
			t.Fatalf("error %v", err)
		}
		if want := "cannot write " + d.file(stateName) + ": " + why.Error(); err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
		if got := get(t, d.file(stateName)); got != "before" {
			t.Errorf("the file holds %d other bytes", len(got))
		}
		if diff := cmp.Diff([]string{stateName}, list(t, d.Path())); diff != "" {
			t.Error(diff)
		}
	}
	if err := d.WriteAtomic(stateName, []byte("after"), 0o600); err != nil {
		t.Errorf("what fits afterwards: %v", err)
	}
}

func TestFileSizeLimit(t *testing.T) {
	if inPlace(t, "small files", nil) {
		failsToWrite(t, lab(t), make([]byte, 64<<10), unix.EFBIG)
	}
}
