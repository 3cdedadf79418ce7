package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	pair := func(real, predicted float64) Pair { return Pair{only(real), only(predicted)} }
	exact := pair(1, 1)
	for _, c := range []struct {
		what                    string
		packets, coverage, hops Pair
		want                    Verdict
	}{
		{"all the same", exact, exact, exact, OK},
		{"just within the bounds", pair(100, 104.9), pair(1, 0.951), pair(10, 9.01), OK},
		{"more packets", pair(100, 105.1), exact, exact, Short},
		{"fewer packets", pair(100, 94.9), exact, exact, Short},
		{"fewer reached", exact, pair(1, 0.94), exact, Short},
		{"more hops", exact, exact, pair(10, 11.1), Short},
		{"fewer hops", exact, exact, pair(10, 8.9), Short},
		{"nothing real", pair(0, 3), exact, exact, Short},
		{"nothing in either", pair(0, 0), exact, exact, OK},
		{"no number", pair(math.NaN(), 3), exact, exact, Short},
	} {
		r := Row{Packets: c.packets, Coverage: c.coverage, MeanHops: c.hops, MaxHops: pair(1, 9), LastMS: pair(1, 9)}
		if got := r.judge(); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestNewRowSumsUpNetworks(t *testing.T) {
	x := &comparison{name: "it", protocol: "push", settings: []string{"fanout=2"}, nodes: 8, degree: 3, messages: 5}
	real := []result{{packets: 10, meanHops: 2, coverage: 1}, {packets: 14, meanHops: 4, coverage: 1}}
	got := newRow(x, real, []result{{packets: 12, meanHops: 3, coverage: 1}, {packets: 12, meanHops: 3, coverage: 1}})
	want := Row{Name: "it", Command: "push --set fanout=2", Graph: "random 3", Nodes: 8, Networks: 2, Messages: 5, Verdict: OK,
		Packets:  Pair{Figure{12, math.Sqrt(8)}, only(12)},
		MeanHops: Pair{Figure{3, math.Sqrt(2)}, only(3)},
		Coverage: Pair{only(1), only(1)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestSumIsTheMeanOverMessages(t *testing.T) {
	a, b := spread{Packets: 10, Coverage: 1, MeanHops: 2, MaxHops: 3}, spread{Packets: 20, Coverage: 0.5, MeanHops: 4, MaxHops: 6}
	a.Latency.Last, b.Latency.Last = 7, 9
	if got, want := sum([]spread{a, b}), (result{15, 3, 4.5, 0.75, 8}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestBudgetVerdicts(t *testing.T) {
	good := broadcast{8, 1, 254, 389, 465} // what memberlist did
	if got := newBudgetRow(processes, fewNodes, []broadcast{good}); got.Verdict != OK {
		t.Errorf("memberlist's own numbers are %s", got.Verdict)
	}
	for what, b := range map[string]broadcast{
		"too many":   {8.25, 1, 254, 389, 465},
		"too few":    {7.75, 1, 254, 389, 465},
		"too early":  {8, 1, 199, 389, 465},
		"half late":  {8, 1, 331, 389, 465},
		"nine early": {8, 1, 254, 299, 465},
		"nine late":  {8, 1, 254, 501, 600},
		"last late":  {8, 1, 254, 389, 801},
	} {
		if got := newBudgetRow(processes, fewNodes, []broadcast{b}); got.Verdict != Short {
			t.Errorf("%s: %s", what, got.Verdict)
		}
	}
	if got := newBudgetRow(simulated, manyNodes, []broadcast{{12, 1, 900, 900, 900}}); got.Verdict != OK {
		t.Errorf("of 100 nodes only transmissions are asked for: %s", got.Verdict)
	}
}

func TestBroadcastOf(t *testing.T) {
	s := spread{Packets: 80, Coverage: 0.9}
	for i := range 9 {
		s.Tree = append(s.Tree, step{AfterMS: float64(10 * i)})
	}
	got, err := broadcastOf(s, 10)
	if want := (broadcast{8, 0.9, 40, 80, 80}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	s.Tree = s.Tree[:8]
	if _, err := broadcastOf(s, 10); err == nil {
		t.Error("when 8 of 10 nodes were reached, it is said when nine tenths were")
	}
	if _, err := broadcastOf(spread{}, 10); err == nil {
		t.Error("when none was reached, times are told")
	}
}

// sample is a report with rows of every kind.
func sample() *Report {
	r := newReport("exponential:20ms")
	r.Machine = Machine{CPUs: 2, Platform: "linux/amd64", Go: "go1.26", Load: 0.25}
	r.Complete = true
	x := comparison{name: "flood", protocol: "flood", nodes: 64, degree: 3, messages: 20}
	r.Rows = append(r.Rows, newRow(&x, []result{{192, 5.25, 11, 1, 114}, {192, 5.75, 11, 1, 116}}, []result{{192, 5.5, 10, 1, 101}}))
	x.name, x.bare = "bare", true
	r.Rows = append(r.Rows, newRow(&x, []result{{192, 11, 20, 1, 7}}, []result{{192, 5.5, 10, 1, 101}}))
	r.Budget = append(r.Budget, newBudgetRow(processes, fewNodes, []broadcast{{8, 1, 250, 400, 500}, {8, 0.9667, 260, 400, 520}}),
		memberlist[0], newBudgetRow(simulated, manyNodes, []broadcast{{11, 1, 300, 400, 500}}))
	return r
}

func TestText(t *testing.T) {
	want := `64 nodes; a packet takes exponential:20ms. 2 CPUs, linux/amd64, go1.26, load 0.25 before the run.
apart = predicted ÷ real − 1; ± is the standard deviation between networks, or broadcasts

protocol  graph     networks × messages  packets, real  predicted  apart  mean hops, real  predicted  apart    longest way, real  predicted  coverage, real  predicted  last node, real  predicted  verdict
flood     random 3  2 × 20               192.0          192.0      0.0 %  5.50 ± 0.35      5.50       0.0 %    11.0               10.0       1.000           1.000      115 ms           101 ms     ok
bare      random 3  1 × 20               192.0          192.0      0.0 %  11.00            5.50       -50.0 %  20.0               10.0       1.000           1.000      7 ms             101 ms     stated

nodes  how                broadcasts  transmissions a node  coverage  half know, ms  nine tenths, ms  last, ms  verdict
30     asked for                      7.76 to 8.24                    200 to 330     300 to 500       ≤ 800
30     real processes     2           8.00                  0.983     255 ± 7        400              510 ± 14  ok
30     memberlist itself  24          8.03                  –         254            389              465       stated
100    asked for                      11.64 to 12.36                  –              –                –
100    simulated          1           11.00                 1.000     300            400              500       short
`
	if d := cmp.Diff(want, sample().text()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestJSON(t *testing.T) {
	text, err := json.Marshal(sample().Rows[1])
	if err != nil {
		t.Fatal(err)
	}
	pair := func(real, predicted string) string {
		return `{"real":{"mean":` + real + `,"sd":0},"predicted":{"mean":` + predicted + `,"sd":0}}`
	}
	want := `{"name":"bare","command":"flood","graph":"random 3","nodes":64,"networks":1,"messages":20,"packets":` + pair("192", "192") +
		`,"mean_hops":` + pair("11", "5.5") + `,"max_hops":` + pair("20", "10") + `,"coverage":` + pair("1", "1") +
		`,"last_ms":` + pair("7", "101") + `,"verdict":"stated"}`
	if d := cmp.Diff(want, string(text)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + partBegins + "old\n" + partEnds + "\nafter\n")
	for range 2 {
		if err := sample().update(path); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := os.ReadFile(path)
	if want := "before\n" + partBegins + sample().markdown() + partEnds + "\nafter\n"; string(text) != want {
		t.Errorf("it is now\n%s", text)
	}
	write("no such part\n")
	if err := sample().update(path); err == nil {
		t.Error("a document without the part was updated")
	}
	if text, _ := os.ReadFile(path); string(text) != "no such part\n" {
		t.Errorf("and it was changed to\n%s", text)
	}
}

// The page in docs has every comparison of the plan, and its numbers keep the bounds.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/predicted.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(text), partBegins)
	part, _, ends := strings.Cut(rest, partEnds)
	if !begins || !ends || strings.Contains(part, early) {
		t.Fatalf("the written part is not there, or not whole:\n%s", part)
	}
	rows, budget := tables(t, part)

	var names []string
	for _, row := range rows {
		names = append(names, row["protocol"])
		r := Row{Packets: pairOf(t, row, "packets"), MeanHops: pairOf(t, row, "mean hops"), Coverage: pairOf(t, row, "coverage")}
		switch verdict := Verdict(row["verdict"]); {
		case verdict != OK && verdict != Stated:
			t.Errorf("%s: the verdict is %q", row["protocol"], verdict)
		case verdict == OK && r.judge() != OK:
			t.Errorf("%s is not within the bounds: %v", row["protocol"], row)
		}
	}
	var wants []string
	for _, x := range fullPlan().comparisons {
		wants = append(wants, x.name)
		if i := slices.Index(names, x.name); i >= 0 && (rows[i]["verdict"] == string(Stated)) != x.bare {
			t.Errorf("%s: the verdict is %q", x.name, rows[i]["verdict"])
		}
	}
	if d := cmp.Diff(wants, names); d != "" {
		t.Errorf("what is compared (-plan +document):\n%s", d)
	}

	judged := map[string]bool{}
	for _, row := range budget {
		if row["how"] != processes && row["how"] != simulated {
			continue
		}
		judged[row["nodes"]+" "+row["how"]] = true
		n, _ := strconv.Atoi(row["nodes"])
		b := broadcast{number(t, row["transmissions a node"]), number(t, row["coverage"]), number(t, row["half know, ms"]),
			number(t, row["nine tenths, ms"]), number(t, row["last, ms"])}
		if got := newBudgetRow(row["how"], n, []broadcast{b}); got.Verdict != OK || row["verdict"] != string(OK) {
			t.Errorf("%d nodes, %s: %v", n, row["how"], row)
		}
		if row["how"] == processes && row["broadcasts"] != strconv.Itoa(fullPlan().budget.broadcasts) {
			t.Errorf("it is of %s broadcasts", row["broadcasts"])
		}
	}
	if want := map[string]bool{"30 " + processes: true, "30 " + simulated: true, "100 " + simulated: true}; !cmp.Equal(want, judged) {
		t.Errorf("the budget is of %v", judged)
	}
}

// tables reads the two tables of the page: each row by the titles of its columns. A second title of one name is
// told by the one it belongs to: "predicted" after "packets, real" is "packets, predicted".
func tables(t *testing.T, part string) (rows, budget []map[string]string) {
	t.Helper()
	for _, titles := range [][]string{rowTitles, budgetTitles} {
		head := "| " + strings.Join(titles, " | ") + " |\n|" + strings.Repeat("---|", len(titles)) + "\n"
		_, body, found := strings.Cut(part, head)
		if !found {
			t.Fatalf("there is no table with the titles %q", titles)
		}
		for line := range strings.Lines(body) {
			if !strings.HasPrefix(line, "|") {
				break
			}
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			if len(cells) != len(titles) {
				t.Fatalf("a row of %d cells under %d titles: %s", len(cells), len(titles), line)
			}
			row, of := map[string]string{}, ""
			for i, title := range titles {
				if what, is := strings.CutSuffix(title, ", real"); is {
					of = what
				} else if title == "predicted" || title == "apart" {
					title = of + ", " + title
				}
				row[title] = strings.TrimSpace(cells[i])
			}
			if titles[0] == rowTitles[0] {
				rows = append(rows, row)
			} else {
				budget = append(budget, row)
			}
		}
	}
	return rows, budget
}

func pairOf(t *testing.T, row map[string]string, what string) Pair {
	t.Helper()
	return Pair{only(number(t, row[what+", real"])), only(number(t, row[what+", predicted"]))}
}

// number reads a mean, with or without its deviation.
func number(t *testing.T, cell string) float64 {
	t.Helper()
	mean, _, _ := strings.Cut(cell, " ")
	v, err := strconv.ParseFloat(mean, 64)
	if err != nil {
		t.Errorf("%q is no number", cell)
	}
	return v
}
