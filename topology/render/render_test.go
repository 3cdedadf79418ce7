package render

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gossipctl/topology/draw"
)

// buildDir holds what the tests build, which TestMain removes; buildEnv is the environment before
// the tests change it, without which go build would start from nothing.
var (
	buildDir string
	buildEnv = os.Environ()
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "render-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buildDir = dir
	// Tests share one cache of their own, so that only the first has to wait for it.
	os.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, program)
	cmd := exec.Command("go", "build", "-o", path, "gossipctl/cmd/gossipctl-graph")
	cmd.Env = buildEnv
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// built is a Renderer with the true program.
func built(t *testing.T) Renderer {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return Renderer{Program: path}
}

// fake is a Renderer with a shell script for a program.
func fake(t *testing.T, script string) Renderer {
	t.Helper()
	path := filepath.Join(t.TempDir(), program)
	if err := os.WriteFile(path, []byte("#!/bin/sh\nPATH=/usr/bin:/bin\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Renderer{Program: path}
}

// chords is a ring of n nodes with a chord from every fourth.
func chords(n int, layout string) draw.Picture {
	p := draw.Picture{Title: "default", Subtitle: "chords", Layout: layout}
	for v := 1; v <= n; v++ {
		p.Nodes = append(p.Nodes, draw.Node{ID: v, State: draw.Running})
		p.Links = append(p.Links, draw.Link{A: v, B: v%n + 1})
		if v%4 == 1 {
			p.Links = append(p.Links, draw.Link{A: v, B: (v+n/2)%n + 1})
		}
	}
	return p
}

var spread = draw.Spread{Title: "1.1.1", Root: 1, Nodes: []draw.SpreadNode{{ID: 2, Parent: 1, Hop: 1, AfterMS: 0.8}}, Missing: []int{3}}

func TestWriteEveryFormat(t *testing.T) {
	r := built(t)
	for format, start := range map[string]string{
		"svg": "<svg ", "png": "\x89PNG\r\n", "dot": "", "json": `{"version":1,`, "txt": "",
	} {
		for _, d := range []draw.Drawing{chords(16, "random"), chords(16, "circle"), spread} {
			var b bytes.Buffer
			result, err := r.Write(t.Context(), &b, format, d)
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if result.Note != "" {
				t.Errorf("%s: %s", format, result.Note)
			}
			if b.Len() < 50 || !strings.HasPrefix(b.String(), start) {
				t.Errorf("%s starts with %.20q", format, b.String())
			}
		}
	}
	if got, want := len(Formats()), 5; got != want {
		t.Errorf("%d formats, tested %d", got, want)
	}
}

func TestLaidOutByTheRenderer(t *testing.T) {
	r := built(t)
	for _, n := range []int{16, 256} { // neato and sfdp
		p := chords(n, "random")
		placed, err := r.Positions(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if len(placed.At) != n || placed.At[0] == p.Stress()[0] {
			t.Fatalf("%d places, the first %v", len(placed.At), placed.At[0])
		}
		again, err := r.Positions(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range placed.At {
			if placed.At[i] != again.At[i] {
				t.Fatalf("node %d of %d is at %v, then at %v", i+1, n, placed.At[i], again.At[i])
			}
		}
		var svg, direct bytes.Buffer
		if _, err := r.Write(t.Context(), &svg, "svg", p); err != nil {
			t.Fatal(err)
		}
		if err := placed.Scene().SVG(&direct); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(svg.Bytes(), direct.Bytes()) {
			t.Errorf("%d nodes: the SVG does not have the renderer's places", n)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	var b bytes.Buffer
	r := Renderer{}
	if _, err := r.Write(t.Context(), &b, "pdf", spread); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "svg, png, dot, json, txt") {
		t.Errorf("pdf: %v", err)
	}
	if _, err := r.Write(t.Context(), &b, "svg", draw.Picture{Nodes: []draw.Node{{ID: 0}}}); err == nil {
		t.Error("node 0 was drawn")
	}
	if b.Len() != 0 {
		t.Errorf("%d bytes were written all the same", b.Len())
	}
}

func TestFormat(t *testing.T) {
	for name, want := range map[string]string{"a.svg": "svg", "/b/c.PNG": "png", "d.gv": "dot", "e.dot": "dot", "f.json": "json", "g.tar.txt": "txt"} {
		if got, err := Format(name); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", "svg", "a.", "a.pdf", ".svgz"} {
		if got, err := Format(name); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

func TestWithoutRenderer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	r := Renderer{}
	if _, err := Find(); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "go install") {
		t.Errorf("Find: %v", err)
	}
	for _, tc := range []struct {
		format string
		d      draw.Drawing
		note   bool
	}{
		{"svg", chords(16, "circle"), false},
		{"svg", spread, false},
		{"dot", chords(16, "random"), false},
		{"txt", spread, false},
		{"txt", chords(65, "random"), false}, // a list, without a drawing
		{"json", chords(16, "grid"), false},
		{"svg", chords(16, "random"), true},
		{"json", chords(16, "random"), true},
		{"txt", chords(16, "random"), true},
	} {
		var b bytes.Buffer
		result, err := r.Write(t.Context(), &b, tc.format, tc.d)
		if err != nil || b.Len() == 0 || (result.Note != "") != tc.note {
			t.Errorf("%s of %T: %d bytes, note %q, %v", tc.format, tc.d, b.Len(), result.Note, err)
		}
	}
	var b bytes.Buffer
	if _, err := r.Write(t.Context(), &b, "png", spread); !errors.Is(err, ErrMissing) {
		t.Errorf("png: %v", err)
	}
}

func TestFind(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside, onPath := filepath.Join(filepath.Dir(self), program), fake(t, "").Program
	t.Setenv("PATH", filepath.Dir(onPath))
	if got, err := Find(); got != onPath || err != nil {
		t.Errorf("on PATH: %q, %v, want %q", got, err, onPath)
	}
	if err := os.WriteFile(beside, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(beside) })
	if got, err := Find(); got != beside || err != nil {
		t.Errorf("beside: %q, %v, want %q", got, err, beside)
	}
	if err := os.Chmod(beside, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(); got != onPath || err != nil {
		t.Errorf("beside, but not executable: %q, %v, want %q", got, err, onPath)
	}
}

func TestFile(t *testing.T) {
	r := built(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "net.png")
	if _, err := r.File(t.Context(), path, chords(16, "random")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() < 600 {
		t.Errorf("no picture: %v", err)
	}
	if _, err := r.File(t.Context(), filepath.Join(dir, "net.pdf"), spread); !errors.Is(err, ErrFormat) {
		t.Errorf("pdf: %v", err)
	}
	if _, err := r.File(t.Context(), filepath.Join(dir, "no", "net.svg"), spread); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	only(t, dir, "net.png")
}

func TestFileKeepsTheOldOneWhenItFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "net.png")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Renderer{
		"crash": fake(t, "printf half; exit 1"),
		"hang":  {Program: fake(t, "exec sleep 60").Program, Timeout: 200 * time.Millisecond},
	} {
		if _, err := r.File(t.Context(), path, chords(16, "circle")); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got, err := os.ReadFile(path); string(got) != "old" || err != nil {
			t.Errorf("%s: the old file is now %q, %v", name, got, err)
		}
	}
	only(t, dir, "net.png")
	if err := os.Mkdir(filepath.Join(dir, "taken.svg"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := (Renderer{}).File(t.Context(), filepath.Join(dir, "taken.svg"), spread); err == nil {
		t.Error("a folder was replaced by a picture")
	}
	only(t, dir, "net.png", "taken.svg")
}

// only checks what is in a folder.
func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, e := range entries {
		got += e.Name() + " "
	}
	if got != strings.Join(want, " ")+" " {
		t.Errorf("the folder holds %s, want %s", got, want)
	}
}
