package cmd_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gossipctl/cmd"
	"gossipctl/protocol"
	"gossipctl/topology"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the generated parts of README.md and docs")

// generated are the parts of documents that are made from the program's own tables.
var generated = []struct {
	file, part string
	write      func(w io.Writer)
}{
	{"../README.md", "commands", func(w io.Writer) {
		fmt.Fprintf(w, "| command | what it does |\n|---|---|\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() && c.GroupID != "help" {
				fmt.Fprintf(w, "| `%s` | %s |\n", strings.ReplaceAll(c.Use, "|", "\\|"), c.Short)
			}
		}
	}},
	{"../README.md", "topologies", func(w io.Writer) {
		fmt.Fprintf(w, "| topology | what it is |\n|---|---|\n")
		for _, k := range topology.Kinds() {
			name := k.Name
			if k.Param.Name != "" {
				name = fmt.Sprintf("%s [%s=%d]", k.Name, k.Param.Name, k.Param.Default)
			}
			fmt.Fprintf(w, "| `%s` | %s |\n", name, k.Summary)
		}
	}},
	{"../README.md", "protocols", func(w io.Writer) {
		fmt.Fprintf(w, "| protocol | what it does | follows |\n|---|---|---|\n")
		for _, k := range protocol.Table() {
			fmt.Fprintf(w, "| `%s` | %s | %s |\n", k.Name, k.Summary, k.Follows)
		}
	}},
}

func TestReadmeTablesAreTrue(t *testing.T) {
	for _, g := range generated {
		var now strings.Builder
		g.write(&now)
		keep(t, g.file, g.part, "TestReadme", now.String())
	}
}

// keep compares a generated part of a document with what it has to be now or, with -update, writes it.
func keep(t *testing.T, file, part, test, now string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin := fmt.Sprintf("<!-- %s: written by go test ./cmd -run %s -update -->\n", part, test)
	end := fmt.Sprintf("<!-- end of %s -->", part)
	head, rest, found := strings.Cut(string(data), begin)
	old, tail, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Fatalf("%s has no part %q", file, part)
	case *update:
		if err := os.WriteFile(file, []byte(head+begin+now+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(now, old); diff != "" {
		t.Errorf("%s, %s: (-program +document); go test ./cmd -run %s -update\n%s", file, part, test, diff)
	}
}

// session is one command of the console sessions of a document, and what a document says it prints.
type session struct{ command, output string }

func sessions(t *testing.T, file string) []session {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []session
	blocks := strings.Split(string(data), "```console\n")[1:]
	for _, block := range blocks {
		block, _, closed := strings.Cut(block, "```")
		if !closed {
			t.Fatalf("a console session of %s has no end", file)
		}
		for line := range strings.SplitAfterSeq(block, "\n") {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				list = append(list, session{command: strings.TrimSpace(command)})
			} else if len(list) > 0 {
				list[len(list)-1].output += line
			}
		}
	}
	return list
}

// Times, ports and the way the first copy took differ from run to run.
var (
	clocks = regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}`)
	ports  = regexp.MustCompile(`127\.0\.0\.1:\d+|ports \d+ to \d+`)
	costs  = regexp.MustCompile(`events in .*( a second|s;)`)
	ways   = regexp.MustCompile(`↳ (\d+) .*➜ (\d+)`)
	found  = regexp.MustCompile(`every other .* after all were ready, .* after the first was started`)
	lasted = regexp.MustCompile(`after \S+ m?s\.`)
	ages   = regexp.MustCompile(`(?m)^(OWNER .*|\d+ .*?)(  (–|LAG|[\d.]+ [µm]?s)) +(AGE|[\d.]+ [µm]?s)$`)
)

func steady(text string) string {
	text = clocks.ReplaceAllString(text, "TIME")
	text = ports.ReplaceAllString(text, "PORTS")
	text = costs.ReplaceAllString(text, "COST")
	text = found.ReplaceAllString(text, "every other TIME")
	text = lasted.ReplaceAllString(text, "after TIME.")
	text = ages.ReplaceAllString(text, "$1  TIMES")
	return ways.ReplaceAllString(text, "↳ $1 … $2")
}

func TestReadmeSessionIsTrue(t *testing.T) {
	home := t.TempDir()
	env := append(os.Environ(), environment(home, freeBlock(t))...)
	t.Cleanup(func() { stopAll(t, env, home) })
	list := sessions(t, "../README.md")
	if len(list) < 15 {
		t.Fatalf("only %d commands", len(list))
	}
	for _, s := range list {
		c := exec.Command("sh", "-c", s.command)
		c.Env = env
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", s.command, err, out)
		}
		if diff := cmp.Diff(steady(s.output), steady(string(out))); diff != "" {
			t.Errorf("%s: (-README +program)\n%s", s.command, diff)
		}
	}
}

// Every example in every help text is run, in an order that makes sense, on a network that suits it.
func TestExamplesRun(t *testing.T) {
	home := t.TempDir()
	env := append(os.Environ(), environment(home, freeBlock(t))...)
	env = append(env, "GOSSIPCTL_TIMEOUT=20s")
	t.Cleanup(func() { stopAll(t, env, home) })
	sh := func(command string) ([]byte, error) {
		c := exec.Command("sh", "-c", command)
		c.Env, c.Dir = env, home
		return c.CombinedOutput()
	}
	fresh := func(topology string) {
		t.Helper()
		if out, err := sh("gossipctl stop-network -q && gossipctl start-network " + topology + " -n 16 --seed 1 --record -q -o name && gossipctl send-message 8 banana -q && gossipctl wait-message 8.1.1 -q"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() || c.GroupID == "help" && c.Example == "" {
			continue
		}
		if c.Example == "" {
			t.Errorf("%s has no example", c.Name())
		}
		switch c.Name() {
		case "list-members", "wait-members":
			fresh("bootstrap --membership swim")
		default:
			fresh("random 3")
		}
		for line := range strings.SplitSeq(c.Example, "\n") {
			line = strings.TrimSpace(line)
			if !strings.Contains(line, "gossipctl ") {
				t.Errorf("%s: %q is no example", c.Name(), line)
				continue
			}
			if c.Name() == "start-network" {
				if stop := "gossipctl stop-network"; strings.Contains(line, "--resume") {
					sh(stop + " --keep")
				} else {
					sh(stop + " --discard")
				}
				if base := regexp.MustCompile(`--base-port \d+`); base.MatchString(line) {
					line = base.ReplaceAllString(line, fmt.Sprintf("--base-port %d", freeBlock(t)))
				}
			}
			if c.Name() == "run-node" {
				base, elsewhere := environmentBase(env), freeBlock(t)
				line = regexp.MustCompile(`:70(\d\d)\b`).ReplaceAllStringFunc(line, func(port string) string {
					n, _ := strconv.Atoi(port[3:])
					return fmt.Sprintf(":%d", base+n)
				})
				line = strings.ReplaceAll(line, ":8001", fmt.Sprintf(":%d", elsewhere+1))
			}
			if endless := c.Name() == "run-node" || strings.Contains(line, "--watch") || strings.Contains(line, "watch-values") || strings.HasSuffix(line, " -f") || strings.Contains(line, " -f "); endless {
				line = "timeout --signal=INT 1 " + line + " || test $? = 124 -o $? = 130"
			}
			if out, err := sh(line); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
}

// environmentBase is the base port that an environment names.
func environmentBase(env []string) int {
	base := 0
	for _, v := range env {
		if text, is := strings.CutPrefix(v, "BASE="); is {
			base, _ = strconv.Atoi(text)
		}
	}
	return base
}

// Every row of the table of faults is there, names tests, and all of them exist; and a test that is named after a row is
// named in that row.
func TestTheTableOfFaultsIsTrue(t *testing.T) {
	const rows = 52
	text, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]bool)
	var files []string
	for _, pattern := range []string{"*_test.go", "../*/*_test.go", "../*/*/*_test.go"} {
		some, _ := filepath.Glob(pattern)
		files = append(files, some...)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllSubmatch(data, -1) {
			tests[string(m[1])] = true
		}
	}
	name := regexp.MustCompile(`\bTest[A-Z]\w+`)
	for _, named := range name.FindAllString(string(text), -1) {
		if !tests[named] {
			t.Errorf("docs/reliability.md names %s, which is no test", named)
		}
	}
	table := make(map[string][]string) // the tests of each row
	for i, m := range regexp.MustCompile(`(?m)^\| (\d+) \|.*\| (.*) \|$`).FindAllSubmatch(text, -1) {
		if want := fmt.Sprint(i + 1); string(m[1]) != want {
			t.Errorf("row %s stands where row %s should", m[1], want)
		}
		named := name.FindAllString(string(m[2]), -1)
		if len(named) == 0 {
			t.Errorf("row %s names no test", m[1])
		}
		table[fmt.Sprintf("%02s", m[1])] = named
	}
	if len(table) != rows {
		t.Errorf("the table has %d rows, and there are %d", len(table), rows)
	}
	for test := range tests {
		if row := regexp.MustCompile(`^TestRow(\d\d)`).FindStringSubmatch(test); row != nil && !slices.Contains(table[row[1]], test) {
			t.Errorf("%s is not named in its row", test)
		}
	}
}

func TestEveryCommandIsWhole(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if !c.IsAvailableCommand() || c.GroupID == "help" || c.Name() == "gossipctl" {
			return
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", c.Name(), c.Short)
		}
		if c.Args == nil || c.ValidArgsFunction == nil {
			t.Errorf("%s does not check or complete its arguments", c.Name())
		}
	}
	for _, c := range cmd.Commands() {
		walk(c)
	}
	if _, err := os.Stat(filepath.Join(bin, "gossipctl-graph")); err != nil {
		t.Error(err)
	}
}

// docs/scenarios.md lists the scenarios there are.
func TestScenarioListIsTrue(t *testing.T) {
	out, err := exec.Command(filepath.Join(bin, "gossipctl"), "list-scenarios", "-o", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name  string `json:"name"`
		About string `json:"about"`
		Nodes int    `json:"nodes"`
	}
	if err := json.Unmarshal(out, &list); err != nil || len(list) < 9 || list[0].About == "" {
		t.Fatalf("%v, %+v", err, list)
	}
	var now strings.Builder
	now.WriteString("| scenario | what it shows | nodes |\n|---|---|---|\n")
	for _, s := range list {
		fmt.Fprintf(&now, "| [`%s`](../scenarios/%s.yaml) | %s | %d |\n", s.Name, s.Name, s.About, s.Nodes)
	}
	keep(t, "../docs/scenarios.md", "scenarios", "TestScenarioList", now.String())
}

// The scenario that docs/scenarios.md shows every key with can be run.
func TestScenarioOfTheDocsRuns(t *testing.T) {
	doc, err := os.ReadFile("../docs/scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(doc), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/scenarios.md shows no scenario")
	}
	file := filepath.Join(t.TempDir(), "every-key.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(bin, "gossipctl"), "run-scenario", file, "--simulate", "--seed", "1").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
