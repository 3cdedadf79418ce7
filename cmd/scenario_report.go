package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gossipctl/check"
	"gossipctl/cmd/term"
	"gossipctl/node/api"
	"gossipctl/scenario"
)

// maxResults is how many runs are shown one by one: of more, those that were not ok.
const maxResults = 20

// scenarioReport collects the runs of one command.
type scenarioReport struct {
	scenario.Summary
	o      *runScenario
	engine string
	total  int
	kept   []scenario.Outcome // those that are shown
	folder map[int]string     // of those saved, by place in kept
	junit  scenario.JUnit
	errs   []error
}

func newScenarioReport(o *runScenario, engine string) *scenarioReport {
	return &scenarioReport{o: o, engine: engine, total: len(o.cases) * o.between.Len(), folder: make(map[int]string)}
}

func (r *scenarioReport) add(out scenario.Outcome) {
	r.Add(out)
	ok := out.Err == nil && out.Result.State() == scenario.Held
	if out.Err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s with seed %d: %w", out.Scenario.Name, out.Seed, out.Err))
	}
	if len(r.kept) < maxResults && (r.total <= maxResults || !ok) {
		r.kept = append(r.kept, out)
		repeat := r.o.repeat(out.Scenario, out.Seed)
		if out.Err != nil {
			r.junit.AddError(out.Scenario, out.Seed, out.Err, repeat)
		} else {
			r.junit.Add(out.Result, repeat)
		}
	}
}

// scenarioDoc is the JSON of run-scenario.
type scenarioDoc struct {
	Scenario  string                  `json:"scenario"`
	Engine    string                  `json:"engine"` // simulated or live
	State     scenario.State          `json:"state"`  // ok, failed or unknown: the worst of all runs
	Runs      int                     `json:"runs"`
	OK        int                     `json:"ok"`
	Failed    int                     `json:"failed"`
	Unknown   int                     `json:"unknown"`
	Errors    int                     `json:"errors"`   // runs that could not be done
	Violated  map[check.Guarantee]int `json:"violated"` // runs in which a guarantee was
	Failures  []failureDoc            `json:"failures"` // the first runs that were not ok
	Events    uint64                  `json:"events"`
	PerSecond float64                 `json:"runs_per_second"`
	WallMS    float64                 `json:"wall_ms"`
	Results   []resultDoc             `json:"results"` // up to 20: all runs, or of more those that were not ok
}

type failureDoc struct {
	Case   string         `json:"case,omitempty"`
	Seed   uint64         `json:"seed"`
	State  scenario.State `json:"state"`
	Why    string         `json:"why"`
	Repeat string         `json:"repeat"`
}

type resultDoc struct {
	Name       string            `json:"name"`
	Case       string            `json:"case,omitempty"`
	Seed       uint64            `json:"seed"`
	State      scenario.State    `json:"state"`
	Nodes      int               `json:"nodes"`
	Assertions []assertionDoc    `json:"assertions"`
	Verdict    check.Verdict     `json:"verdict"`
	Live       int               `json:"live"` // nodes read in the end
	Published  int               `json:"published"`
	Accepted   int               `json:"accepted"`
	Refused    int               `json:"refused"` // messages that a node did not take
	Coverage   float64           `json:"coverage"`
	Redundancy float64           `json:"redundancy"`
	P50MS      float64           `json:"latency_p50_ms"`
	P99MS      float64           `json:"latency_p99_ms"`
	Dropped    map[string]uint64 `json:"dropped"` // packets by reason
	Memory     int64             `json:"memory_bytes,omitempty"`
	Faults     int               `json:"faults"` // moments at which something was broken or mended
	LengthMS   float64           `json:"length_ms"`
	Events     int               `json:"events"`
	Hash       string            `json:"hash,omitempty"` // SHA-256 of the events
	WallMS     float64           `json:"wall_ms"`
	Folder     string            `json:"folder,omitempty"`
	Repeat     string            `json:"repeat"`
}

type assertionDoc struct {
	Name   string         `json:"name"`
	Wanted string         `json:"wanted"`
	Was    string         `json:"was"`
	State  scenario.State `json:"state"`
}

func (r *scenarioReport) state() scenario.State {
	switch {
	case r.Failed+r.Errors > 0:
		return scenario.Failed
	case r.Unknown > 0:
		return scenario.Unknown
	}
	return scenario.Held
}

func (r *scenarioReport) doc() scenarioDoc {
	d := scenarioDoc{
		Scenario: r.o.cases[0].Base, Engine: r.engine, State: r.state(), Runs: r.Runs, OK: r.OK, Failed: r.Failed, Unknown: r.Unknown, Errors: r.Errors,
		Violated: r.Guarantees, Failures: []failureDoc{}, Events: r.Events, PerSecond: float64(r.Runs) / max(r.Wall.Seconds(), 1e-9), WallMS: ms(r.Wall), Results: []resultDoc{},
	}
	for _, b := range r.First {
		s := r.scenario(b.Case)
		d.Failures = append(d.Failures, failureDoc{b.Case, b.Seed, b.State, b.Why, r.o.repeat(s, b.Seed)})
	}
	for i, out := range r.kept {
		if out.Result != nil {
			one := resultDocOf(out.Result)
			one.Folder, one.Repeat = r.folder[i], r.o.repeat(out.Scenario, out.Seed)
			d.Results = append(d.Results, one)
		}
	}
	return d
}

func (r *scenarioReport) scenario(which string) *scenario.Scenario {
	for _, s := range r.o.cases {
		if s.Case == which {
			return s
		}
	}
	return r.o.cases[0]
}

func resultDocOf(r *scenario.Result) resultDoc {
	m, p := r.Measures, r.Plan
	d := resultDoc{
		Name: p.Name, Case: p.Case, Seed: p.Seed, State: r.State(), Nodes: p.Network.Nodes, Assertions: []assertionDoc{}, Verdict: r.Verdict,
		Live: m.Live, Published: m.Published, Accepted: m.Accepted, Refused: r.Refused, Coverage: m.Coverage, Redundancy: m.Redundancy,
		P50MS: ms(m.P50), P99MS: ms(m.P99), Dropped: m.Dropped, Memory: r.Memory, LengthMS: ms(p.End), Events: m.Events, Hash: r.Hash, WallMS: ms(r.Wall),
	}
	d.Faults = len(p.Faults())
	for _, a := range r.Assertions {
		d.Assertions = append(d.Assertions, assertionDoc{a.Name, a.Wanted, a.Was, a.State})
	}
	return d
}

// finishReport writes what was asked for, shows the result, and makes the exit status of it.
func (o *runScenario) finishReport(r *scenarioReport) error {
	if err := o.writeReports(r); err != nil {
		return err
	}
	if err := o.print(r.doc(), func(w io.Writer) { o.show(w, r) }, func(t *term.Table) {
		t.Columns("scenario", "seed", "state", "why")
		for _, out := range r.kept {
			state, why := scenario.Failed, ""
			if out.Result != nil {
				state, why = out.Result.State(), out.Result.Why()
			} else {
				why = out.Err.Error()
			}
			t.Row(out.Scenario.Name, out.Seed, state, why)
		}
	}); err != nil {
		return err
	}
	return o.verdict(r)
}

// verdict is the error that makes the exit status.
func (o *runScenario) verdict(r *scenarioReport) error {
	if r.Runs == r.OK {
		return nil
	}
	if r.Runs == r.Errors { // none could be done: the first says why
		return r.errs[0]
	}
	hint := ""
	if len(r.First) > 0 {
		hint = "repeat it with " + o.repeat(r.scenario(r.First[0].Case), r.First[0].Seed)
	}
	name := o.cases[0].Base
	if r.Runs == 1 {
		b := r.First[0]
		if r.Unknown == 1 {
			return api.NewError(codeUnknown, fmt.Sprintf("%s: what happened cannot be told for sure: %s", name, b.Why), hint)
		}
		return api.NewError(api.CodeCheckFailed, fmt.Sprintf("%s did not hold: %s", name, b.Why), hint)
	}
	if r.Failed+r.Errors == 0 {
		return api.NewError(codeUnknown, fmt.Sprintf("%s: of %d of %d runs it cannot be told what happened", name, r.Unknown, r.Runs), hint)
	}
	return api.NewError(api.CodeCheckFailed, fmt.Sprintf("%s did not hold in %d of %d runs", name, r.Runs-r.OK, r.Runs), hint)
}

// show is what a person reads.
func (o *runScenario) show(w io.Writer, r *scenarioReport) {
	if r.total == 1 && len(r.kept) == 1 && r.kept[0].Result != nil {
		o.showOne(w, r, r.kept[0].Result)
		return
	}
	fmt.Fprintf(w, "%s, %s%s\n\n", o.OutColor.Strong(term.Escape(o.cases[0].Base)), r.engine, about(o.cases[0]))
	var t term.Table
	t.Columns("", "runs", "ok", "failed", "unknown")
	t.Row("all", r.Runs, r.OK, r.Failed+r.Errors, r.Unknown)
	t.Write(w)
	if r.total <= maxResults {
		var each term.Table
		each.Columns("scenario", "seed", "", "coverage", "redundancy", "p99", "events")
		for _, out := range r.kept {
			if out.Result == nil {
				each.Row(out.Scenario.Name, out.Seed, o.OutColor.Bad("error"), "", "", "", "")
				continue
			}
			m := out.Result.Measures
			each.Row(out.Scenario.Name, out.Seed, o.paint(out.Result.State()), fmt.Sprintf("%.4g", m.Coverage), fmt.Sprintf("%.3g", m.Redundancy), term.Duration(m.P99), m.Events)
		}
		fmt.Fprintln(w)
		each.Write(w)
	}
	if len(r.First) > 0 {
		fmt.Fprintf(w, "\n%s\n", o.OutColor.Strong("Not ok"))
		for _, b := range r.First {
			fmt.Fprintf(w, "  %s %s\n    %s\n", o.paint(b.State), term.Escape(o.repeat(r.scenario(b.Case), b.Seed)), term.Escape(b.Why))
		}
		if more := r.Runs - r.OK - len(r.First); more > 0 {
			fmt.Fprintf(w, "  and %s more\n", term.Count(more))
		}
	}
	fmt.Fprintf(w, "\n%s\n", o.OutColor.Faint(term.Escape(fmt.Sprintf("%s events in %s, %.3g runs a second", term.Count(r.Events), term.Duration(r.Wall),
		float64(r.Runs)/max(r.Wall.Seconds(), 1e-9)))))
}

func about(s *scenario.Scenario) term.Safe {
	if s.About == "" {
		return ""
	}
	return ": " + term.Escape(s.About)
}

func (o *runScenario) paint(s scenario.State) term.Safe {
	switch text := term.Escape(string(s)); s {
	case scenario.Held:
		return o.OutColor.Good(text)
	case scenario.Failed:
		return o.OutColor.Bad(text)
	case scenario.Unknown:
		return o.OutColor.Warn(text)
	default:
		return o.OutColor.Faint(text)
	}
}

// maxShown is how many violations are shown to a person: they often have one cause.
const maxShown = 5

func (o *runScenario) showOne(w io.Writer, r *scenarioReport, one *scenario.Result) {
	p, m := one.Plan, one.Measures
	fmt.Fprintf(w, "%s, %s, seed %d%s\n\n", o.OutColor.Strong(term.Escape(p.Name)), r.engine, p.Seed, about(p.Scenario))
	var t term.Table
	t.Columns("", "wanted", "was", "")
	for _, a := range one.Assertions {
		t.Row(a.Name, a.Wanted, a.Was, o.paint(a.State))
	}
	t.Write(w)
	for i, v := range one.Verdict.Violations {
		if i == 0 {
			fmt.Fprintln(w)
		}
		if i == maxShown {
			fmt.Fprintf(w, "and %d more\n", len(one.Verdict.Violations)+one.Verdict.More-maxShown)
			break
		}
		fmt.Fprintf(w, "%s %s\n", o.OutColor.Bad(term.Escape(string(v.Guarantee))), term.Escape(v.What))
	}
	for i, why := range one.Verdict.Unknown {
		if i == maxShown {
			fmt.Fprintf(w, "and %d reasons more\n", len(one.Verdict.Unknown)-maxShown)
			break
		}
		fmt.Fprintf(w, "%s %s\n", o.OutColor.Warn("unknown:"), term.Escape(why))
	}
	fmt.Fprintf(w, "\n%s, %s broken or mended; after %s %s of %s were alive and read\n", term.Plural(m.Published, "message"),
		term.Plural(len(p.Faults()), "thing was", "things were"), term.Duration(p.End), term.Count(m.Live), term.Plural(p.Network.Nodes, "node"))
	if one.Refused+p.Unsent > 0 {
		fmt.Fprintf(w, "%s not published: nobody was there to take them\n", term.Plural(one.Refused+p.Unsent, "message was", "messages were"))
	}
	fmt.Fprintf(w, "%s\n", o.OutColor.Faint(term.Escape(fmt.Sprintf("%s events in %s; again with %s", term.Count(m.Events), term.Duration(one.Wall), o.repeat(r.scenario(p.Case), p.Seed)))))
	if folder := r.folder[0]; folder != "" {
		fmt.Fprintf(w, "Saved in %s\n", term.Escape(folder))
	}
}

// writeReports writes the files that were asked for.
func (o *runScenario) writeReports(r *scenarioReport) error {
	if o.junit != "" {
		if err := writeFile(o.junit, r.junit.Write); err != nil {
			return err
		}
	}
	if o.html == "" {
		return nil
	}
	var worst *scenario.Result
	for _, out := range r.kept {
		if out.Result != nil && (worst == nil || worst.State() == scenario.Held && out.Result.State() != scenario.Held) {
			worst = out.Result
		}
	}
	if worst == nil {
		o.note("there is no run to report in %s", term.Escape(o.html))
		return nil
	}
	return writeFile(o.html, func(w io.Writer) error {
		return scenario.WriteHTML(w, worst, o.repeat(r.scenario(worst.Plan.Case), worst.Plan.Seed), version)
	})
}

// folder is where a run is saved.
func (o *runScenario) folder(r *scenarioReport, j scenario.Job) string {
	if r.total == 1 {
		return o.save
	}
	name := fmt.Sprintf("seed-%d", j.Seed)
	if j.Scenario.Case != "" {
		name = strings.Map(func(c rune) rune {
			if strings.ContainsRune("/\\ %:", c) {
				return '-'
			}
			return c
		}, j.Scenario.Case) + "-" + name
	}
	return filepath.Join(o.save, name)
}

// saveRun saves one run in a folder of its own, if that was asked for. Events are written by whoever has
// them.
func (o *runScenario) saveRun(r *scenarioReport, out scenario.Outcome, events func(folder string) error) error {
	if o.save == "" {
		return nil
	}
	folder := o.folder(r, out.Job)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("saving the run: %w", err)
	}
	if err := events(folder); err != nil {
		return fmt.Errorf("saving the run: %w", err)
	}
	for i := range r.kept {
		if r.kept[i].Job == out.Job {
			r.folder[i] = folder
		}
	}
	repeat := o.repeatArgs(out.Scenario, out.Seed)
	spec, err := json.Marshal(struct {
		Scenario string `json:"scenario"`
		Case     string `json:"case,omitempty"`
		Engine   string `json:"engine"`
		File     string `json:"file"` // as it was read
	}{out.Scenario.Name, out.Scenario.Case, r.engine, out.Scenario.Text()})
	if err != nil {
		return fmt.Errorf("saving the run: %w", err)
	}
	return errors.Join(
		writeJSON(filepath.Join(folder, check.ManifestName), check.Manifest{FileVersion: check.ManifestVersion, Version: version, Command: repeat, Seed: out.Seed,
			Started: out.Result.Started.UTC(), Spec: spec, Conditions: out.Result.Conditions}),
		writeJSON(filepath.Join(folder, "result.json"), resultDocOf(out.Result)),
		writeFile(filepath.Join(folder, "report.html"), func(w io.Writer) error {
			return scenario.WriteHTML(w, out.Result, check.CommandLine(repeat), version)
		}),
		writeFile(filepath.Join(folder, "scenario.yaml"), func(w io.Writer) error {
			_, err := io.WriteString(w, out.Scenario.Text())
			return err
		}),
	)
}

func writeJSON(path string, doc any) error {
	return writeFile(path, func(w io.Writer) error {
		return term.Print(term.Streams{Out: w}, term.Output{Format: term.FormatJSON}, doc, nil)
	})
}

func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
