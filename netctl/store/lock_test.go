package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLock(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	a, b := openLab(t, root), openLab(t, root)
	release, err := a.Lock()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Dir{a, b} {
		_, err := d.Lock()
		if !errors.Is(err, ErrLocked) || err.Error() != `another command is changing network "lab"` {
			t.Errorf("while it is held: %v", err)
		}
	}
	other, err := Open(root, "other", true)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	releaseOther, err := other.Lock()
	if err != nil {
		t.Errorf("another network: %v", err)
	} else {
		releaseOther()
	}
	release()
	releaseB, err := b.Lock()
	if err != nil {
		t.Fatal(err)
	}
	release() // again, which must not touch the new holder's
	if _, err := a.Lock(); !errors.Is(err, ErrLocked) {
		t.Errorf("after a second release: %v", err)
	}
	releaseB()
	if info, err := os.Lstat(a.file(lockName)); err != nil || info.Mode() != 0o600 {
		t.Errorf("the lock file: %v, %v", info.Mode(), err)
	}
}

// playHold takes the lock, forgets everything about it, and lets the garbage collector clean up.
func playHold(args []string) error {
	if err := lockAndForget(args[0]); err != nil {
		return err
	}
	// What is dropped now is finalized in the same round as what was dropped before, or a later one.
	for range 3 {
		finalized := make(chan struct{})
		runtime.SetFinalizer(new([64]byte), func(*[64]byte) { close(finalized) })
		for cleaning := true; cleaning; {
			runtime.GC()
			select {
			case <-finalized:
				cleaning = false
			default:
			}
		}
	}
	return readyUntilEOF()
}

func lockAndForget(root string) error {
	d, err := Open(root, "lab", false)
	if err != nil {
		return err
	}
	_, err = d.Lock()
	return err
}

func TestLockOutlivesTheGarbageCollector(t *testing.T) {
	d := lab(t)
	_, end := begin(t, "hold", []string{"GOGC=5"}, filepath.Dir(d.Path()))
	if _, err := d.Lock(); !errors.Is(err, ErrLocked) {
		t.Errorf("it was lost: %v", err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestLockOfAKilledCommandIsFree(t *testing.T) {
	d := lab(t)
	p, _ := begin(t, "hold", nil, filepath.Dir(d.Path()))
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lock is free", func() bool {
		release, err := d.Lock()
		if err == nil {
			release()
		}
		return err == nil
	})
}

// The children of a command outlive it; they must not keep its lock.
func TestChildrenDoNotInheritTheLock(t *testing.T) {
	d := lab(t)
	// No release, which would end the lock for everybody: what is to end it is closing.
	fd, err := d.tryLock(d.current())
	if err != nil {
		t.Fatal(err)
	}
	begin(t, "wait", nil)
	if err := syscall.Close(fd); err != nil {
		t.Fatal(err)
	}
	release, err := d.Lock()
	if err != nil {
		t.Fatalf("a child has it: %v", err)
	}
	release()
}

// A child that was forked and has yet to run its program has a copy of every descriptor. The lock
// must end with its release all the same.
func TestReleaseDoesNotWaitForCopies(t *testing.T) {
	d := lab(t)
	fd, err := d.tryLock(d.current())
	if err != nil {
		t.Fatal(err)
	}
	dup, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(dup)
	unlock(fd)
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestRemove(t *testing.T) {
	d := lab(t)
	root := filepath.Dir(d.Path())
	put(t, filepath.Join(root, "victim"), "untouched", 0o600)
	logs, err := d.Subfolder("logs")
	if err != nil {
		t.Fatal(err)
	}
	logs.Close()
	put(t, filepath.Join(d.Path(), "logs", "1.log"), "x", 0o400)
	if err := os.Symlink("../victim", d.file("link")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.NewSecret(); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err == nil {
		t.Fatal("removed without the lock")
	}
	if diff := cmp.Diff([]string{"link", "logs", "secret"}, list(t, d.Path())); diff != "" {
		t.Fatal(diff)
	}
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"victim"}, list(t, root)); diff != "" {
		t.Error(diff)
	}
	next := openLab(t, root)
	if err := d.Remove(); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if got := list(t, next.Path()); len(got) != 0 { // it is still there, at its own path
		t.Errorf("the next folder holds %q", got)
	}
	release()
	if err := d.Remove(); err == nil {
		t.Error("removed after the release")
	}
}

// A command killed in the middle of Remove leaves a hidden folder, which is nobody's network.
func TestRemoveAfterACrash(t *testing.T) {
	d := lab(t)
	root := filepath.Dir(d.Path())
	if err := os.Rename(d.Path(), filepath.Join(root, ".lab")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, ".lab", "left"), "x", 0o600)
	if got, err := Networks(root); err != nil || len(got) != 0 {
		t.Errorf("networks %q, %v", got, err)
	}
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if left := list(t, root); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A command that had the folder open when another removed it locks the new one, or finds none.
func TestLockAfterTheFolderWasRemoved(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	starter, stopper := openLab(t, root), openLab(t, root)
	reader, err := Open(root, "lab", false)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()

	release, err := stopper.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := stopper.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Lock(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a command that makes no folders: %v", err)
	}
	releaseStarter, err := starter.Lock() // though the stopper still has its lock, on nothing
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := WriteState(starter, 1, record{Version: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadState[record](openLab(t, root), 1); err != nil {
		t.Errorf("what was written under the lock is not where the path leads: %v", err)
	}
	if _, err := stopper.Lock(); !errors.Is(err, ErrLocked) {
		t.Errorf("the next: %v", err)
	}
	releaseStarter()
}

// contend takes the lock again and again, and makes sure that it is alone while it has it: a
// witness file outside of the folder, made exclusively, would tell. Every other holder removes the
// folder, so that the next finds it gone, or its lock file, at every moment there is.
func contend(root, witness string, times int) error {
	for done := 0; done < times; {
		d, err := Open(root, "lab", true)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		release, err := d.Lock()
		if errors.Is(err, ErrLocked) {
			d.Close()
			runtime.Gosched()
			continue
		}
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		f, err := os.OpenFile(witness, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("not alone: %w", err)
		}
		f.Close()
		put := filepath.Join(d.Path(), "mine")
		if err := os.WriteFile(put, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return fmt.Errorf("the folder is not where the path leads: %w", err)
		}
		if err := os.Remove(witness); err != nil {
			return err
		}
		if rand.IntN(2) == 0 {
			if err := d.Remove(); err != nil {
				return fmt.Errorf("remove: %w", err)
			}
		}
		release()
		d.Close()
		done++
	}
	return nil
}

func playContend(args []string) error {
	fmt.Println("ready")
	times, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	return contend(args[0], args[1], times)
}

func TestLockIsHeldByOneAtATime(t *testing.T) {
	base := t.TempDir()
	root, witness := filepath.Join(base, "root"), filepath.Join(base, "witness")
	const processes, goroutines, times = 4, 16, 25
	var ends []func() error
	for range processes {
		_, end := begin(t, "contend", nil, root, witness, strconv.Itoa(times))
		ends = append(ends, end)
	}
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			if err := contend(root, witness, times); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, end := range ends {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
}

// Of many that ask at the same moment exactly one gets it.
func TestOneOfTwentyGetsTheLock(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	for range 20 {
		var got atomic.Int32
		var all, asked sync.WaitGroup
		asked.Add(20)
		for range 20 {
			all.Go(func() {
				d, err := Open(root, "lab", true)
				if err != nil {
					t.Error(err)
					asked.Done()
					return
				}
				defer d.Close()
				release, err := d.Lock()
				asked.Done()
				if err == nil {
					got.Add(1)
					asked.Wait() // nobody gets it second
					release()
				} else if !errors.Is(err, ErrLocked) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got.Load() != 1 {
			t.Fatalf("%d of 20 got it", got.Load())
		}
	}
}
