package proc

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOpenFilesSeesRemovedOnesAndFolders(t *testing.T) {
	folder := t.TempDir()
	file, err := os.Create(filepath.Join(folder, "a log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dir, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := os.Remove(file.Name()); err != nil {
		t.Fatal(err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	paths, ok := OpenFiles(self)
	if !ok {
		t.Fatal("our own files cannot be told")
	}
	for _, want := range []string{file.Name(), folder} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s is open and not among %q", want, paths)
		}
	}
}

func TestOpenFilesOfAnotherLifeOfThePid(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	self.Start++
	if paths, ok := OpenFiles(self); ok {
		t.Errorf("a process with another start time has %q open", paths)
	}
}
