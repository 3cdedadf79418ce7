package gossipctl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestArchitectureCatches plants each fault the rules know of, and asks for exactly that finding. A rule that stopped
// working would leave TestArchitecture green for ever.
func TestArchitectureCatches(t *testing.T) {
	const gg = "github.com/fogleman/gg"
	links := map[string][]string{
		"gossipctl/node/api":             {"gossipctl/node", "gossipctl/node/live"},
		"github.com/goccy/go-graphviz/x": {"github.com/goccy/go-graphviz"},
	}

	tests := []struct {
		name string
		file string // where it is planted; planted.go when empty
		pkg  string
		src  string   // from line 3 on: line 1 and 2 are the package comment and clause, unless src has its own
		want []string // line: a part of the sentence
	}{
		{name: "import upwards", pkg: "gossip", src: `import _ "gossipctl/node"`, want: []string{"3: gossip may not import node"}},
		{name: "import sideways", pkg: "trace", src: `import _ "gossipctl/fault"`, want: []string{"3: trace may not import fault"}},
		{name: "protocol sees node", pkg: "protocol", src: `import _ "gossipctl/node"`, want: []string{"3: protocol may not import node"}},
		{name: "product carries bench", pkg: "cmd", src: `import _ "gossipctl/bench/load"`, want: []string{"3: cmd may not import bench/load"}},
		{name: "bench opens the product", pkg: "bench/load", src: `import _ "gossipctl/netctl"`, want: []string{"3: bench/load may not import netctl"}},
		{name: "main knows more than cmd", pkg: "cmd/gossipctl", src: "import _ \"gossipctl/netctl\"\nfunc main() { panic(0) }",
			want: []string{"3: cmd/gossipctl may not import netctl"}},
		{name: "controller links the driver", pkg: "netctl", src: `import _ "gossipctl/node/live"`,
			want: []string{"3: netctl may not import node/live", "3: netctl may not link gossipctl/node/live"}},
		{name: "controller links the driver by another", pkg: "netctl", src: `import _ "gossipctl/node/api"`,
			want: []string{"3: netctl may not link gossipctl/node/live, which gossipctl/node/api brings in"}},
		{name: "import of a floor below", pkg: "node", src: `import ("gossipctl/trace"; "gossipctl/gossip")`},
		{name: "a test may look up", pkg: "gossip", file: "planted_test.go", src: `import _ "gossipctl/sim"`},

		{name: "drawing library", pkg: "topology/render", src: `import _ "` + gg + `"`, want: []string{"3: topology/render may not link " + gg}},
		{name: "drawing library by another", pkg: "cmd", src: `import _ "github.com/goccy/go-graphviz/x"`,
			want: []string{"3: cmd may not link github.com/goccy/go-graphviz, which"}},
		{name: "the renderer may draw", pkg: "cmd/gossipctl-graph", src: `import _ "` + gg + `"`},

		{name: "goroutine", pkg: "node", src: "func f() {\n\tgo func() {}()\n}", want: []string{"4: node is pure, but starts a goroutine"}},
		{name: "channel", pkg: "sim", src: "type t struct {\n\tc chan int\n}", want: []string{"4: sim is pure, but has a channel"}},
		{name: "channel used", pkg: "trace", src: "func f(c <-chan int) {\nselect {\ncase <-c:\n}\n}",
			want: []string{"3: trace is pure, but has a channel", "4: trace is pure, but waits in a select", "5: trace is pure, but receives"}},
		{name: "channel sent on", pkg: "fault", src: "func f(c chan<- int) {\nc <- 1\n}",
			want: []string{"3: fault is pure, but has a channel", "4: fault is pure, but sends on a channel"}},
		{name: "real time", pkg: "protocol", src: "import \"time\"\nvar t = time.Now()", want: []string{"4: protocol is pure, but uses time.Now"}},
		{name: "real time by another name", pkg: "gossip", src: "import tm \"time\"\nvar after = tm.AfterFunc",
			want: []string{"4: gossip is pure, but uses time.AfterFunc"}},
		{name: "real time without a name", pkg: "gossip", src: "import . \"time\"\nvar t = Now()", want: []string{"3: dot import of time"}},
		{name: "time that only calculates", pkg: "gossip", src: "import \"time\"\nvar d = time.Second\nfunc f(t time.Time) int64 { return t.Add(d).Unix() }"},
		{name: "global chance", pkg: "topology", src: "import \"math/rand/v2\"\nvar n = rand.IntN(3)", want: []string{"4: topology is pure, but uses the global rand.IntN"}},
		{name: "global chance, old package", pkg: "topology/draw", src: "import \"math/rand\"\nvar n = rand.Perm(3)",
			want: []string{"4: topology/draw is pure, but uses the global rand.Perm"}},
		{name: "seeded chance", pkg: "topology", src: "import \"math/rand/v2\"\nvar r *rand.Rand = rand.New(rand.NewPCG(1, 2))\nvar n = r.IntN(3)"},
		{name: "library that may do anything", pkg: "topology", src: `import _ "golang.org/x/sync/errgroup"`,
			want: []string{"3: topology is pure, but imports golang.org/x/sync/errgroup, which pureLibraries does not name"}},
		{name: "library that calculates", pkg: "topology", src: `import _ "gonum.org/v1/gonum/stat"`},
		{name: "wires, threads and clocks above", pkg: "netctl", src: "import (\"net\"; \"sync\"; \"time\")\nvar t = time.Now()\nfunc f(c chan int) { go f(c); <-c }"},

		{name: "exit below main", pkg: "netctl", src: "import \"os\"\nfunc f() { os.Exit(1) }", want: []string{"4: os.Exit outside package main"}},
		{name: "fatal below main", pkg: "cmd", src: "import \"log\"\nfunc f() {\nlog.Fatalf(\"\")\n}", want: []string{"5: log.Fatalf outside package main"}},
		{name: "exit in main", pkg: "cmd/gossipctl", src: "// Command gossipctl is planted.\npackage main\nimport \"os\"\nfunc main() { os.Exit(1) }"},
		{name: "second statement in main", pkg: "cmd/gossipctl", src: "// Command gossipctl is planted.\npackage main\nfunc main() { f(); f() }\nvar v = 1",
			want: []string{"3: cmd/gossipctl holds main with one statement", "4: cmd/gossipctl holds main with one statement"}},

		{name: "sleep in a test", pkg: "node", file: "planted_test.go", src: "import tm \"time\"\nfunc f() { tm.Sleep(1) }", want: []string{"4: a test sleeps"}},
		{name: "sleep in a bubble", pkg: "node", file: "planted_test.go",
			src: "import (tm \"time\"; \"testing/synctest\")\nvar _ = synctest.Test(nil, g)\nfunc f() { synctest.Test(nil, func() { tm.Sleep(1) }) }\nfunc g() { tm.Sleep(1) }"},

		{name: "work put off", pkg: "node", src: "// TO" + "DO: later\nvar n int", want: []string{"3: TO" + "DO: do it, or take it out"}},
		{name: "a file too long", pkg: "node", src: strings.Repeat("\n", 500) + "var n int", want: []string{"2: the file has 503 lines, at most 500"}},
		{name: "a long test", pkg: "node", file: "planted_test.go", src: strings.Repeat("\n", 500) + "var n int"},
		{name: "no package comment", pkg: "node", src: "package node", want: []string{`1: no file of node has a package comment`}},
		{name: "another package's comment", pkg: "node", src: "// Package nodes is planted.\npackage node", want: []string{`2: no file of node has a package comment`}},
		{name: "unknown package", pkg: "metrics", src: "", want: []string{"2: package metrics has no row in floors: add one"}},
		{name: "package for anything", pkg: "node/utils", src: "",
			want: []string{"2: package node/utils has no row in floors", "2: package node/utils: call it by what it does"}},
	}
	for _, pkg := range []string{"net", "net/http", "os", "os/exec", "sync", "sync/atomic", "log", "log/slog", "context", "io/ioutil", "unsafe"} {
		tests = append(tests, struct {
			name, file, pkg, src string
			want                 []string
		}{name: "import " + pkg, pkg: "gossip", src: "import _ \"" + pkg + `"`, want: []string{"3: gossip is pure, but imports " + pkg}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := tt.file
			if file == "" {
				file = "planted.go"
			}
			src := tt.src
			if !strings.Contains(src, "package ") {
				name := tt.pkg[strings.LastIndex(tt.pkg, "/")+1:]
				if strings.HasPrefix(tt.pkg, "cmd/gossipctl") {
					name = "main"
				}
				src = "// Package " + name + " is planted.\npackage " + name + "\n" + src
			}
			planted := tree{module: "gossipctl", sources: []source{parse(t, tt.pkg, file, src)}, links: links}

			got := planted.check()
			if len(got) != len(tt.want) {
				t.Fatalf("findings differ (-want +got):\n%s", cmp.Diff(tt.want, got))
			}
			for i, finding := range got {
				if want := tt.pkg + "/" + file + ":" + tt.want[i]; !strings.HasPrefix(finding, want) {
					t.Errorf("finding %d: %q\nshould start: %q", i+1, finding, want)
				}
			}
		})
	}
}
