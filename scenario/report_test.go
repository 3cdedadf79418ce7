package scenario

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"gossipctl/check"
)

// A report is whole and well-formed, needs nothing from elsewhere, and takes hostile text for text.
func TestReportsAreSafe(t *testing.T) {
	const hostile = `</style><script>alert(1)</script>"'&` + "\u202e\x1b[2J"
	r := simulate(t, open(t, "chaos", Override{}), 3, Options{Hash: true})
	r.Plan.Scenario.About = hostile
	r.Verdict.Valid = check.False
	r.Verdict.Violations = []check.Violation{{Guarantee: check.Integrity, Message: hostile, What: hostile}}
	r.Verdict.Unknown = []string{hostile}
	r.Assertions = append(r.Assertions, Assertion{hostile, hostile, hostile, Failed})
	r.Measures.Dropped[hostile] = 7
	for i := range r.Plan.Actions {
		if r.Plan.Actions[i].Do == DoSet {
			r.Plan.Actions[i].Rule.Name = hostile
		}
	}
	var page bytes.Buffer
	if err := WriteHTML(&page, r, "gossipctl "+hostile, hostile); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, bad := range []string{"<script", "http://", "https://", "src=", "href=", "¤", "%!"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page contains %s", bad)
		}
	}
	for _, good := range []string{"<svg", "polyline", "&lt;script&gt;", r.Hash, "Content-Security-Policy", "</html>"} {
		if !strings.Contains(text, good) {
			t.Errorf("the page does not contain %s", good)
		}
	}
	if strings.Count(text, "<svg") != 4 || strings.Count(text, "<svg") != strings.Count(text, "</svg>") || strings.Count(text, "<table") != strings.Count(text, "</table>") {
		t.Error("something is not closed")
	}

	var j JUnit
	j.Add(r, "gossipctl "+hostile)
	j.AddError(r.Plan.Scenario, 5, errors.New(hostile), "again")
	var report bytes.Buffer
	if err := j.Write(&report); err != nil {
		t.Fatal(err)
	}
	var read junitSuites
	if err := xml.Unmarshal(report.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if len(read.Suites) != 2 || read.Suites[0].Failures != 1 || read.Suites[0].Tests != 4 || read.Suites[1].Errors != 1 ||
		!strings.Contains(read.Suites[0].Cases[3].Failure.Message, "<script>") {
		t.Errorf("%+v", read)
	}
}

// A page of a run in which nothing happened is a page.
func TestAnEmptyRunHasAReport(t *testing.T) {
	r := simulate(t, written(t, "name: x\nnetwork: {nodes: 1, topology: complete}\nworkload: {messages: 0}\nsettle: 0s"), 1, Options{})
	if r.State() != Held || r.Measures.Coverage != 1 {
		t.Errorf("%s: %+v", r.Why(), r.Measures)
	}
	if err := WriteHTML(io.Discard, r, "", ""); err != nil {
		t.Error(err)
	}
}
