package gossipctl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors is the drawing of the project: a package may import what stands to its right, and nothing else of this module.
// A row names only rows below it, so that no edit of one row can make an import go up.
// Tests may import what they like: the laws of a protocol are tried in the simulator, which stands above it.
var floors = []floor{
	{"cmd/gossipctl", effects, "cmd"},
	{"cmd/gossipctl-graph", effects, "topology/render topology/draw topology chart"},
	{"bench", effects, "bench/* topology"},
	{"bench/*", effects, "bench/program topology"}, // measures the executables from outside, as anybody could
	{"bench/program", effects, ""},

	{"cmd", effects, "cmd/term scenario/live netctl scenario scenarios check dash lab sim node/live node/api node transport layers workload membership" +
		" values protocol fault trace gossip" +
		" topology/render topology/draw topology chart"},
	{"cmd/term", effects, "chart"},

	{"scenario/live", effects, "scenario netctl node/api check workload fault trace gossip topology chart"}, // on real processes

	{"netctl", effects, "netctl/proc netctl/store node/api check layers workload membership values protocol fault trace gossip topology"},
	{"netctl/proc", effects, ""},
	{"netctl/store", effects, ""},
	{"dash", effects, "trace topology gossip"},

	{"examples/*", effects, "node/live node/api transport layers membership values protocol gossip"}, // what a program outside would import

	{"scenario", effects, "sim node layers workload membership values protocol fault check trace gossip topology chart"}, // files, and what they say in the simulator
	{"lab", effects, "sim layers membership values protocol fault trace gossip topology chart"},                          // simulated experiments, on all cores

	{"node/live", effects, "node/face node/api node transport journal workload values trace fault gossip"},
	{"node/face", effects, "node/api node values gossip"}, // what programs of anybody's may speak to
	{"node/api", effects, "node transport workload values trace fault gossip"},
	{"sim", pure, "node values fault trace gossip"},

	{"journal", effects, ""},
	{"journal/smalldisk", effects, ""}, // for tests
	{"check", pure, "trace gossip"},
	{"node", pure, "values trace gossip"},
	{"transport", effects, "fault gossip"},

	{"layers", pure, "membership values protocol gossip"}, // what a node's protocol is made of
	{"membership", pure, "protocol gossip"},
	{"workload", pure, "values gossip"},

	{"protocol", pure, "gossip"},
	{"values", pure, "gossip"},
	{"trace", pure, "gossip"},
	{"fault", pure, "gossip"},
	{"topology/render", effects, "topology/draw topology chart"},
	{"topology/draw", pure, "topology"},

	{"scenarios", effects, ""}, // files that are built in
	{"gossip", pure, ""},
	{"topology", pure, ""},
	{"chart", pure, ""},
}

// apart names what must not be linked, by however many imports in between: by anybody but only, or by never.
var apart = []struct{ dep, only, never, why string }{
	{dep: "github.com/goccy/go-graphviz", only: "cmd/gossipctl-graph", why: "it loads a WASM module in init, so every node would"},
	{dep: "github.com/fogleman/gg", only: "cmd/gossipctl-graph", why: "pixels belong to the renderer, nodes stay slim"},
	{dep: "gonum.org/v1/plot", only: "cmd/gossipctl-graph", why: "charts belong to the renderer: 6 MB more in every node"},
	{dep: "gossipctl/node/live", never: "netctl", why: "the controller starts nodes as processes"},
}

// impure lists imports that a pure package must not have: with them it could reach a wire, a file, a clock, another
// goroutine or a source of chance. "net/*" stands for all packages below net.
var impure = []string{
	"net", "net/*", "os", "os/*", "io/ioutil", "syscall", "sync", "sync/*", "log", "log/*", "context", "unsafe",
	"crypto/rand", "hash/maphash",
}

// pureLibraries are the modules outside the standard library that a pure package may import, because they only calculate.
var pureLibraries = []string{"gonum.org/v1/gonum/*"}

// clock lists what package time knows of the real clock; the rest of it (Duration, Time.Add, …) only calculates.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// seeded lists what pure packages may use of math/rand and math/rand/v2: generators somebody seeds. All else is global.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "NewSource", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}

// vague are names that say nothing of what a package is for.
var vague = []string{"utils", "util", "common", "types", "helpers", "helper", "misc"}

// longest is the most lines a file may have that is not a test: more is two thoughts in one file.
const longest = 500

const (
	pure    = true
	effects = false
)

type floor struct {
	pkg     string // folder below the module; a last element * stands for all folders below
	pure    bool
	imports string // the packages of this module it may import
}

func TestArchitecture(t *testing.T) {
	for _, finding := range load(t).check() {
		t.Error(finding)
	}
}

func TestFloorsOnlyGoDown(t *testing.T) {
	for i, row := range floors {
		for _, name := range strings.Fields(row.imports) {
			if !slices.ContainsFunc(floors[i+1:], func(below floor) bool { return below.pkg == name }) {
				t.Errorf("the row of %s names %s, which has no row below it", row.pkg, name)
			}
		}
		if slices.ContainsFunc(floors[i+1:], func(below floor) bool { return below.pkg == row.pkg }) {
			t.Errorf("%s has two rows", row.pkg)
		}
	}
}

// A tree is the module as the rules see it.
type tree struct {
	module  string
	sources []source
	links   map[string][]string // import path → all it links (transitively), for what this module imports
}

// A source is one parsed Go file.
type source struct {
	pkg  string // folder below the module, "." for its top
	name string // file, below the module
	fset *token.FileSet
	file *ast.File
}

// load reads the module round this test. It lists each folder itself, rather than trust go list's choice of files,
// so that files for other systems are checked too, and go test's cache sees when a file appears.
func load(t *testing.T) tree {
	t.Helper()
	out, err := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Dir,Module,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	top, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	tr := tree{links: map[string][]string{}}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p struct {
			ImportPath, Dir string
			Module          *struct {
				Path string
				Main bool
			}
			Deps []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatalf("go list: %v", err)
		}
		tr.links[p.ImportPath] = p.Deps
		if p.Module == nil || !p.Module.Main {
			continue
		}
		tr.module = p.Module.Path
		folder, err := filepath.Rel(top, p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if name := entry.Name(); strings.HasSuffix(name, ".go") {
				text, err := os.ReadFile(filepath.Join(p.Dir, name))
				if err != nil {
					t.Fatal(err)
				}
				tr.sources = append(tr.sources, parse(t, filepath.ToSlash(folder), name, string(text)))
			}
		}
	}
	if !slices.ContainsFunc(tr.sources, func(s source) bool { return s.pkg == "gossip" }) {
		t.Fatal("go list found no package gossip: the test looks at the wrong folder")
	}
	return tr
}

func parse(t *testing.T, pkg, name, text string) source {
	t.Helper()
	fset := token.NewFileSet()
	name = path.Join(pkg, name)
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err) // names file and line itself
	}
	return source{pkg: pkg, name: name, fset: fset, file: file}
}

// check puts every rule to every file and package. What it returns are sentences that start with file and line.
func (tr tree) check() []string {
	var found []string
	for _, s := range tr.sources {
		for _, rule := range []func(source) []string{tr.imports, tr.linking, dotImports, purity, exits, sleeps, wishes, size} {
			found = append(found, rule(s)...)
		}
	}
	for _, files := range tr.packages() {
		for _, rule := range []func([]source) []string{known, naming, documented, entry} {
			found = append(found, rule(files)...)
		}
	}
	return found
}

// packages returns, folder by folder, the files that are not tests.
func (tr tree) packages() [][]source {
	var all [][]source
	for _, s := range tr.sources {
		switch last := len(all) - 1; {
		case s.isTest():
		case last >= 0 && all[last][0].pkg == s.pkg:
			all[last] = append(all[last], s)
		default:
			all = append(all, []source{s})
		}
	}
	return all
}

func (tr tree) imports(s source) []string {
	row, ok := rowOf(s.pkg)
	if !ok || s.isTest() {
		return nil
	}
	var found []string
	for _, spec := range s.file.Imports {
		to, inside := strings.CutPrefix(importPath(spec), tr.module+"/")
		if inside && !matches(strings.Fields(row.imports), to) {
			found = append(found, s.at(spec, "%s may not import %s: its row in floors does not name it", s.pkg, to))
		}
	}
	return found
}

func (tr tree) linking(s source) []string {
	if s.isTest() {
		return nil
	}
	var found []string
	for _, spec := range s.file.Imports {
		name := importPath(spec)
		for _, rule := range apart {
			barred := s.pkg == rule.never || rule.only != "" && s.pkg != rule.only
			if barred && (name == rule.dep || slices.Contains(tr.links[name], rule.dep)) {
				found = append(found, s.at(spec, "%s may not link %s, which %s brings in: %s", s.pkg, rule.dep, name, rule.why))
			}
		}
	}
	return found
}

// dotImports keeps the other rules honest: they know where a name comes from by what stands before its dot.
func dotImports(s source) []string {
	var found []string
	for _, spec := range s.file.Imports {
		if spec.Name != nil && spec.Name.Name == "." {
			found = append(found, s.at(spec, "dot import of %s", importPath(spec)))
		}
	}
	return found
}

func purity(s source) []string {
	row, ok := rowOf(s.pkg)
	if !ok || !row.pure || s.isTest() {
		return nil
	}
	var found []string
	report := func(n ast.Node, what string) {
		found = append(found, s.at(n, "%s is pure, but %s", s.pkg, what))
	}
	for _, spec := range s.file.Imports {
		name := importPath(spec)
		first, _, _ := strings.Cut(name, "/")
		switch {
		case matches(impure, name):
			report(spec, "imports "+name)
		case strings.Contains(first, ".") && !matches(pureLibraries, name):
			report(spec, "imports "+name+", which pureLibraries does not name")
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "starts a goroutine")
		case *ast.ChanType:
			report(n, "has a channel")
		case *ast.SendStmt:
			report(n, "sends on a channel")
		case *ast.SelectStmt:
			report(n, "waits in a select")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				report(n, "receives from a channel")
			}
		case *ast.SelectorExpr:
			switch from, name := s.origin(n), n.Sel.Name; {
			case from == "time" && slices.Contains(clock, name):
				report(n, "uses time."+name)
			case (from == "math/rand" || from == "math/rand/v2") && !slices.Contains(seeded, name):
				report(n, "uses the global rand."+name)
			}
		}
		return true
	})
	return found
}

// exits leaves the end of a process to main: anywhere else it would skip what others have deferred.
func exits(s source) []string {
	if s.file.Name.Name == "main" || s.isTest() {
		return nil
	}
	var found []string
	for sel := range s.selectors() {
		switch from, name := s.origin(sel), sel.Sel.Name; {
		case from == "os" && name == "Exit", from == "log" && strings.HasPrefix(name, "Fatal"):
			found = append(found, s.at(sel, "%s.%s outside package main", from, name))
		}
	}
	return found
}

// sleeps finds tests that wait for real time. Inside synctest.Test, or a function handed to it by name, sleeping is free.
func sleeps(s source) []string {
	if !s.isTest() {
		return nil
	}
	var bubbles []ast.Node
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && s.origin(sel) == "testing/synctest" {
			bubbles = append(bubbles, call)
			for _, arg := range call.Args {
				if name, ok := arg.(*ast.Ident); ok {
					bubbles = append(bubbles, s.function(name.Name)...)
				}
			}
		}
		return true
	})
	var found []string
	for sel := range s.selectors() {
		free := slices.ContainsFunc(bubbles, func(b ast.Node) bool { return b.Pos() <= sel.Pos() && sel.End() <= b.End() })
		if s.origin(sel) == "time" && sel.Sel.Name == "Sleep" && !free {
			found = append(found, s.at(sel, "a test sleeps: wait for a condition with a deadline, or use synctest"))
		}
	}
	return found
}

// wish matches the marks of work put off; spelt so that a search for them does not find this line.
var wish = regexp.MustCompile(`\b(TO[D]O|FIX[M]E|XX[X])\b`)

func wishes(s source) []string {
	var found []string
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			if mark := wish.FindString(comment.Text); mark != "" {
				found = append(found, s.at(comment, "%s: do it, or take it out", mark))
			}
		}
	}
	return found
}

func size(s source) []string {
	if lines := s.fset.File(s.file.FileStart).LineCount(); lines > longest && !s.isTest() {
		return []string{s.at(s.file.Name, "the file has %d lines, at most %d are allowed: split it by what it is about", lines, longest)}
	}
	return nil
}

func known(files []source) []string {
	if _, ok := rowOf(files[0].pkg); ok {
		return nil
	}
	return []string{files[0].at(files[0].file.Name,
		"package %s has no row in floors: add one to architecture_test.go that says what it may import and whether it is pure", files[0].pkg)}
}

func naming(files []source) []string {
	s := files[0]
	if name := s.file.Name.Name; slices.Contains(vague, name) || slices.Contains(vague, path.Base(s.pkg)) {
		return []string{s.at(s.file.Name, "package %s: call it by what it does", s.pkg)}
	}
	return nil
}

func documented(files []source) []string {
	start := "Package " + files[0].file.Name.Name + " "
	if files[0].file.Name.Name == "main" {
		start = "" // of a program Go asks no particular word
	}
	if slices.ContainsFunc(files, func(s source) bool {
		doc := s.file.Doc.Text()
		return doc != "" && strings.HasPrefix(doc, start)
	}) {
		return nil
	}
	return []string{files[0].at(files[0].file.Name, "no file of %s has a package comment that starts %q", files[0].pkg, start)}
}

// entry keeps cmd/gossipctl empty, so that everything the command line does can be tested as a package.
func entry(files []source) []string {
	if files[0].pkg != "cmd/gossipctl" {
		return nil
	}
	var found []string
	for _, s := range files {
		for _, decl := range s.file.Decls {
			fn, isFunc := decl.(*ast.FuncDecl)
			gen, isGen := decl.(*ast.GenDecl)
			switch {
			case isGen && gen.Tok == token.IMPORT:
			case isFunc && fn.Name.Name == "main" && len(fn.Body.List) == 1:
			default:
				found = append(found, s.at(decl, "cmd/gossipctl holds main with one statement, and nothing else"))
			}
		}
	}
	return found
}

func rowOf(pkg string) (floor, bool) {
	i := slices.IndexFunc(floors, func(row floor) bool { return matches([]string{row.pkg}, pkg) })
	if i < 0 {
		return floor{}, false
	}
	return floors[i], true
}

// matches tells whether a name is in a list, in which "a/*" stands for all that is below a.
func matches(list []string, name string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		below, wild := strings.CutSuffix(pattern, "*")
		return pattern == name || wild && strings.HasPrefix(name, below)
	})
}

func importPath(spec *ast.ImportSpec) string {
	name, _ := strconv.Unquote(spec.Path.Value) // the parser has accepted it
	return name
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) at(n ast.Node, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", s.name, s.fset.Position(n.Pos()).Line, fmt.Sprintf(format, args...))
}

// selectors yields every a.b of the file.
func (s source) selectors() iter.Seq[*ast.SelectorExpr] {
	return func(yield func(*ast.SelectorExpr) bool) {
		for n := range ast.Preorder(s.file) {
			if sel, ok := n.(*ast.SelectorExpr); ok && !yield(sel) {
				return
			}
		}
	}
}

// origin returns the import path of the package that stands before the dot, or "" when it is no package.
func (s source) origin(sel *ast.SelectorExpr) string {
	before, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range s.file.Imports {
		name := importPath(spec)
		local := path.Base(strings.TrimSuffix(name, "/v2"))
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == before.Name {
			return name
		}
	}
	return ""
}

// function returns the function of that name the file declares, as a list of none or one.
func (s source) function(name string) []ast.Node {
	for _, decl := range s.file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == name {
			return []ast.Node{fn}
		}
	}
	return nil
}
