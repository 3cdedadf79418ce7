package netctl

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestKillsAtLogout(t *testing.T) {
	const file, first, second = "logind.conf", "logind.conf.d/10-a.conf", "logind.conf.d/20-b.conf"
	for _, c := range []struct {
		files map[string]string
		want  bool
	}{
		{nil, false},
		{map[string]string{file: "[Login]\n#KillUserProcesses=yes\n"}, false},
		{map[string]string{file: "[Login]\nKillUserProcesses=yes\n"}, true},
		{map[string]string{file: "[Login]\n KillUserProcesses = True"}, true},
		{map[string]string{file: "[Login]\nKillUserProcesses=no\nKillUserProcesses=1\n"}, true},
		{map[string]string{file: "[Login]\nKillUserProcesses=no\nKillExcludeUsers=yes\n"}, false},
		{map[string]string{file: "KillUserProcesses=yes", first: "KillUserProcesses=no"}, false},
		{map[string]string{first: "KillUserProcesses=no", second: "KillUserProcesses=on"}, true},
	} {
		etc := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(etc, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := killsAtLogout(etc); got != c.want {
			t.Errorf("%q: %v", c.files, got)
		}
	}
}

func TestParseArgv(t *testing.T) {
	for _, argv := range [][]string{
		nil, {"gossipctl"}, {"gossipctl", "node"}, {"gossipctl", "controller", "--network"},
		{"gossipctl", "controller", "--network", "../lab"}, {"gossipctl", "controller", "--network", "lab", ""},
		{"gossipctl", "start-network", "--network", "lab"}, {"gossipctl", "controller", "-network", "lab"},
		{"gossipctl", "node", "--network", "lab", "--id"}, {"gossipctl", "node", "--network", "lab", "--id", "0"},
		{"gossipctl", "node", "--network", "lab", "--id", "-1"}, {"gossipctl", "node", "--network", "lab", "--id", "1x"},
		{"gossipctl", "node", "--network", "lab", "--id", "1", "2"}, {"gossipctl", "node", "--network", "", "--id", "1"},
		{"node", "--network", "lab", "--id", "1"},
	} {
		if network, node, ok := parseArgv(argv); ok {
			t.Errorf("%q is node %d of %q", argv, node, network)
		}
	}
	if network, node, ok := parseArgv([]string{"gossipctl", "node", "--network", "lab", "--id", "12"}); network != "lab" || node != 12 || !ok {
		t.Error(network, node, ok)
	}
	if network, node, ok := parseArgv([]string{"x", "controller", "--network", "lab"}); network != "lab" || node != 0 || !ok {
		t.Error(network, node, ok)
	}
}

func TestRealPath(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		folder: folder, filepath.Join(folder, "link"): folder, filepath.Join(folder, "link", "not", "there"): filepath.Join(folder, "not", "there"), "/": "/",
	} {
		if got := realPath(path); got != want {
			t.Errorf("%s is %s", path, got)
		}
	}
}

func TestMakePrivate(t *testing.T) {
	folder := t.TempDir()
	file, link, inner := filepath.Join(folder, "file"), filepath.Join(folder, "link"), filepath.Join(folder, "inner")
	err := errors.Join(os.WriteFile(file, nil, 0o644), os.Mkdir(inner, 0o755), os.Symlink("file", link))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path   string
		folder bool
		want   os.FileMode // of what the path leads to; 0: refused
	}{
		{link, false, 0}, {file, true, 0}, {inner, false, 0}, {filepath.Join(folder, "nothing"), false, 0},
		{file, false, 0o600}, {inner, true, 0o700},
	} {
		before, _ := os.Stat(c.path)
		err := makePrivate(c.path, c.folder)
		after, _ := os.Stat(c.path)
		switch {
		case (err == nil) != (c.want != 0):
			t.Errorf("%s: %v", c.path, err)
		case c.want != 0 && after.Mode().Perm() != c.want:
			t.Errorf("%s has %v now", c.path, after.Mode())
		case c.want == 0 && before != nil && after.Mode() != before.Mode():
			t.Errorf("%s was %v, and was refused, and is %v", c.path, before.Mode(), after.Mode())
		}
	}
}
