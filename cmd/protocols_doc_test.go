package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gossipctl/protocol"

	"github.com/google/go-cmp/cmp"
)

// The numbers and pictures of docs/protocols.md are what its own commands print: these tests run them.
// The commands are the real programs, so they are as quick under the race detector as without.

const protocolsDoc = "../docs/protocols.md"

// page is how the table of one protocol is measured.
type page struct {
	protocol string
	flags    string   // what the networks are, as for gossipctl simulate
	sizes    []int    // of the networks, a row each
	more     []string // flags, a row each, at variantSize nodes
}

const (
	variantSize = 1024
	loss        = "--loss 10%"
	// ground is where all protocols are compared: each node knows about twenty others and a packet takes
	// 10 ms. A message goes before the one that is measured, for a tree or a mesh to grow.
	ground = "--nodes 1024 --topology dialled:10 --latency constant:10ms --messages 2 --discard 1 --every 12s --seed 1"
	// drawn is the network of all pictures: few enough nodes for a page, and a seed by which node 8 speaks.
	drawn = "--nodes 24 --topology random:4 --latency constant:10ms --messages 5 --discard 4 --every 10s --until 10s --runs 1 --seed 152"
)

var sizes = []int{16, 128, 1024, 8192}

// pages are all protocols in the order of the document. Overlays are those of the paper or system, as
// far as it says; the four that are measured on random:5 can be compared with one another.
var pages = []page{
	{"flood", "--topology random:5", sizes, []string{loss, loss + " --topology random:3", "--relays 3", "--set echo=false"}},
	{"push", "", sizes, []string{loss, "--until quiet", "--set stop=die,fanout=7", "--topology star", "--topology random:8 --set rounds=8"}},
	{"pull", "", sizes, []string{loss, "--topology star"}},
	{"push-pull", "", sizes, []string{loss, "--until quiet", "--topology star"}},
	{"rumor", "", sizes, []string{loss, "--set k=1", "--set feedback=false,stop=coin", "--set direction=pull", "--set direction=push-pull,minimise=true,k=3"}},
	{"anti-entropy", "", sizes, []string{loss, "--set direction=push", "--set direction=pull", "--topology star"}},
	{"median-counter", "", sizes, []string{loss, "--set cmax=2", "--topology random:3"}},
	{"quasirandom", "", sizes, []string{loss, "--topology star", "--topology random:8 --set rounds=8"}},
	{"mongering", "--topology random:5", sizes, []string{loss, "--loss 30%"}},
	{"push-ack", "--topology random:5", sizes, []string{loss, "--set sync=0", "--topology complete"}},
	{"transmit-limited", "", sizes, []string{loss, "--topology random:5"}},
	{"plumtree", "--topology random:5 --messages 3 --discard 2 --every 10s", sizes, []string{loss, "--latency exponential:1ms", "--latency exponential:1ms --set threshold=3"}},
	{"gossipsub", "--topology dialled:20 --latency uniform:10ms,150ms --per-link --warm-up 5s --runs 4", sizes[1:],
		[]string{loss, "--set version=1.0", "--size 2000 --set validate=50ms", "--size 2000 --set validate=50ms,version=1.2"}},
}

// published are numbers of the literature that cost little to check. docs/literature.md has them all.
var published = []struct {
	source, what, says string
	command            string
	ours               func(measured) string
}{
	{"Demers et al. 1987, Table 1", "push, feedback, counter, k = 1", "s 0.18, m 1.7, t_ave 11.0, t_last 16.8",
		"simulate rumor --set k=1 --runs 100 --seed 1", epidemicRow},
	{"", "the same, k = 3", "s 0.011, m 4.5, t_ave 12.5, t_last 17.4",
		"simulate rumor --set k=3 --runs 100 --seed 1", epidemicRow},
	{"Table 2", "push, blind, coin, k = 2", "s 0.20, m 1.6, t_ave 17, t_last 33",
		"simulate rumor --set feedback=false,stop=coin,k=2 --runs 100 --seed 1", epidemicRow},
	{"Table 3", "pull, feedback, counter, k = 1", "s 0.031, m 2.7, t_ave 9.97, t_last 17.63",
		"simulate rumor --set direction=pull,k=1 --runs 100 --seed 1", epidemicRow},
	{"Pittel 1987", "push, 1,000 nodes: log2 n + ln n + O(1)", "16.9 rounds + O(1)",
		"simulate push --runs 100 --seed 1", roundsRow},
	{"Doerr and Kostrygin 2017", "pull: log2 n + log2 ln n + O(1)", "12.8 rounds + O(1)",
		"simulate pull --runs 100 --seed 1", roundsRow},
	{"", "push-pull: log3 n + log2 ln n + O(1)", "9.1 rounds + O(1)",
		"simulate push-pull --runs 100 --seed 1", roundsRow},
	{"Leitão et al. 2007, Table 1", "plumtree, 10,000 nodes, one sender, tree grown", "9,999 copies, 29,987 announcements",
		"simulate plumtree --nodes 10000 --topology random:5 --messages 10 --discard 9 --every 10s --runs 2 --seed 1", treeRow},
	{"gerbil-simsub", "gossipsub 1.1, 500 nodes that dial 20", "about 6.3 copies per delivery",
		"simulate gossipsub --nodes 500 --topology dialled:20 --latency uniform:10ms,150ms --per-link --jitter 10% --messages 60 --origins 5 --warm-up 10s --until 10s --runs 2 --seed 1", deliveryRow},
	{"memberlist 0.7, measured", "30 nodes: copies, and time to the last", "8.03 copies a node, 465 ms",
		"simulate transmit-limited --nodes 30 --latency constant:100us --runs 100 --seed 1", queueRow},
}

// measured is what the documents take from the JSON of simulate.
type measured struct {
	Protocol   string
	Nodes      int
	TimeUnit   string `json:"time_unit"`
	Residue    mean
	Traffic    mean
	TAve       mean `json:"t_ave"`
	TLast      mean `json:"t_last"`
	Packets    mean
	Control    mean `json:"control_packets"`
	Redundancy mean
	MeanHops   mean `json:"mean_hops"`
}

type mean struct{ Mean float64 }

func (m measured) perNode() float64 { return m.Packets.Mean / float64(m.Nodes) }

// coverage is a share of nodes in percent, never rounded up to all of them.
func (m measured) coverage() string {
	const digits = 1e4
	return strconv.FormatFloat(math.Floor(100*digits*(1-m.Residue.Mean)+1e-6)/digits, 'f', -1, 64) + " %"
}

func epidemicRow(m measured) string {
	return fmt.Sprintf("s %.2g, m %.2f, t_ave %.1f, t_last %.1f", m.Residue.Mean, m.Traffic.Mean, m.TAve.Mean, m.TLast.Mean)
}

func roundsRow(m measured) string { return fmt.Sprintf("%.1f rounds", m.TLast.Mean) }

func treeRow(m measured) string {
	return fmt.Sprintf("%s copies, %s announcements", digits(m.Traffic.Mean*float64(m.Nodes)), digits(m.Control.Mean))
}

func deliveryRow(m measured) string {
	return fmt.Sprintf("%.2f copies per delivery", m.Redundancy.Mean+1)
}

func queueRow(m measured) string {
	return fmt.Sprintf("%.2f copies a node, %s ms", m.Traffic.Mean, digits(m.TLast.Mean))
}

// digits writes a number with about three digits that mean something.
func digits(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return thousands(int(v + 0.5))
}

// thousands sets commas into a number from 0 on.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return thousands(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// words joins what is not empty.
func words(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// typed runs a command just as a document shows it, and returns what it prints.
func typed(t *testing.T, command string) []byte {
	t.Helper()
	c := exec.Command("sh", "-c", command)
	c.Env = environment(t.TempDir(), 1024)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, errs.Bytes())
	}
	return out.Bytes()
}

// simulated runs a command and reads what it says as JSON.
func simulated[T any](t *testing.T, command string) (result T) {
	t.Helper()
	if err := json.Unmarshal(typed(t, command+" -o json"), &result); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return result
}

// known are the pages of protocols that there are.
func known(t *testing.T) []page {
	t.Helper()
	var list []page
	at := 0
	for _, kind := range protocol.Table() {
		for at < len(pages) && pages[at].protocol != kind.Name {
			at++
		}
		if at == len(pages) {
			t.Fatalf("%s has no page in its place", kind.Name)
		}
		list = append(list, pages[at])
	}
	return list
}

// keepPart is [keep] for this document.
func keepPart(t *testing.T, part, now string) {
	t.Helper()
	keep(t, protocolsDoc, part, "TestProtocol", now)
}

// TestProtocolPagesAreWhole sees that each protocol has a section, in the order of the table, with all
// that belongs into one.
func TestProtocolPagesAreWhole(t *testing.T) {
	data, err := os.ReadFile(protocolsDoc)
	if err != nil {
		t.Fatal(err)
	}
	sections := regexp.MustCompile(`(?m)^## `).Split(string(data), -1)
	at := 0
	for _, kind := range protocol.Table() {
		for at < len(sections) && !strings.HasPrefix(sections[at], kind.Name+"\n") {
			at++
		}
		if at == len(sections) {
			t.Fatalf("%s has no section of its own, or not in the order of the table", kind.Name)
		}
		for _, part := range []string{"](protocols/" + kind.Name + ".svg)", "<!-- " + kind.Name + " settings:", "<!-- " + kind.Name + " measured:", "**When to choose it:**"} {
			if !strings.Contains(sections[at], part) {
				t.Errorf("the section of %s lacks %q", kind.Name, part)
			}
		}
	}
}

func TestProtocolSettingsAreTrue(t *testing.T) {
	for _, kind := range protocol.Table() {
		var b strings.Builder
		fmt.Fprintf(&b, "| setting | default | bounds | unit | why this default |\n|---|---|---|---|---|\n")
		for _, s := range kind.Settings {
			unit := s.Unit
			if s.Type == protocol.Choice || s.Type == protocol.Switch {
				unit = "" // the bounds say it
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Name, s.Text(s.Default), s.Bounds(), unit, s.Why)
		}
		keepPart(t, kind.Name+" settings", b.String())
	}
}

// TestProtocolTablesAreTrue measures every protocol anew.
func TestProtocolTablesAreTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates some ten million events")
	}
	for _, p := range known(t) {
		kind, err := protocol.Find(p.protocol)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(p.protocol, func(t *testing.T) {
			command := words("gossipctl simulate", p.protocol, p.flags, "--seed 1 --nodes")
			var b strings.Builder
			row := func(what string, m measured) {
				if b.Len() == 0 {
					fmt.Fprintf(&b, "| nodes, or flags | coverage | t_ave (%s) | t_last (%[1]s) | copies | packets | redundancy | mean hops |\n|---|---|---|---|---|---|---|---|\n", m.TimeUnit)
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", what, m.coverage(), digits(m.TAve.Mean), digits(m.TLast.Mean),
					digits(m.Traffic.Mean), digits(m.perNode()), digits(m.Redundancy.Mean), digits(m.MeanHops.Mean))
			}
			for _, n := range p.sizes {
				row(thousands(n), simulated[measured](t, fmt.Sprintf("%s %d", command, n)))
			}
			for _, flags := range p.more {
				row("`"+flags+"`", simulated[measured](t, fmt.Sprintf("%s %d %s", command, variantSize, flags)))
			}
			fmt.Fprintf(&b, "\n```sh\n%s %d\n```\n", command, variantSize)
			fmt.Fprintf(&b, "\nA run ends when %s.\n", map[string]string{
				protocol.Informed: "every node has the message", protocol.Quiet: "nobody would pass the message on any more"}[kind.Until])
			keepPart(t, p.protocol+" measured", b.String())
		})
	}
}

// TestProtocolComparisonIsTrue sends all protocols through the same networks.
func TestProtocolComparisonIsTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates some ten million events")
	}
	command := "gossipctl compare"
	for _, p := range known(t) {
		command += " " + p.protocol
	}
	command += " \\\n  " + ground
	compared := func(more string) []measured {
		return simulated[struct{ Protocols []measured }](t, command+more).Protocols
	}
	calm, lost := compared(" --until 12s --runs 5"), compared(" --until 12s --runs 5 "+loss)
	sooner, later := compared(" --until 12s --runs 1"), compared(" --until 17s --runs 1")
	var b strings.Builder
	fmt.Fprintf(&b, "| protocol | coverage | at 10 %% loss | t_ave (ms) | t_last (ms) | copies | packets | at rest |\n|---|---|---|---|---|---|---|---|\n")
	for i, m := range calm {
		rest := (later[i].perNode() - sooner[i].perNode()) / 5
		fmt.Fprintf(&b, "| [%s](#%[1]s) | %s | %s | %s | %s | %s | %s | %s |\n", m.Protocol, m.coverage(), lost[i].coverage(), digits(m.TAve.Mean), digits(m.TLast.Mean),
			digits(m.Traffic.Mean), digits(m.perNode()), digits(rest))
	}
	fmt.Fprintf(&b, "\n```sh\n%s --until 12s --runs 5\n```\n", command)
	keepPart(t, "comparison", b.String())
}

func TestProtocolLiteratureIsTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates some ten million events")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| source | what | published | ours |\n|---|---|---|---|\n")
	for _, p := range published {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.source, p.what, p.says, p.ours(simulated[measured](t, "gossipctl "+p.command)))
	}
	fmt.Fprintf(&b, "\n```sh\n")
	for _, p := range published {
		fmt.Fprintf(&b, "gossipctl %s\n", p.command)
	}
	fmt.Fprintf(&b, "```\n")
	keepPart(t, "published", b.String())
}

// TestProtocolPicturesAreTrue draws every picture anew and compares it byte by byte.
func TestProtocolPicturesAreTrue(t *testing.T) {
	for _, p := range known(t) {
		fresh, kept := filepath.Join(t.TempDir(), p.protocol+".svg"), filepath.Join("../docs/protocols", p.protocol+".svg")
		typed(t, words("gossipctl simulate", p.protocol, drawn, "--spread", fresh))
		now, err := os.ReadFile(fresh)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(kept, now, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		old, err := os.ReadFile(kept)
		if err != nil {
			t.Error(err)
		} else if diff := cmp.Diff(string(old), string(now)); diff != "" {
			t.Errorf("%s: (-kept +drawn); go test ./cmd -run TestProtocol -update\n%s", kept, diff)
		}
	}
	keepPart(t, "pictures", fmt.Sprintf("```sh\ngossipctl simulate push \\\n  %s \\\n  --spread push.svg\n```\n", drawn))
}

// A spread of more nodes than a picture can show is refused in one sentence before anything is simulated.
func TestSpreadOfTooManyNodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spread.svg")
	c := exec.Command(filepath.Join(bin, "gossipctl"), "simulate", "flood", "--nodes", "5001", "--topology", "random:4", "--spread", file)
	c.Env = environment(t.TempDir(), 1024)
	out, err := c.CombinedOutput()
	if c.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "at most 5,000 nodes, not 5,001") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it has drawn something")
	}
}
