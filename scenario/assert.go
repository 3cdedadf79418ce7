package scenario

import (
	"fmt"
	"strings"
	"time"
)

// State is what became of an assertion.
type State string

// What can become of an assertion.
const (
	Held    State = "ok"
	Failed  State = "failed"
	Unknown State = "unknown" // the evidence is incomplete
	Skipped State = "skipped" // it says nothing about this sort of run
)

// Assertion is one line of the table: what was wanted, and what was.
type Assertion struct {
	Name   string
	Wanted string
	Was    string
	State  State
}

// judge holds the measures of a run against what was asserted.
func judge(p *Plan, o *Measurer, m *Measures, memory int64) []Assertion {
	var list []Assertion
	a := &p.Assert
	add := func(name string, b *Bound, value float64, was string) {
		if b == nil {
			return
		}
		state := Failed
		if b.Holds(value) {
			state = Held
		}
		switch nothing := m.nothing(); {
		case !needsMessages[name]:
		case nothing != "":
			was, state = nothing, Unknown
		case name != "coverage" && len(m.Latencies) == 0:
			was, state = "no message arrived at another node", Unknown
		}
		list = append(list, Assertion{name, b.Text, was, state})
	}
	if b := a.Coverage; b != nil {
		value := m.Coverage
		if b.Within > 0 && b.After == afterHeal {
			value = o.CoverageAt(m.Begin.Add(p.Healed+b.Within), b.Within)
		} else if b.Within > 0 {
			value = o.CoverageAt(m.Begin, b.Within)
		}
		add("coverage", b, value, shareText(value))
	}
	add("redundancy", a.Redundancy, m.Redundancy, fmt.Sprintf("%.3g", m.Redundancy))
	add("latency_p50", a.LatencyP50, float64(m.P50), timeText(m.P50))
	add("latency_p99", a.LatencyP99, float64(m.P99), timeText(m.P99))
	dropped := uint64(0)
	for _, n := range m.Dropped {
		dropped += n
	}
	add("dropped", a.Dropped, float64(dropped), fmt.Sprint(dropped))
	if b := a.Memory; b != nil && memory == 0 {
		list = append(list, Assertion{"memory", b.Text, "not measured in the simulator", Skipped})
	} else {
		add("memory", b, float64(memory), fmt.Sprintf("%.1fMB", float64(memory)/1e6))
	}
	if a.Inboxes {
		one := Assertion{"inboxes", "equal", "equal", Held}
		if nothing := m.nothing(); nothing != "" {
			one.Was, one.State = nothing, Unknown
		} else if !m.InboxEqual {
			one.Was, one.State = "different", Failed
		}
		list = append(list, one)
	}
	return append(list, judgeShared(p, m)...)
}

// judgeShared holds values and views against what was asserted.
func judgeShared(p *Plan, m *Measures) (list []Assertion) {
	if b := p.Assert.Values; b != nil {
		after := max(m.ValuesLast-max(p.Healed, m.ValuesSet), 0)
		one := Assertion{"values", b.Text, fmt.Sprintf("equal, %s after the last heal and value", timeText(after)), Held}
		switch {
		case m.Live == 0:
			one.Was, one.State = "no node lived in the end", Unknown
		case m.Changes == 0:
			one.Was, one.State = "no value was set", Unknown
		case !m.ValuesEqual:
			one.Was, one.State = "different", Failed
		case b.Within > 0 && after > b.Within:
			one.State = Failed
		}
		list = append(list, one)
	}
	if p.Assert.Members {
		one := Assertion{"members", "agree", "agree", Held}
		switch {
		case m.Live == 0:
			one.Was, one.State = "no node lived in the end", Unknown
		case m.Misjudged != "":
			one.Was, one.State = m.Misjudged, Failed
		}
		list = append(list, one)
	}
	return list
}

// needsMessages are the assertions that hold of themselves where no message was accepted, or nobody has it.
var needsMessages = map[string]bool{"coverage": true, "latency_p50": true, "latency_p99": true}

// nothing says why there is nothing that inboxes could be judged by; empty: there is.
func (m *Measures) nothing() string {
	switch {
	case m.Live == 0:
		return "no node lived in the end"
	case m.Accepted == 0:
		return "no message was accepted"
	}
	return ""
}

// shareText writes a share so that what is not all never looks like all.
func shareText(v float64) string {
	text := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", v), "0"), ".")
	if v < 1 && text == "1" {
		return "0.9999…"
	}
	return text
}

func timeText(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.String()
}
