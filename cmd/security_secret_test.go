//go:build linux

package cmd_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/netctl"
)

// nobody is a user who owns nothing here.
const nobody = 65534

// as makes a command run as nobody, who shares this machine with us.
func as(uid uint32, c *exec.Cmd) *exec.Cmd {
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return c
}

// sharedFolder is a folder into which every user of the machine may look.
func sharedFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "gossipctl-shared-")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(folder) })
		err = os.Chmod(folder, 0o755)
	}
	if err == nil {
		err = os.Chmod(bin, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// Nothing of a network is open to others, however freely the folders around it may be entered. (Row 47.)
func TestRow47WhatIsOpen(t *testing.T) {
	b := newBoxIn(t, sharedFolder(t))
	defer syscall.Umask(syscall.Umask(0)) // the program takes over none, so that all is its own doing
	v := b.start(3)
	b.must(0, "", "send-message", "1", "banana")
	err := filepath.WalkDir(b.root(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = fs.ModeDir | 0o700
		}
		if info.Mode() != want {
			t.Errorf("%s is %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{v.Controller.PID}
	want := []string{"0100007F:" + fmt.Sprintf("%04X", b.base)}
	for _, n := range v.Nodes {
		pids = append(pids, n.PID)
		want = append(want, "0100007F:"+fmt.Sprintf("%04X", b.base+int(n.ID)))
	}
	if got := listening(t, pids); !slices.Equal(got, want) {
		t.Errorf("the network listens on %v, want %v", got, want)
	}
}

// listening lists where processes listen, and where they take datagrams, as /proc/net writes it.
func listening(t *testing.T, pids []int) (addrs []string) {
	t.Helper()
	sockets := make(map[string]bool)
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil || len(files) == 0 {
			t.Fatalf("%d has no open files, %v", pid, err)
		}
		for _, file := range files {
			to, _ := os.Readlink(file)
			if inode, is := strings.CutPrefix(to, "socket:["); is {
				sockets[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	for table, state := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07", "raw": "07"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			continue // this kernel has none
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == state && sockets[f[9]] {
				addrs = append(addrs, f[1])
			}
		}
	}
	slices.Sort(addrs)
	return addrs
}

// Another user of the machine learns nothing of a network and cannot do anything to it, even one who
// knows all that is written down of it but the secret. (Row 47.)
func TestRow47AnotherUser(t *testing.T) {
	needsRoot(t)
	shared := sharedFolder(t)
	b := newBoxIn(t, shared)
	v := b.start(2)
	b.must(0, "", "send-message", "1", "banana")
	b.must(0, "", "wait-message", "1.1.1")
	secret, control, peer := b.tokens()
	tells := func(what, text string) {
		t.Helper()
		if found := canaries(secret, control, peer).in([]byte(text)); found != "" || strings.Contains(text, "banana") {
			t.Errorf("%s tells %s", what, found)
		}
	}
	// Files, and what /proc has of the processes.
	closed := []string{b.root(), b.folder(), filepath.Join(b.folder(), "logs")}
	for _, name := range []string{"secret", "state.json", "lock", "logs/controller.log", "logs/node-1.log", "logs/node-1.stderr"} {
		closed = append(closed, filepath.Join(b.folder(), name))
	}
	pids := slices.Sorted(maps.Keys(b.processes()))
	for _, pid := range pids {
		for _, name := range []string{"environ", "mem", "maps", "fd/3", "cwd", "exe"} {
			closed = append(closed, fmt.Sprintf("/proc/%d/%s", pid, name))
		}
	}
	for _, path := range closed {
		for _, tool := range [][]string{{"ls", "-d", path + "/."}, {"cat", path}, {"cp", path, "/dev/stdout"}} {
			out, err := as(nobody, exec.Command(tool[0], tool[1:]...)).Output()
			if err == nil || len(out) > 0 {
				t.Errorf("nobody may %v: %q", tool, out)
			}
		}
	}
	for _, pid := range pids {
		out, err := as(nobody, exec.Command("cat", fmt.Sprintf("/proc/%d/cmdline", pid))).Output()
		if err != nil {
			t.Fatal(err)
		}
		tells("the command line", string(out))
	}
	// The program itself, with our state and with a copy of it that lacks the secret alone.
	theirs := b.copyFor(t, shared)
	before := b.view()
	for _, home := range []string{filepath.Join(b.home, "state"), filepath.Join(theirs, "state")} {
		for _, args := range [][]string{
			{"show-network"}, {"list-networks"}, {"get-messages", "2"}, {"send-message", "1", "x"}, {"remove-node", "2"},
			{"connect-nodes", "1", "2"}, {"show-logs"}, {"doctor", "--fix"}, {"start-network"}, {"stop-network"},
		} {
			var out bytes.Buffer
			c := as(nobody, b.command([]string{"HOME=" + theirs, "XDG_STATE_HOME=" + home, "XDG_CONFIG_HOME=" + theirs}, args...))
			c.Stdout, c.Stderr = &out, &out
			err := c.Run()
			tells(fmt.Sprint("to nobody, ", args), out.String())
			if args[0] != "list-networks" && args[0] != "doctor" && args[0] != "show-logs" && err == nil {
				t.Errorf("nobody may %v: %s", args, &out)
			}
		}
	}
	after := b.view()
	for i, n := range before.Nodes {
		if got := after.Nodes[i]; got.PID != n.PID || got.State != netctl.Running || got.Messages != 1 || len(got.Peers) != 1 {
			t.Errorf("the node was %+v and is %+v", n, got)
		}
	}
	if after.Controller.PID != v.Controller.PID {
		t.Errorf("the controller was %d and is %d", v.Controller.PID, after.Controller.PID)
	}
}

// copyFor makes a state folder of nobody's for the network in the box, with another secret.
func (b *box) copyFor(t *testing.T, shared string) (home string) {
	t.Helper()
	home = filepath.Join(shared, "nobody")
	folder := filepath.Join(home, "state", "gossipctl", b.name)
	state, err := os.ReadFile(filepath.Join(b.folder(), "state.json"))
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "state.json"), state, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "secret"), bytes.Repeat([]byte{7}, 32), 0o600)
	}
	if err == nil {
		err = filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, nobody, nobody)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// forms are the ways in which secrets could be written, by name.
type forms map[string][]byte

func canaries(secret []byte, tokens ...string) forms {
	f := make(forms)
	add := func(name string, raw []byte) {
		f[name+", raw"] = raw
		f[name+", hex"] = []byte(hex.EncodeToString(raw))
		f[name+", HEX"] = bytes.ToUpper(f[name+", hex"])
		f[name+", base64"] = []byte(base64.RawStdEncoding.EncodeToString(raw))
		f[name+", base64url"] = []byte(base64.RawURLEncoding.EncodeToString(raw))
		f[name+", quoted"] = []byte(strings.Trim(strconv.QuoteToASCII(string(raw)), `"`))
		f[name+", as numbers"] = []byte(strings.Trim(fmt.Sprint(raw), "[]"))
		list, _ := json.Marshal(slices.Collect(func(yield func(int) bool) {
			for _, b := range raw {
				if !yield(int(b)) {
					return
				}
			}
		}))
		f[name+", as a list"] = bytes.Trim(list, "[]")
	}
	add("secret", secret)
	for i, token := range tokens {
		name := fmt.Sprintf("token %d", i+1)
		raw, _ := hex.DecodeString(token)
		add(name, raw)
		add(name+" as text", []byte(token))
		f[name+", a part of it"] = []byte(token[:24])
		f[name+", another part"] = []byte(token[40:])
	}
	return f
}

// in names the forms that a text holds.
func (f forms) in(text []byte) string {
	var found []string
	for name, form := range f {
		if bytes.Contains(text, form) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return strings.Join(found, "; ")
}

// The secret of a network stands in one file, and no other trace of it, or of what is derived from
// it, is to be found anywhere: not in what processes show of themselves, not in logs at their most
// talkative, not in any output, answer, error or crash. (Row 48.)
func TestRow48TheSecretIsInOnePlace(t *testing.T) {
	b := newBox(t)
	temporary := filepath.Join(b.home, "tmp")
	if err := os.Mkdir(temporary, 0o700); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "TMPDIR="+temporary)
	v := b.start(3, "--log-level", "debug", "--plot")
	secret, control, peer := b.tokens()
	all := canaries(secret, control, peer)
	looked := 0
	look := func(where string, text []byte) {
		t.Helper()
		looked++
		if found := all.in(text); found != "" {
			t.Errorf("%s holds %s", where, found)
		}
	}
	if file, _ := os.ReadFile(filepath.Join(b.folder(), "secret")); all.in(file) == "" || all.in([]byte("Bearer "+control)) == "" {
		t.Fatal("what cannot be found where it is proves nothing where it is not")
	}
	processes := func() {
		paths, _ := filepath.Glob("/proc/[0-9]*/*")
		for _, path := range paths {
			switch filepath.Base(path) {
			case "cmdline", "environ", "comm", "status", "maps":
				text, _ := os.ReadFile(path) // it may have ended, or be nobody's business
				look(path, text)
			}
		}
	}
	b.must(0, "", "send-message", "1", "banana")
	b.must(0, "", "wait-message", "1.1.1")
	processes()

	// Everything commands say, also of what they cannot do.
	say := func(list ...[]string) {
		for _, args := range list {
			for _, format := range []string{"wide", "json", "yaml"} {
				r := b.run(nil, append(args, "-o", format)...)
				look(fmt.Sprintf("stdout of %q", r.args), []byte(r.out))
				look(fmt.Sprintf("stderr of %q", r.args), []byte(r.err))
			}
		}
	}
	say([][]string{
		{"show-network"}, {"list-nodes"}, {"list-networks"}, {"list-peers", "1", "--depth", "2"}, {"plot-network"},
		{"get-messages", "2", "all", "-A", "-ttt"}, {"send-message", "1", "x"}, {"send-message", "1", strings.Repeat("x", 70_000)},
		{"trace-message", "1.1.1"}, {"trace-message", "1.1.99"}, {"wait-message", "1.1.99", "--timeout", "50ms"},
		{"get-messages", "77"}, {"show-logs", "--tail", "-1"}, {"doctor"}, {"connect-nodes", "1", "1"}, {"remove-node", "99"},
		{"add-node", "--peers", "99"}, {"start-network"}, {"version"}, {"show-network", "--banana"},
		{"start-network", "--network", "another", "--base-port", strconv.Itoa(b.base)},
	}...)
	if err := syscall.Kill(v.Nodes[2].PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	say([]string{"get-messages", "3", "--timeout", "50ms"}, []string{"send-message", "3", "x", "--timeout", "50ms"})
	if err := syscall.Kill(v.Nodes[2].PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// Everything processes answer, to those who have a token as well.
	for _, s := range b.servers() {
		debug := []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline", "/debug/vars", "/debug/requests", "/debug", "/secret", "/v1/secret", "/v1/config", "/state.json"}
		for _, path := range slices.Concat(s.reads, s.forWrites, debug) {
			for _, header := range []map[string]string{nil, bearer(control), bearer(peer), bearer("wrong"), bearer(control, "Gossip-Network", "wrong")} {
				status, answer, back := ask(t, s.addr, "GET", path, "", header)
				look(s.name+" at "+path, fmt.Append(nil, answer, back))
				if slices.Contains(debug, path) && status != 401 && status != 404 && status != 403 {
					t.Errorf("%s at %s: %d", s.name, path, status)
				}
			}
		}
	}
	// A crash, with all that Go has to say of it.
	if err := syscall.Kill(v.Nodes[1].PID, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	crash := filepath.Join(b.folder(), "logs", "node-2.stderr")
	if !holds(10*time.Second, func() bool {
		text, _ := os.ReadFile(crash)
		n := b.view().Nodes[1]
		return n.State == netctl.Dead && n.Ended != nil && bytes.Contains(text, []byte("goroutine "))
	}) {
		t.Error("the node has left no account of its crash")
	}
	for _, args := range [][]string{{"show-network"}, {"list-nodes", "-o", "json"}, {"show-logs", "2"}, {"get-messages", "2"}, {"doctor", "-o", "json"}} {
		r := b.run(nil, args...)
		look(fmt.Sprintf("after a crash, %q", args), []byte(r.out+r.err))
	}
	processes()
	// Everything on disk but the one file.
	for path, what := range snapshot(t, b.home) {
		if path != filepath.Join(b.folder(), "secret") {
			look(path, []byte(what))
		}
	}
	// And when it has ended, that is gone as well.
	b.must(0, "", "stop-network")
	for path, what := range snapshot(t, b.home) {
		look("afterwards, "+path, []byte(what))
	}
	if looked < 300 {
		t.Errorf("only %d places were looked at", looked)
	}
}
