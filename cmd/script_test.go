package cmd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// bin is the folder of the real programs, built once for all tests of this package.
var bin string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cmd-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	c := exec.Command("go", "build", "-o", dir, "./gossipctl", "./gossipctl-graph")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// blocks hands out blocks of ports that nobody uses at the moment.
var blocks struct {
	sync.Mutex
	next int
}

const blockSize = 120

func freeBlock(t interface{ Fatal(...any) }) int {
	blocks.Lock()
	defer blocks.Unlock()
	if blocks.next == 0 {
		blocks.next = 20000 + rand.IntN(80)*blockSize
	}
	for range 100 {
		base := blocks.next
		if blocks.next += blockSize; blocks.next > 31000 { // above are the ports the system hands out
			blocks.next = 20000
		}
		free := true
		for port := base; port < base+blockSize && free; port += 7 {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
			if free = err == nil; free {
				l.Close()
			}
		}
		if free {
			return base
		}
	}
	t.Fatal("no free block of ports")
	return 0
}

// environment is what a user of a fresh machine has: both programs on the PATH, an empty home.
func environment(home string, base int) []string {
	return []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + home,
		"XDG_STATE_HOME=" + filepath.Join(home, "state"),
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
		"GOSSIPCTL_BASE_PORT=" + strconv.Itoa(base),
		"BASE=" + strconv.Itoa(base),
		"TZ=UTC", "TERM=dumb",
	}
}

// stopAll ends every network of a state folder and fails when anything is left.
func stopAll(t testing.TB, env []string, home string) {
	networks, _ := os.ReadDir(filepath.Join(home, "state", "gossipctl"))
	for _, n := range networks {
		c := exec.Command(filepath.Join(bin, "gossipctl"), "stop-network", "--network", n.Name())
		c.Env = env
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("stopping %s: %v\n%s", n.Name(), err, out)
		}
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			vars := environment(env.WorkDir, freeBlock(t))
			env.Vars = append(env.Vars, vars...)
			for _, node := range []string{"1", "2", "9"} { // scripts cannot add
				env.Vars = append(env.Vars, "PORT"+node+"="+strings.TrimSuffix(env.Getenv("BASE"), "0")+node)
			}
			env.Defer(func() { stopAll(t, append(os.Environ(), vars...), env.WorkDir) })
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
			"json":  jsonField,
			"bytes": writeBytes,
			"until": until,
		},
	})
}

// exits STATUS COMMAND… runs a command that must end with that status, within a minute.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s\nstdout: %sstderr: %s", got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// until TEXT COMMAND… runs a command again and again until it succeeds and prints the text, for ten seconds.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until TEXT COMMAND…")
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q was not printed: %v\nstdout: %sstderr: %s", args[0], err, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

// json PATH VALUE compares a field of the JSON on stdout: nodes.0.state running. A path that ends
// in len is the length of a list. With !, it must differ.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json PATH VALUE")
	}
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("stdout is no JSON: %v", err)
	}
	for key := range strings.SplitSeq(args[0], ".") {
		switch node := v.(type) {
		case map[string]any:
			found := false
			if v, found = node[key]; !found {
				ts.Fatalf("there is no %q in %s", key, args[0])
			}
		case []any:
			if key == "len" {
				v = len(node)
				continue
			}
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(node) {
				ts.Fatalf("%s: a list of %d has no %q", args[0], len(node), key)
			}
			v = node[i]
		default:
			ts.Fatalf("%s: nothing below %v", args[0], v)
		}
	}
	text, isText := v.(string)
	if !isText {
		data, _ := json.Marshal(v)
		text = string(data)
	}
	if (text == args[1]) == neg {
		ts.Fatalf("%s is %q, want %q (negated: %v)", args[0], text, args[1], neg)
	}
}

// bytes FILE QUOTED writes a file of any bytes, given as a Go string literal.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: bytes FILE QUOTED")
	}
	data, err := strconv.Unquote(args[1])
	ts.Check(err)
	repeat := 1
	if len(args) == 3 {
		repeat, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(data, repeat)), 0o600))
}
