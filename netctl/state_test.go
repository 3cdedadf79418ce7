//go:build linux

package netctl_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gossipctl/netctl"
)

// A state file that cannot be read says nothing of whether the network runs. Here it does.
func TestRow32DamagedState(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(6)
	good, err := os.ReadFile(l.stateFile())
	if err != nil {
		t.Fatal(err)
	}
	// The end of the test needs it again.
	defer os.WriteFile(l.stateFile(), good, 0o600)
	const damaged, newer = "is damaged", "was written by a newer gossipctl"
	for name, c := range map[string]struct{ text, says string }{
		"empty":       {"", damaged},
		"blank":       {" \n", damaged},
		"null":        {"null\n", damaged},
		"an array":    {"[]", damaged},
		"no fields":   {"{}", damaged},
		"only zeroes": {strings.Repeat("\x00", len(good)), damaged},
		"cut short":   {string(good[:len(good)/2]), damaged},
		"cut by one":  {strings.TrimRight(string(good), "}\n"), damaged},
		"text behind": {string(good) + "{}", damaged},
		"wrong type":  {strings.Replace(string(good), `"pid": `, `"pid": -`, 1), damaged},
		"new field":   {strings.Replace(string(good), `"network_id"`, `"surprise": 1, "network_id"`, 1), damaged},
		"newer":       {strings.Replace(string(good), `"version": 2`, `"version": 99`, 1), newer},
	} {
		if err := os.WriteFile(l.stateFile(), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Remove(l.stateFile() + ".bad")
		for _, args := range [][]string{
			{"show-network"}, {"send-message", "1", "hello"}, {"remove-node", "2"}, {"stop-network"}, l.startArgs(6),
		} {
			r := l.run(args...)
			if r.code != 1 || !strings.Contains(r.err, c.says) || !strings.Contains(r.err, l.stateFile()) || strings.Contains(r.err, "not running") {
				t.Errorf("%s: %v", name, r)
			}
			if c.says == damaged && !strings.Contains(r.err, "kept as state.json.bad; run gossipctl doctor") {
				t.Errorf("%s: %v", name, r)
			}
		}
		if r := l.must(0, nil, "list-networks"); !strings.Contains(r.out, l.name) || !strings.Contains(r.out, "damaged") {
			t.Errorf("%s: %v", name, r)
		}
		if now, err := os.ReadFile(l.stateFile()); err != nil || string(now) != c.text {
			t.Errorf("%s: the file was touched: %v", name, err)
		}
		if kept, err := os.ReadFile(l.stateFile() + ".bad"); c.says == damaged && (err != nil || string(kept) != c.text) {
			t.Errorf("%s: it was not kept: %v", name, err)
		}
		if n := len(l.processes()); n != 7 {
			t.Fatalf("%s: %d processes are left", name, n)
		}
	}
	if err := os.WriteFile(l.stateFile(), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := l.view(); v.Count(netctl.Running) != 6 {
		t.Error(v)
	}
}

// The secret is made anew at every start, and nowhere to be seen but in its file.
func TestSecretStaysSecret(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var secrets [][]byte
	for range 2 {
		l.start(4)
		secret, err := os.ReadFile(filepath.Join(l.folder(), "secret"))
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
		for _, p := range l.processes() {
			for _, file := range []string{"cmdline", "environ"} {
				text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), file))
				if err != nil || bytes.Contains(text, secret) || bytes.Contains(bytes.ToLower(text), []byte("token")) {
					t.Errorf("%s of %v: %q, %v", file, p.argv, text, err)
				}
			}
		}
		l.must(0, nil, "stop-network")
	}
	if bytes.Equal(secrets[0], secrets[1]) {
		t.Error("two starts have one secret")
	}
}
