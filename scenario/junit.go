package scenario

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

// The elements of a JUnit report that every reader of them knows.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Stamp    string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
		Skipped *junitProblem `xml:"skipped"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit collects runs for a report that continuous integration reads: each run is a suite, each assertion
// a test. What is unknown is an error there, because it is neither passed nor failed.
type JUnit struct{ suites []junitSuite }

// Add takes in a run. Repeat is the command that repeats it.
func (j *JUnit) Add(r *Result, repeat string) {
	s := junitSuite{Name: fmt.Sprintf("%s seed %d", r.Plan.Name, r.Plan.Seed), Time: seconds(r.Wall), Stamp: r.Started.UTC().Format(time.RFC3339)}
	for _, a := range r.Assertions {
		c := junitCase{Name: a.Name + " " + a.Wanted, Class: "scenario." + r.Plan.Name, Time: seconds(r.Wall)}
		problem := &junitProblem{Message: fmt.Sprintf("%s was %s, wanted %s", a.Name, a.Was, a.Wanted), Text: r.Why() + "\nrepeat with: " + repeat}
		s.Tests++
		switch a.State {
		case Failed:
			s.Failures++
			c.Failure = problem
		case Unknown:
			s.Errors++
			c.Error = problem
		case Skipped:
			s.Skipped++
			c.Skipped = &junitProblem{Message: a.Was}
		}
		s.Cases = append(s.Cases, c)
	}
	j.suites = append(j.suites, s)
}

// AddError takes in a run that could not be done.
func (j *JUnit) AddError(s *Scenario, seed uint64, err error, repeat string) {
	problem := &junitProblem{Message: err.Error(), Text: "repeat with: " + repeat}
	j.suites = append(j.suites, junitSuite{Name: fmt.Sprintf("%s seed %d", s.Name, seed), Tests: 1, Errors: 1, Time: "0",
		Cases: []junitCase{{Name: "run", Class: "scenario." + s.Name, Time: "0", Error: problem}}})
}

// Write writes the report.
func (j *JUnit) Write(w io.Writer) error {
	text, err := xml.MarshalIndent(junitSuites{Suites: j.suites}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the JUnit report: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, text); err != nil {
		return fmt.Errorf("writing the JUnit report: %w", err)
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
