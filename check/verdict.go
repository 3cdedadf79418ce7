package check

import (
	"encoding/json"
	"fmt"
	"slices"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// Guarantee names one of the promises, G1 to G12.
type Guarantee string

// The guarantees that logs can show. G10 is shown by [LogHash], G11 by this package being used for real and
// simulated runs alike.
const (
	Integrity    Guarantee = "G1"
	Duplication  Guarantee = "G2"
	Validity     Guarantee = "G3"
	Agreement    Guarantee = "G4"
	Bound        Guarantee = "G5"
	Ordering     Guarantee = "G6"
	Work         Guarantee = "G7"
	Membership   Guarantee = "G8"
	Conservation Guarantee = "G9"
	Values       Guarantee = "G12"
)

// Guarantees are all that are judged, in order.
func Guarantees() []Guarantee { return slices.Clone(guarantees) }

var guarantees = []Guarantee{Integrity, Duplication, Validity, Agreement, Bound, Ordering, Work, Membership, Conservation, Values}

// Title says in some words what the guarantee is about.
func (g Guarantee) Title() string {
	switch g {
	case Integrity:
		return "integrity: what is in an inbox was published, byte for byte"
	case Duplication:
		return "no duplication: no message is twice in an inbox"
	case Validity:
		return "validity: what a live node has accepted, every live node has"
	case Agreement:
		return "agreement: what one live node has, every live node has"
	case Bound:
		return "bound: all agree in time after the last fault"
	case Ordering:
		return "order: messages of one origin come in order"
	case Work:
		return "bounded work: no message is sent more often than allowed"
	case Membership:
		return "membership: who is dead is known to be, who lives is known to live, and no dead life comes back"
	case Values:
		return "values: no version goes back, and in the end all have what its owner has set"
	case Conservation:
		return "conservation: every packet sent is received, dropped for a reason, or on its way"
	}
	return string(g)
}

// Valid is what the checker says of a run.
type Valid int8

// The verdicts. The zero value is Unknown.
const (
	Unknown Valid = iota
	True
	False
)

// String is valid, violated or unknown.
func (v Valid) String() string {
	switch v {
	case True:
		return "valid"
	case False:
		return "violated"
	}
	return "unknown"
}

// MarshalJSON writes true, false or "unknown".
func (v Valid) MarshalJSON() ([]byte, error) {
	switch v {
	case True:
		return []byte("true"), nil
	case False:
		return []byte("false"), nil
	}
	return []byte(`"unknown"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Valid) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true":
		*v = True
	case "false":
		*v = False
	case `"unknown"`:
		*v = Unknown
	default:
		return fmt.Errorf("%.40s is neither true, false nor \"unknown\"", data)
	}
	return nil
}

// Where is an event and its place in the logs.
type Where struct {
	Log   string // as Checker.Log was told; empty in a run without files
	Line  int    // of the log, or which event it was, from 1
	Event trace.Event
}

type whereJSON struct {
	Log   string          `json:"log"`
	Line  int             `json:"line"`
	Event json.RawMessage `json:"event"`
}

// MarshalJSON writes the event as it stands in a log.
func (w Where) MarshalJSON() ([]byte, error) {
	return json.Marshal(whereJSON{w.Log, w.Line, trace.AppendJSON(nil, &w.Event)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (w *Where) UnmarshalJSON(data []byte) error {
	var j whereJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	e, err := trace.ParseEvent(j.Event)
	if err != nil {
		return fmt.Errorf("first_event: %w", err)
	}
	*w = Where{j.Log, j.Line, e}
	return nil
}

// Violation is a guarantee that was not kept.
type Violation struct {
	Guarantee Guarantee     `json:"guarantee"`
	Message   string        `json:"id"`   // of the message; empty where it is about none
	Node      gossip.NodeID `json:"node"` // where it shows
	First     Where         `json:"first_event"`
	What      string        `json:"what"` // a sentence
}

// Checked is how much of a guarantee was looked at.
type Checked struct {
	Guarantee  Guarantee `json:"guarantee"`
	Facts      int       `json:"facts"` // single statements that were checked, such as "node 3 has message 8.1.1"
	Violations int       `json:"violations"`
}

// Verdict is what the checker says of a run. It is violated when a violation was found, whatever is
// missing besides; else unknown when anything is missing; else valid.
type Verdict struct {
	Valid      Valid       `json:"valid"`
	Violations []Violation `json:"violations"` // of each guarantee the first MaxViolations
	More       int         `json:"more"`       // violations that are not listed
	Unknown    []string    `json:"unknown"`    // why not all can be told
	Notes      []string    `json:"notes"`      // what was not looked at, and nothing depends on
	Checked    []Checked   `json:"checked"`
	Nodes      int         `json:"nodes"` // that the run had
	Live       int         `json:"live"`  // of them, at the final read
	Messages   int         `json:"messages"`
	Updates    int         `json:"updates,omitempty"` // of values
	Events     int         `json:"events"`
}

// Bounds of a verdict. Whatever is behind them is counted.
const (
	MaxViolations = 20 // of each guarantee: enough to see what they have in common
	MaxReasons    = 50
)
