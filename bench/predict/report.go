package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// Machine is where a report was made.
type Machine struct {
	CPUs     int     `json:"cpus"`
	Platform string  `json:"platform"`
	Go       string  `json:"go"`
	Load     float64 `json:"load_1m"` // before the run
}

// Report is everything one run found. It is the JSON that -o json prints.
type Report struct {
	Machine  Machine     `json:"machine"`
	Began    time.Time   `json:"began"`
	Complete bool        `json:"complete"` // false: something could not be measured, rows are missing
	Latency  string      `json:"latency"`  // of links, real and simulated
	Rows     []Row       `json:"rows"`
	Budget   []BudgetRow `json:"budget"`
}

func newReport(latency string) *Report {
	return &Report{
		Machine: Machine{CPUs: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Load: loadAverage()},
		Began:   time.Now(), Latency: latency, Rows: []Row{}, Budget: []BudgetRow{},
	}
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

// print writes the report as "table", "markdown" or "json".
func (r *Report) print(w io.Writer, format string) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case "markdown":
		_, err := io.WriteString(w, r.markdown())
		return err
	}
	_, err := io.WriteString(w, r.text())
	return err
}

// Where the part of a document begins and ends that this program writes.
const (
	partBegins = "<!-- predicted: written by make predict UPDATE=1 -->\n"
	partEnds   = "<!-- end of predicted -->"
)

// update writes the tables into a document.
func (r *Report) update(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, begins := strings.Cut(string(text), partBegins)
	_, tail, ends := strings.Cut(rest, partEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no part between %q and %q", path, strings.TrimSpace(partBegins), partEnds)
	}
	return os.WriteFile(path, []byte(head+partBegins+r.markdown()+partEnds+tail), 0o644)
}
