package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/goccy/go-graphviz"

	"gossipctl/topology/draw"
)

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

func chain(n int) draw.Spread {
	s := draw.Spread{Title: "1.1.1", Root: 1}
	for v := 2; v <= n; v++ {
		s.Nodes = append(s.Nodes, draw.SpreadNode{ID: v, Parent: v / 2, Hop: 1, AfterMS: float64(v)})
	}
	return s
}

// document is what stdin holds for a drawing.
func document(t *testing.T, d draw.Drawing) string {
	t.Helper()
	var b bytes.Buffer
	if err := draw.Encode(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// call runs the program in this process.
func call(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, complaint bytes.Buffer
	status = run(strings.NewReader(stdin), &out, &complaint, args)
	return status, out.String(), complaint.String()
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"--help", "-h"} {
		status, out, complaint := call("", flag)
		if status != done || out != usage || complaint != "" {
			t.Errorf("%s: status %d, %q, %q", flag, status, out, complaint)
		}
	}
	for _, engine := range engines {
		if !strings.Contains(usage, engine) {
			t.Errorf("the help does not name %s", engine)
		}
	}
}

func TestExitStatus(t *testing.T) {
	good := document(t, chords(16, "circle"))
	for name, tc := range map[string]struct {
		stdin string
		args  []string
		want  int
	}{
		"positions":        {good, []string{"--to", "positions"}, done},
		"one dash":         {good, []string{"-to=svg"}, done},
		"no format":        {good, nil, misused},
		"unknown format":   {good, []string{"--to", "pdf"}, misused},
		"unknown engine":   {good, []string{"--to", "svg", "--layout", "osage"}, misused},
		"unknown flag":     {good, []string{"--to", "svg", "--force"}, misused},
		"argument":         {good, []string{"--to", "svg", "file"}, misused},
		"no document":      {"", []string{"--to", "svg"}, failed},
		"wrong document":   {`{"version":1,"kind":"picture","nodes":[{"id":0}]}`, []string{"--to", "svg"}, failed},
		"too long":         {strings.Repeat(" ", draw.MaxDocument+1), []string{"--to", "svg"}, failed},
		"slow engine":      {document(t, chords(101, "")), []string{"--to", "svg", "--layout", "circo"}, failed},
		"other slow":       {document(t, chords(101, "")), []string{"--to", "svg", "--layout", "fdp"}, failed},
		"slow, but small":  {good, []string{"--to", "svg", "--layout", "circo"}, done},
		"a spread":         {document(t, chain(16)), []string{"--to", "positions"}, done},
		"nothing to place": {document(t, draw.Picture{}), []string{"--to", "png", "--layout", "neato"}, done},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, complaint := call(tc.stdin, tc.args...)
			if status != tc.want {
				t.Errorf("status %d, want %d: %s", status, tc.want, complaint)
			}
			if (status == done) != (complaint == "") || (status == done) != (out != "") {
				t.Errorf("status %d with %d bytes on stdout and %q on stderr", status, len(out), complaint)
			}
			if strings.Count(complaint, "\n") > 1 {
				t.Errorf("the complaint is longer than a line: %s", complaint)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	p := chords(16, "random")
	for _, engine := range append([]string{""}, engines...) {
		args := []string{"--to", "positions"}
		if engine != "" {
			args = append(args, "--layout", engine)
		}
		status, out, complaint := call(document(t, p), args...)
		if status != done {
			t.Fatalf("%s: status %d: %s", engine, status, complaint)
		}
		d, err := draw.Decode(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		at := d.(draw.Picture).At
		if len(at) != 16 {
			t.Fatalf("%s: %d places for 16 nodes", engine, len(at))
		}
		for i, a := range at {
			for j, b := range at[:i] {
				if math.Hypot(a.X-b.X, a.Y-b.Y) < 0.05 {
					t.Errorf("%s: nodes %d and %d are in one place, %v", engine, i+1, j+1, a)
				}
			}
		}
	}
}

func TestNeighboursAreNear(t *testing.T) {
	d, err := draw.Decode(strings.NewReader(document(t, chords(64, "random"))))
	if err != nil {
		t.Fatal(err)
	}
	p := d.(draw.Picture)
	for _, engine := range []string{"neato", "sfdp"} {
		at, err := positions(t.Context(), p, engine)
		if err != nil {
			t.Fatal(err)
		}
		linked, all := 0.0, 0.0
		for _, l := range p.Links {
			linked += math.Hypot(at[l.A-1].X-at[l.B-1].X, at[l.A-1].Y-at[l.B-1].Y) / float64(len(p.Links))
		}
		for i, a := range at {
			for _, b := range at[:i] {
				all += math.Hypot(a.X-b.X, a.Y-b.Y) / (64 * 63 / 2)
			}
		}
		if linked > all/2 {
			t.Errorf("%s: linked nodes are %.2f apart, any two %.2f", engine, linked, all)
		}
	}
}

func TestClosedFormNeedsNoEngine(t *testing.T) {
	p := chords(16, "circle")
	placed, err := place(t.Context(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range p.Placed().At {
		if placed.At[i] != at {
			t.Fatalf("node %d moved from %v to %v", i+1, at, placed.At[i])
		}
	}
}

func TestParsePlainChecksTheAnswer(t *testing.T) {
	p := chords(2, "")
	good := "graph 1 2 2\nnode 1 0.5 1.5 0.1 0.1 1 solid point black black\nnode 2 1 2 x\nedge 1 2 0\nstop\n"
	at, err := parsePlain([]byte(good), p)
	if err != nil || at[0] != (draw.Point{X: 0.5, Y: -1.5}) || at[1] != (draw.Point{X: 1, Y: -2}) {
		t.Fatalf("%v, %v", at, err)
	}
	for _, bad := range []string{"", "node 1 0.5 1.5\n", "node 1 x 1\nnode 2 1 1\n", "node 1 1 1\nnode 3 1 1\n"} {
		if at, err := parsePlain([]byte(bad), p); err == nil {
			t.Errorf("%q was read as %v", bad, at)
		}
	}
}

// What draw writes for people with a Graphviz of their own must be DOT to Graphviz.
func TestGraphvizReadsDOT(t *testing.T) {
	p := chords(16, "random")
	p.Title, p.Subtitle = `"quotes" \N \\ <b>`, "new\nline ✓ }"
	p.Nodes[1].State, p.Nodes[2].State, p.Nodes[3].State, p.Nodes[4].State = draw.Paused, draw.Dead, draw.Removed, draw.Unreachable
	p.Links[0].Ghost = true
	s := chain(16)
	s.Title, s.Missing = p.Title, []int{17, 18}
	for nodes, d := range map[int]draw.Drawing{16: p, 18: s} {
		var b bytes.Buffer
		if err := d.DOT(&b); err != nil {
			t.Fatal(err)
		}
		graph, err := graphviz.ParseBytes(b.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if got, err := graph.NodeNum(); err != nil || got != nodes {
			t.Errorf("Graphviz read %d nodes, %v, want %d", got, err, nodes)
		}
		if got, want := graph.GetStr("label"), fmt.Sprintf("%v", `"quotes"`); !strings.Contains(got, want) {
			t.Errorf("Graphviz read the label %q, want %s in it", got, want)
		}
	}
}
