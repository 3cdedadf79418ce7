package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gossipctl/journal/smalldisk"
)

func TestFullDisk(t *testing.T) {
	dir, there := smalldisk.Mount(t, 512<<10)
	if !there {
		return
	}
	path, ballast := filepath.Join(dir, "j"), filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	j, _, err := Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	record := func(i int) []byte { return fmt.Append(bytes.Repeat([]byte("x"), 900), i) }
	var want []string
	fill := func() {
		for {
			err := j.Append(record(len(want)))
			if errors.Is(err, ErrFull) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want = append(want, string(record(len(want)))); len(want) > 1000 {
				t.Fatal("the disk is larger than it is")
			}
		}
	}
	fill()
	if kept := len(want) * 900; kept < 350<<10 {
		t.Errorf("full after %d bytes of 400 KiB", kept)
	}
	fill() // as full as before, and no harm done
	if err := j.Sync(); err != nil {
		t.Error(err)
	}
	mark := j.Mark()
	if err := j.Replace(mark, slices.Values([][]byte{make([]byte, 200<<10)})); !errors.Is(err, ErrFull) {
		t.Errorf("compacted without room: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "other"), slices.Values([][]byte{make([]byte, 200<<10)})); !errors.Is(err, ErrFull) {
		t.Errorf("made without room: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	full := len(want)
	fill()
	if len(want) < full+80 {
		t.Errorf("with 100 KiB more room it took %d more records", len(want)-full)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got, found := contents(t, path); !slices.Equal(got, want) || found.Cut != 0 {
		t.Errorf("%d records came back of %d, %+v", len(got), len(want), found)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
