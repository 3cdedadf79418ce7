package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestSetAside(t *testing.T) {
	d, err := Open(filepath.Join(t.TempDir(), "root"), "lab", true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for name, text := range map[string]string{stateName: "now", badName: "before"} {
		if err := d.WriteAtomic(name, []byte(text), fileMode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.SetAside(); err == nil {
		t.Fatal("a state file was set aside without the lock")
	}
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	name, err := d.SetAside()
	if err != nil || name != badName {
		t.Fatalf("%q, %v", name, err)
	}
	if data, err := os.ReadFile(filepath.Join(d.Path(), badName)); err != nil || string(data) != "now" {
		t.Errorf("the copy holds %q, %v", data, err)
	}
	if _, err := os.Lstat(filepath.Join(d.Path(), stateName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the state file is still there: %v", err)
	}
	var access *AccessError
	if _, err := d.SetAside(); !errors.As(err, &access) {
		t.Errorf("setting aside nothing: %v", err)
	}
}
