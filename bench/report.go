package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Verdict is how a number stands to its target.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"      // the target is met
	Short   Verdict = "short"   // it is not
	Stated  Verdict = "stated"  // there is no target, the number is only told
	Failed  Verdict = "failed"  // gossipctl could not be measured; the note says why
	Unasked Verdict = "unasked" // only the limits were asked for
)

// Row is one measured thing: the machine's limit, gossipctl, and what was hoped for.
type Row struct {
	Section   string   `json:"section"`
	What      string   `json:"what"`
	Nodes     int      `json:"nodes"`
	Unit      string   `json:"unit"`      // of Limit and Gossipctl: ms, per_second, mb (10^6 bytes), packets, deliveries
	Limit     *float64 `json:"limit"`     // null: there is none
	Gossipctl *float64 `json:"gossipctl"` // null: not measured
	Ratio     *float64 `json:"ratio"`     // gossipctl ÷ limit; null when one is missing or the limit is 0
	Target    *Bound   `json:"target"`    // null: only stated
	Stretch   *Bound   `json:"stretch"`
	Verdict   Verdict  `json:"verdict"` // against Target
	Note      string   `json:"note,omitempty"`
}

// Machine is where a report was made.
type Machine struct {
	CPUs       int     `json:"cpus"`
	Platform   string  `json:"platform"`
	Go         string  `json:"go"`
	Load       float64 `json:"load_1m"`     // before the run; above a fraction of the CPUs, numbers waver
	LimitProcs int     `json:"limit_procs"` // GOMAXPROCS of the limit programs, 0: Go's choice
}

// Report is everything one run found. It is the JSON that -o json prints.
type Report struct {
	Machine  Machine   `json:"machine"`
	Began    time.Time `json:"began"`
	Complete bool      `json:"complete"` // false: ended early, rows are missing
	Rows     []Row     `json:"rows"`
}

// errUnasked stands in for a measurement of gossipctl that was not wanted.
var errUnasked = errors.New("only the limits were asked for")

func newReport(limitProcs int) *Report {
	return &Report{
		Machine: Machine{
			CPUs: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
			Load: loadAverage(), LimitProcs: limitProcs,
		},
		Began: time.Now(),
		Rows:  []Row{},
	}
}

// finding is one number measured of gossipctl, or why there is none.
type finding struct {
	value float64
	note  string
	err   error
}

// add completes a row with what was found and files it.
func (r *Report) add(row Row, f finding) {
	row.Note = f.note
	switch {
	case errors.Is(f.err, errUnasked) && row.Limit == nil:
		return // nothing to show
	case errors.Is(f.err, errUnasked):
		row.Verdict = Unasked
	case f.err != nil:
		row.Verdict, row.Note = Failed, f.err.Error()
	default:
		row.Gossipctl = &f.value
		if row.Limit != nil && *row.Limit != 0 {
			row.Ratio = new(f.value / *row.Limit)
		}
		row.Verdict = row.Target.judge(f.value, row.Limit)
	}
	r.Rows = append(r.Rows, row)
}

// failed reports whether something could not be measured.
func (r *Report) failed() bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Verdict == Failed })
}

// print writes the report as "table" or "json".
func (r *Report) print(w io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err := io.WriteString(w, r.table())
	return err
}

// loadAverage is the kernel's over the last minute, 0 where it tells none.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	fmt.Fscan(strings.NewReader(string(text)), &load)
	return load
}

// median of values, which it sorts; there has to be at least one.
func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
