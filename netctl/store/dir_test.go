package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenMakesFoldersThatAreOursAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0)) // the mode must not depend on it
	base := t.TempDir()
	root := filepath.Join(base, "state", "gossipctl")
	d, err := Open(root, "lab", true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if want := filepath.Join(root, "lab"); d.Path() != want || d.Name() != "lab" {
		t.Errorf("it is %q at %s, want %s", d.Name(), d.Path(), want)
	}
	logs, err := d.Subfolder("logs")
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	for _, path := range []string{filepath.Join(base, "state"), root, d.Path(), filepath.Join(d.Path(), "logs")} {
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	again, err := Open(root, "lab", false)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestOpenWithoutCreateMakesNothing(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "root")
	if _, err := Open(root, "lab", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a root: %v", err)
	}
	if left := list(t, base); len(left) != 0 {
		t.Errorf("it made %q", left)
	}
	openLab(t, root)
	if _, err := Open(root, "other", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with a root: %v", err)
	}
}

// Each case spoils a good folder in one way. Nothing may be created or followed then.
func TestUnsafeFolders(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(root, network, elsewhere string) error
		want  error
		text  string
	}{
		"network is a link": {
			func(_, network, elsewhere string) error {
				return errors.Join(os.Remove(network), os.Symlink(elsewhere, network))
			}, ErrSymlink, "state directory is a symbolic link",
		},
		"network is a link to a neighbour": {
			func(root, network, _ string) error {
				return errors.Join(os.Rename(network, filepath.Join(root, "other")), os.Symlink("other", network))
			}, ErrSymlink, "state directory is a symbolic link",
		},
		"network is a dangling link": {
			func(_, network, elsewhere string) error {
				return errors.Join(os.Remove(network), os.Symlink(filepath.Join(elsewhere, "new"), network))
			}, ErrSymlink, "state directory is a symbolic link",
		},
		"root is a link": {
			func(root, _, elsewhere string) error {
				return errors.Join(os.RemoveAll(root), os.Symlink(elsewhere, root))
			}, ErrSymlink, "state directory is a symbolic link",
		},
		"root is a dangling link": {
			func(root, _, elsewhere string) error {
				return errors.Join(os.RemoveAll(root), os.Symlink(filepath.Join(elsewhere, "new"), root))
			}, ErrSymlink, "state directory is a symbolic link",
		},
		"network is open to all": {
			func(_, network, _ string) error { return os.Chmod(network, 0o777) },
			ErrPermissions, "unsafe permissions 0777 on NETWORK; run chmod 700 NETWORK",
		},
		"network is open to the group": {
			func(_, network, _ string) error { return os.Chmod(network, 0o720) },
			ErrPermissions, "unsafe permissions 0720 on NETWORK; run chmod 700 NETWORK",
		},
		"root is open to the group": {
			func(root, _, _ string) error { return os.Chmod(root, 0o770) },
			ErrPermissions, "unsafe permissions 0770 on ROOT; run chmod 700 ROOT",
		},
		"network is a file": {
			func(_, network, _ string) error {
				return errors.Join(os.Remove(network), os.WriteFile(network, nil, 0o600))
			}, unix.ENOTDIR, "cannot read NETWORK: not a directory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			root, elsewhere := filepath.Join(base, "root"), filepath.Join(base, "elsewhere")
			d := openLab(t, root)
			if err := os.Mkdir(elsewhere, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(root, d.Path(), elsewhere); err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer("NETWORK", d.Path(), "ROOT", root).Replace(c.text)
			for _, create := range []bool{false, true} {
				_, err := Open(root, "lab", create)
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), text) {
					t.Errorf("create %v: %v", create, err)
				}
			}
			if left := list(t, elsewhere); len(left) != 0 {
				t.Errorf("something was made elsewhere: %q", left)
			}
		})
	}
}

// To be listed by others is no harm: they can neither change nor open what is inside.
func TestFolderThatOthersMayList(t *testing.T) {
	d := lab(t)
	if err := os.Chmod(d.Path(), 0o755); err != nil {
		t.Fatal(err)
	}
	again, err := Open(filepath.Dir(d.Path()), "lab", false)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestFolderOfAnotherUser(t *testing.T) {
	root, network := "/", "usr" // root's everywhere
	if os.Geteuid() == 0 {
		d := lab(t)
		if err := os.Chown(d.Path(), 65534, -1); err != nil {
			t.Fatal(err)
		}
		root, network = filepath.Dir(d.Path()), "lab"
	}
	for _, create := range []bool{false, true} {
		_, err := Open(root, network, create)
		if !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("create %v: %v", create, err)
		}
	}
}

func TestUnwritable(t *testing.T) {
	if !inPlace(t, "nobody", nil) {
		return
	}
	if os.Geteuid() == 0 {
		t.Fatal("this is still root, who may write anywhere")
	}
	d := lab(t)
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := os.Chmod(d.Path(), 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(d.Path(), 0o700)

	denied := func(what string, err error, path string) {
		t.Helper()
		want := "cannot write " + path + ": permission denied"
		if !errors.Is(err, fs.ErrPermission) || err.Error() != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	root := filepath.Dir(d.Path())
	_, err = Open(root, "lab", true)
	denied("open to change", err, d.Path())
	denied("write", d.WriteAtomic("state.json", nil, 0o600), d.file("state.json"))
	_, err = d.Subfolder("logs")
	denied("subfolder", err, d.file("logs"))
	reader, err := Open(root, "lab", false)
	if err != nil {
		t.Errorf("reading needs no right to write: %v", err)
	} else {
		reader.Close()
	}
	if err := os.Chmod(root, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(root, 0o700)
	_, err = Open(root, "other", true)
	denied("a new network", err, filepath.Join(root, "other"))
	_, err = Open(filepath.Join(root, "deeper", "root"), "lab", true)
	denied("a new root", err, filepath.Join(root, "deeper", "root"))
}
