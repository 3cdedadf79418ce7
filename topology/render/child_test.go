package render

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/topology/draw"
)

func TestHangingRendererIsKilled(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	r := fake(t, "echo $$ > "+pidFile+"; exec sleep 60")
	r.Timeout = 500 * time.Millisecond
	began := time.Now()
	_, err := r.draw(t.Context(), "png", spread)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "500ms") {
		t.Errorf("err = %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
}

func TestCancelEndsTheRenderer(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	r := fake(t, "echo > "+started+"; exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		var b bytes.Buffer
		_, err := r.Write(ctx, &b, "svg", chords(16, "random")) // would fall back for any other reason
		ended <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Stat(started); err == nil || time.Now().After(deadline) {
			break
		}
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestRendererThatFails(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		want   string // in the error
	}{
		"complaint":     {"echo gossipctl-graph: out of ink >&2; echo more >&2; exit 1", "out of ink"},
		"escapes":       {`printf '\033[31mred\007\n' >&2; exit 1`, "[31mred"},
		"silent":        {"exit 3", "exit status 3"},
		"killed":        {"kill -9 $$", "killed"},
		"endless":       {"exec cat /dev/zero", "64 MiB"},
		"endless anger": {"head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1", "xxx…"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fake(t, tc.script).draw(t.Context(), "png", spread)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q in it", err, tc.want)
			}
			if err != nil && (len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x1b\x07\n")) {
				t.Errorf("not fit to be shown: %q", err)
			}
		})
	}
}

// A wrong answer is noticed, and a picture drawn all the same.
func TestRendererThatLies(t *testing.T) {
	encode := func(d draw.Drawing) string {
		var b bytes.Buffer
		if err := draw.Encode(&b, d); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for name, answer := range map[string]string{
		"nothing":      "",
		"no document":  "hello",
		"no places":    encode(chords(16, "random")),
		"a spread":     encode(spread),
		"fewer nodes":  encode(chords(12, "random").Placed()),
		"other number": strings.Replace(encode(draw.Picture{Nodes: chords(16, "").Nodes, At: chords(16, "circle").Placed().At}), `"id":7,`, `"id":77,`, 1),
	} {
		file := filepath.Join(t.TempDir(), "answer")
		if err := os.WriteFile(file, []byte(answer), 0o600); err != nil {
			t.Fatal(err)
		}
		r := fake(t, "cat > /dev/null; exec cat "+file)
		if _, err := r.Positions(t.Context(), chords(16, "random")); err == nil {
			t.Errorf("%s: believed", name)
		}
		var b bytes.Buffer
		if result, err := r.Write(t.Context(), &b, "svg", chords(16, "random")); err != nil || result.Note == "" || b.Len() == 0 {
			t.Errorf("%s: %d bytes, note %q, %v", name, b.Len(), result.Note, err)
		}
	}
}

func TestRendererKnowsNothingOfUs(t *testing.T) {
	t.Setenv("GOSSIPCTL_SECRET", "swordfish")
	out, err := fake(t, `env; echo "group $(ps -o pgid= -p $$ 2>/dev/null)"; stat -c %a "$TMPDIR"; echo "$@"`).draw(t.Context(), "png", spread)
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	if strings.Contains(text, "swordfish") || !strings.Contains(text, "TMPDIR="+os.Getenv("XDG_CACHE_HOME")+"/gossipctl\n") {
		t.Errorf("its environment:\n%s", text)
	}
	if !strings.Contains(text, "\n700\n") || !strings.HasSuffix(text, "--to png\n") {
		t.Errorf("its folder and arguments:\n%s", text)
	}
	if own := strconv.Itoa(syscall.Getpgrp()); strings.Contains(text, "group "+own+"\n") {
		t.Errorf("it is in our process group, %s", own)
	}
}

// go-graphviz panics before main when its cache was cut short, say by a full disk.
func TestBrokenCacheIsReplaced(t *testing.T) {
	r := built(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if _, err := r.Positions(t.Context(), chords(16, "random")); err != nil {
		t.Fatal(err)
	}
	cached, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "gossipctl", compiled, "*", "*"))
	if err != nil || len(cached) != 1 {
		t.Fatalf("the cache holds %v, %v", cached, err)
	}
	if err := os.Truncate(cached[0], 1000); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from a cache that is whole again
		if _, err := r.Positions(t.Context(), chords(16, "random")); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(cached[0]); err != nil || info.Size() <= 1000 {
		t.Errorf("the cache was not repaired: %v, %v", info, err)
	}
}

func TestWorkDir(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	own := filepath.Join(cache, "gossipctl")
	dir, release, err := workDir()
	if err != nil || dir != own {
		t.Fatalf("%q, %v, want %q", dir, err, own)
	}
	release()
	only(t, cache, "gossipctl")
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	// A folder that others can write to may hold anything: once, in a new one.
	if err := os.Chmod(own, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	dir, release, err = workDir()
	if err != nil || filepath.Dir(dir) != os.Getenv("TMPDIR") {
		t.Fatalf("%q, %v, want a folder in %q", dir, err, os.Getenv("TMPDIR"))
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	release()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}

	t.Setenv("TMPDIR", filepath.Join(cache, "nowhere"))
	if dir, _, err := workDir(); err == nil {
		t.Errorf("no folder can be had, but there is %q", dir)
	}
	var b bytes.Buffer
	result, err := built(t).Write(t.Context(), &b, "svg", chords(16, "random"))
	if err != nil || !strings.Contains(result.Note, "folder") {
		t.Errorf("note %q, %v", result.Note, err)
	}
}
