package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/node/api"
	"gossipctl/node/live"
)

var secret = bytes.Repeat([]byte{7, 0, 255, 10}, 8)

// program is one process that runs the example.
type program struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	addr  string
	lines <-chan string // of its standard output; closed at its end
}

// start runs the program as node id. It is killed at the end of the test if it has not ended by then.
func start(t *testing.T, ctx context.Context, exe, dir string, id int) *program {
	t.Helper()
	cmd := exec.CommandContext(ctx, exe, "-id", fmt.Sprint(id), "-peers", filepath.Join(dir, "peers"), "-secret", filepath.Join(dir, "secret"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: cmd, stdin: stdin}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	said := bufio.NewReader(stderr)
	first, err := said.ReadString('\n')
	if _, scanned := fmt.Sscanf(first, fmt.Sprintf("node %d listens on %%s", id), &p.addr); scanned != nil {
		t.Fatalf("node %d says %q, %v", id, first, err)
	}
	lines := make(chan string, 100)
	p.lines = lines
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return p
}

// end asks the program to end, by its pid, and reads what is left.
func (p *program) end(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for line := range p.lines {
		t.Errorf("%s is printed once more", line)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("a program ends with %v", err)
	}
}

// hears checks that just these lines come next, in any order.
func (p *program) hears(t *testing.T, ctx context.Context, want ...string) {
	t.Helper()
	var got []string
	for range want {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("it has ended after %q", got)
			}
			got = append(got, line)
		case <-ctx.Done():
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func (p *program) says(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// waitPeers waits until the program knows so many others. It asks as any client would.
func (p *program) waitPeers(t *testing.T, ctx context.Context, want int) {
	t.Helper()
	control, _, err := live.Tokens("chat", secret)
	if err != nil {
		t.Fatal(err)
	}
	shared := api.NewTransport()
	defer shared.CloseIdleConnections()
	client := api.NewClient(shared, "http://"+p.addr, "chat", control, "the program")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := client.Peers(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Peers) == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it knows %v, not %d", answer.Peers, want)
		}
	}
}

func TestThreeProgramsHearEachOther(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	dir := t.TempDir()
	exe := filepath.Join(dir, "embed")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	peers := filepath.Join(dir, "peers")
	if err := os.Mkdir(peers, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	programs := make([]*program, 3)
	for i := range programs {
		programs[i] = start(t, ctx, exe, dir, i+1)
	}
	for _, p := range programs {
		p.waitPeers(t, ctx, 2)
	}
	programs[0].says(t, "banana")
	programs[1].says(t, "pear\x1b[2J")
	programs[2].says(t, "")
	programs[0].hears(t, ctx, `2: "pear\x1b[2J"`, `3: ""`)
	programs[1].hears(t, ctx, `1: "banana"`, `3: ""`)
	programs[2].hears(t, ctx, `1: "banana"`, `2: "pear\x1b[2J"`)

	// One goes and comes back: at another port, and heard again.
	programs[2].end(t)
	for _, p := range programs[:2] {
		p.waitPeers(t, ctx, 1)
	}
	programs[2] = start(t, ctx, exe, dir, 3)
	for _, p := range programs {
		p.waitPeers(t, ctx, 2)
	}
	programs[2].says(t, "here again")
	for _, p := range programs[:2] {
		p.hears(t, ctx, `3: "here again"`)
	}

	for _, p := range programs {
		p.end(t)
	}
	if left, err := os.ReadDir(peers); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What the program cannot do without it asks for, and leaves with a status of its own.
func TestItSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, err := range map[string]error{
		"no such file":       chat(1, folder(dir), filepath.Join(dir, "secret")),
		"secret has 5 bytes": chat(1, folder(dir), short),
		"ID must be 1":       chat(0, folder(dir), short),
	} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}
