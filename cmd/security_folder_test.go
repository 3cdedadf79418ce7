//go:build linux

package cmd_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nothingStarted makes sure that a start that was refused has left no process and no port in use.
func (b *box) nothingStarted() {
	b.t.Helper()
	if left := b.processes(); len(left) > 0 {
		b.t.Errorf("processes run: %v", left)
	}
	for port := b.base; port < b.base+3; port++ {
		if status := listensAt(port); status != "" {
			b.t.Errorf("somebody listens at port %d", port)
		}
	}
}

// listensAt is what /proc/net/tcp says of a listener on a port, or nothing.
func listensAt(port int) string {
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			return line
		}
	}
	return ""
}

// everyCommand are commands that look into the folder of a network, and one that makes it.
var everyCommand = [][]string{
	{"start-network", "circular", "-n", "2"}, {"show-network"}, {"send-message", "1", "x"}, {"show-logs"}, {"stop-network"},
}

// A link that somebody has planted where a network keeps its things is never followed: what it leads
// to is neither read nor written nor made. (Row 49.)
func TestRow49PlantedLinks(t *testing.T) {
	const precious = "precious"
	for _, c := range []struct {
		link     string // below the root of all networks, or that root itself
		folder   bool   // leads to a folder
		dangling bool
		says     string // of start-network, which refuses it; empty where it may take its place instead
	}{
		{link: ".", folder: true, says: "state directory is a symbolic link"},
		{link: ".", dangling: true, says: "state directory is a symbolic link"},
		{link: "NETWORK", folder: true, says: "state directory is a symbolic link"},
		{link: "NETWORK", dangling: true, says: "state directory is a symbolic link"},
		{link: "NETWORK/logs", folder: true},
		{link: "NETWORK/logs", dangling: true},
		{link: "NETWORK/state.json", says: "is a symbolic link"},
		{link: "NETWORK/state.json", dangling: true, says: "is a symbolic link"},
		{link: "NETWORK/lock", says: "is a symbolic link"},
		{link: "NETWORK/lock", dangling: true, says: "is a symbolic link"},
		{link: "NETWORK/secret"},
		{link: "NETWORK/secret", dangling: true},
		{link: "NETWORK/state.json.bad"},
		{link: "NETWORK/topology.svg"},
		{link: "NETWORK/logs/controller.log"},
		{link: "NETWORK/logs/controller.log", dangling: true},
		{link: "NETWORK/logs/node-1.log"},
		{link: "NETWORK/logs/node-1.log", dangling: true},
		{link: "NETWORK/logs/node-1.stderr"},
		{link: "NETWORK/logs/node-2.stderr", dangling: true},
	} {
		name := c.link
		if c.dangling {
			name += ", dangling"
		}
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			victims := filepath.Join(home, "victims")
			b := newBoxIn(t, home)
			path := filepath.Join(b.root(), strings.Replace(c.link, "NETWORK", b.name, 1))
			target := filepath.Join(victims, "victim")
			plant := func() error {
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					return err
				}
				if err := os.MkdirAll(victims, 0o700); err != nil {
					return err
				}
				if c.folder {
					if err := os.Mkdir(target, 0o700); err != nil {
						return err
					}
				} else if !c.dangling {
					if err := os.WriteFile(target, []byte(precious), 0o600); err != nil {
						return err
					}
				}
				return os.Symlink(target, path)
			}
			if err := plant(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Remove(path) }) // so that the box can be cleared
			before := snapshot(t, victims)
			for _, args := range append([][]string{{"start-network", "circular", "-n", "2", "--plot"}}, everyCommand[1:]...) {
				r := b.run(nil, args...)
				if c.says != "" && args[0] == "start-network" && (r.code != 1 || !strings.Contains(r.err, c.says)) {
					t.Errorf("want exit 1 and %q: %v", c.says, r)
				}
				if strings.Contains(r.out+r.err, precious) {
					t.Errorf("it shows what the link leads to: %v", r)
				}
				if after := snapshot(t, victims); !maps.Equal(before, after) {
					t.Fatalf("after %v there is %v, before %v", args, after, before)
				}
				if c.says != "" {
					b.nothingStarted()
				}
			}
		})
	}
}

// A secret that is a link is not read: who planted it would know what is derived from it. (Row 49.)
func TestRow49PlantedSecret(t *testing.T) {
	b := newBox(t)
	b.start(2)
	secret := filepath.Join(b.folder(), "secret")
	aside := filepath.Join(b.folder(), "aside")
	if err := os.Rename(secret, aside); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(aside, secret); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"show-network"}, {"get-messages", "1"}, {"send-message", "1", "x"}} {
		if r := b.run(nil, args...); r.code != 1 || !strings.Contains(r.err, "secret is a symbolic link") {
			t.Errorf("%v", r)
		}
	}
	if err := os.Rename(aside, secret); err != nil {
		t.Fatal(err)
	}
	b.must(0, "", "send-message", "1", "x")
}

// A folder in which others could plant something is refused, in a sentence that says what to do, and
// nothing is started or touched. (Row 50.)
func TestRow50UnsafeFolders(t *testing.T) {
	refused := func(b *box, what, says string) {
		t.Helper()
		before := snapshot(t, b.home)
		for _, args := range everyCommand {
			if r := b.run(nil, args...); r.code != 1 || !strings.Contains(r.err, says) {
				t.Errorf("%s: want exit 1 and %q: %v", what, says, r)
			}
		}
		b.nothingStarted()
		if after := snapshot(t, b.home); !maps.Equal(before, after) {
			t.Errorf("%s: there is %v, before %v", what, after, before)
		}
	}
	for _, mode := range []os.FileMode{0o777, 0o770, 0o722, 0o702} {
		b := newBox(t)
		if err := os.MkdirAll(b.folder(), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, folder := range []string{b.root(), b.folder()} {
			if err := os.Chmod(folder, mode); err != nil {
				t.Fatal(err)
			}
			refused(b, fmt.Sprintf("%04o", mode), fmt.Sprintf("unsafe permissions %04o on %s; run chmod 700 %s", mode, folder, folder))
			if err := os.Chmod(folder, 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	// One for logs, of a start that failed, is refused or made anew.
	b := newBox(t)
	logs := filepath.Join(b.folder(), "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(logs, 0o777); err != nil {
		t.Fatal(err)
	}
	r := b.run(nil, everyCommand[0]...)
	if info, err := os.Stat(logs); r.code == 0 && (err != nil || info.Mode().Perm() != 0o700) {
		t.Errorf("logs are in %v, %v: %v", info.Mode(), err, r)
	}
}

// Nor may they belong to somebody else. (Row 50.)
func TestRow50FoldersOfOthers(t *testing.T) {
	needsRoot(t)
	b := newBox(t)
	if err := os.MkdirAll(b.folder(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{b.root(), b.folder()} {
		if err := os.Chown(folder, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, b.home)
		for _, args := range everyCommand {
			if r := b.run(nil, args...); r.code != 1 || !strings.Contains(r.err, folder+" belongs to another user") {
				t.Errorf("%v", r)
			}
		}
		b.nothingStarted()
		if after := snapshot(t, b.home); !maps.Equal(before, after) {
			t.Errorf("there is %v, before %v", after, before)
		}
		if err := os.Chown(folder, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// A secret that others may read is one that they know. (Row 50.)
func TestRow50SecretOthersMayRead(t *testing.T) {
	b := newBox(t)
	b.start(2)
	secret := filepath.Join(b.folder(), "secret")
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o666} {
		if err := os.Chmod(secret, mode); err != nil {
			t.Fatal(err)
		}
		b.must(1, fmt.Sprintf("unsafe permissions %04o on %s; run chmod 600 %s", mode, secret, secret), "send-message", "1", "x")
	}
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}
	b.must(0, "", "send-message", "1", "x")
}
