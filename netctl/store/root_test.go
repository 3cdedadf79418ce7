package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultRoot(t *testing.T) {
	for _, c := range []struct{ state, home, want string }{
		{state: "/x/state", home: "/home/a", want: "/x/state/gossipctl"},
		{state: "", home: "/home/a", want: "/home/a/.local/state/gossipctl"},
		{state: "not/absolute", home: "/home/a", want: "/home/a/.local/state/gossipctl"},
		{state: "", home: "", want: ""},
	} {
		t.Setenv("XDG_STATE_HOME", c.state)
		t.Setenv("HOME", c.home)
		got, err := DefaultRoot()
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"a", "0", "default", "lab-2", "a-", "a--b", strings.Repeat("a", 32)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "-", "-a", ".", "..", "../x", "a/b", "/", "/etc", "a\\b", "A", "aB", "a_b", "a.b", "a b", " a", "a ", "a\n", "\na",
		"a\x00", "ä", "a\u202e", "\x1b[2J", strings.Repeat("a", 33),
	} {
		var name *NameError
		if err := CheckName(bad); !errors.As(err, &name) || name.Name != bad {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := Open(t.TempDir(), bad, true); !errors.As(err, &name) {
			t.Errorf("Open(%q) = %v", bad, err)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"default", "-a", "..", "a/b", "a\n", strings.Repeat("a", 33)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := CheckName(name)
		if err == nil {
			if !filepath.IsLocal(name) || filepath.Base(name) != name || len(name) > 32 || strings.HasPrefix(name, "-") {
				t.Errorf("%q is let through", name)
			}
			return
		}
		if text := err.Error(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(text) > 512 {
			t.Errorf("the error about %q is not fit to show: %q", name, text)
		}
	})
}

func TestNetworks(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	if got, err := Networks(root); err != nil || len(got) != 0 {
		t.Errorf("without a root: %q, %v", got, err)
	}
	if _, err := os.Lstat(root); err == nil {
		t.Error("asking made the root")
	}
	for _, name := range []string{"lab", "a", "default"} {
		d, err := Open(root, name, true)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	put(t, filepath.Join(root, "file"), "", 0o600)
	for _, err := range []error{
		os.Mkdir(filepath.Join(root, "No-Name"), 0o700),
		os.Symlink("lab", filepath.Join(root, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := Networks(root)
	if diff := cmp.Diff([]string{"a", "default", "lab"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if err := os.Chmod(root, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Networks(root); !errors.Is(err, ErrPermissions) {
		t.Errorf("in a root open to all: %v", err)
	}
}
