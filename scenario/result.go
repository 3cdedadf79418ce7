package scenario

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"gossipctl/check"
	"gossipctl/protocol"
	"gossipctl/trace"
)

// Result is what came of one run of a scenario.
type Result struct {
	Plan       *Plan
	Engine     string
	Conditions check.Conditions
	Verdict    check.Verdict
	Assertions []Assertion
	Measures   *Measures
	Memory     int64 // most bytes that any node took; 0: not measured
	Refused    int   // messages that a node did not take
	Hash       string
	Started    time.Time
	Wall       time.Duration
}

// State is the worst of what there is to say: failed, unknown or ok.
func (r *Result) State() State {
	state := Held
	if r.Verdict.Valid == check.Unknown {
		state = Unknown
	}
	for _, a := range r.Assertions {
		if a.State == Unknown {
			state = Unknown
		}
	}
	if r.Verdict.Valid == check.False || slices.ContainsFunc(r.Assertions, func(a Assertion) bool { return a.State == Failed }) {
		state = Failed
	}
	return state
}

// Options say how a run is done.
type Options struct {
	// Hash sums up the log of events. It takes a third of the time of a small simulated run.
	Hash bool
	// Log is where the events are written, one a line. May be nil.
	Log io.Writer
	// Progress is told of every action as it is done. May be nil.
	Progress func(Action)
	// Logs is handed what an engine that writes its run down has written, before that is gone. May be nil.
	Logs func(fs.FS) error
}

// Run carries out a plan on an engine and judges what happened. The error is about a run that could not be
// done; that something did not hold is none.
func Run(ctx context.Context, e Engine, p *Plan, o Options) (r *Result, err error) {
	defer func() {
		if err = errors.Join(err, e.Close()); err != nil {
			r = nil
		}
	}()
	r = &Result{Plan: p, Engine: e.Name(), Started: time.Now()}
	measurer, log := NewMeasurer(p.Network.Durable), newLogger(o)
	measurer.m.Partial = p.Network.Membership == check.Hyparview
	// Events are too many to keep, so the checker sees them at once; who has had how many lives it is told in the end.
	// Where the run was written down it reads that instead, as everybody can.
	checker := check.New(conditions(p, new(Ending)))
	events, last := 0, trace.Event{}
	refused, end, err := carryOut(ctx, e, p, func(ev *trace.Event) {
		measurer.Observe(ev)
		log.write(ev)
		checker.Event(ev)
		events++
		last = *ev
	}, o.Progress)
	if err == nil {
		err = log.finish()
	}
	if err == nil && end.Logs != nil && o.Logs != nil {
		err = o.Logs(end.Logs)
	}
	if err != nil {
		return nil, err
	}
	r.Refused, r.Memory, r.Hash = refused, end.Memory, log.sum()
	r.Conditions = conditions(p, &end)
	if end.Logs != nil {
		checker = check.New(r.Conditions)
		checker.ReadLogs(end.Logs)
	} else {
		checker.Know(r.Conditions)
	}
	r.Verdict = checker.Verdict()
	at := check.Where{Line: events, Event: last}
	at.Event.Counts = nil // which were lent
	stopped(&r.Verdict, check.Work, end.Overwork, at)
	stopped(&r.Verdict, check.Integrity, end.Broken, at)
	r.Verdict = only(r.Verdict, p.Assert.Guarantees)
	r.Measures = measurer.Measures(end.Began)
	r.Assertions = append([]Assertion{verdictOf(&r.Verdict)}, judge(p, measurer, r.Measures, end.Memory)...)
	r.Wall = time.Since(r.Started)
	return r, nil
}

// stopped adds to a verdict that an engine has seen a guarantee broken, and gone no further.
func stopped(v *check.Verdict, g check.Guarantee, why string, at check.Where) {
	if why == "" {
		return
	}
	one := check.Violation{Guarantee: g, What: "the run was stopped: " + why}
	if at.Line > 0 {
		one.First, one.Node = at, at.Event.Node
	}
	v.Valid, v.Violations = check.False, append(v.Violations, one)
}

// leastRounds of repair are waited for before anything counts as missing: every node has met several peers
// by then, and been met by as many.
const leastRounds = 5

// conditions are what a run of a plan is judged by.
func conditions(p *Plan, end *Ending) check.Conditions {
	c := check.Conditions{Nodes: everybody(p.Network.Nodes), Runs: end.Runs, Durable: p.Network.Durable, Work: end.Work, Parts: end.Parts}
	p.Network.promised(&c)
	if end.Conditions != nil {
		c = *end.Conditions
	}
	c.Incomplete = strings.Trim(c.Incomplete+"; "+end.Incomplete, "; ")
	c.Converge = check.DefaultConverge(p.Network.Nodes)
	if p.Network.Repair == protocol.RepairNone {
		c.Converge = 0 // nobody promises when
	} else {
		// What comes after the end is not seen; but who waits for less than some rounds of repair has not seen
		// that it fails.
		rounds := leastRounds * cmp.Or(p.Network.RepairEvery, protocol.RepairEvery)
		c.Converge = min(c.Converge, max(p.Settle, rounds))
	}
	return c
}

// only leaves the violations of some guarantees in a verdict; none given means all.
func only(v check.Verdict, wanted []string) check.Verdict {
	if len(wanted) == 0 || v.Valid != check.False {
		return v
	}
	v.Violations = slices.DeleteFunc(slices.Clone(v.Violations), func(one check.Violation) bool { return !slices.Contains(wanted, string(one.Guarantee)) })
	if len(v.Violations) > 0 {
		return v
	}
	if v.Valid = check.True; len(v.Unknown) > 0 {
		v.Valid = check.Unknown
	}
	return v
}

// verdictOf is the checker's word as a line of the table.
func verdictOf(v *check.Verdict) Assertion {
	a := Assertion{Name: "verdict", Wanted: check.True.String(), Was: v.Valid.String(), State: Held}
	switch v.Valid {
	case check.False:
		a.State = Failed
		a.Was += ": " + strings.Join(broken(v), ", ")
	case check.Unknown:
		a.State = Unknown
	}
	return a
}

// broken are the guarantees of which there are violations.
func broken(v *check.Verdict) (names []string) {
	for _, one := range v.Violations {
		if name := string(one.Guarantee); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// logger writes events down and sums them up.
type logger struct {
	out  *bufio.Writer
	hash hash.Hash
	line []byte
}

func newLogger(o Options) *logger {
	l := &logger{}
	if o.Log != nil {
		l.out = bufio.NewWriterSize(o.Log, 1<<16)
	}
	if o.Hash {
		l.hash = sha256.New()
	}
	return l
}

func (l *logger) write(e *trace.Event) {
	if l.out == nil && l.hash == nil {
		return
	}
	l.line = append(trace.AppendJSON(l.line[:0], e), '\n')
	if l.hash != nil {
		l.hash.Write(l.line)
	}
	if l.out != nil {
		l.out.Write(l.line) // its error stays until it is flushed
	}
}

func (l *logger) finish() error {
	if l.out == nil {
		return nil
	}
	if err := l.out.Flush(); err != nil {
		return fmt.Errorf("writing the log of events: %w", err)
	}
	return nil
}

func (l *logger) sum() string {
	if l.hash == nil {
		return ""
	}
	return hex.EncodeToString(l.hash.Sum(nil))
}
