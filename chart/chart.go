package chart

// Kind is the way a panel shows its series. The zero value means Lines.
type Kind string

// The kinds of panels.
const (
	Lines     Kind = "lines"     // a curve through the points of every series
	Histogram Kind = "histogram" // a bar for every point; X is the middle of a bar
)

// Chart is a figure.
type Chart struct {
	Title    string `json:"title"`
	Subtitle string `json:"subtitle"`

	// Band says what the bands round the curves are, such as "10th to 90th percentile of 20 runs".
	Band string `json:"band,omitempty"`

	Panels []Panel `json:"panels"` // in reading order
}

// Panel is one pair of axes and what is shown between them.
type Panel struct {
	Title string `json:"title"`
	X     string `json:"x"` // labels of the axes, with their units: "time after sending (ms)"
	Y     string `json:"y"`
	Kind  Kind   `json:"kind,omitempty"`

	// A logarithmic axis starts below the least positive value, and shows 0 at its foot: that is
	// where a residue goes when everybody has the message.
	LogX bool `json:"log_x,omitempty"`
	LogY bool `json:"log_y,omitempty"`

	// Percent says that the Y values are shares of 1, to be shown as percent.
	Percent bool `json:"percent,omitempty"`

	// YMin and YMax are the ends of the Y axis; nil leaves an end to the values. What lies
	// outside is cut off. A linear axis of values that are never negative starts at 0 by itself.
	YMin *float64 `json:"y_min,omitempty"`
	YMax *float64 `json:"y_max,omitempty"`

	Series []Series `json:"series"`
}

// Series are the points that belong together. A name that stands in several panels has the same
// look in all of them. The only series of a panel may go without one, and is in no legend then.
type Series struct {
	Name string `json:"name"`

	X []float64 `json:"x"` // never descending; of bars, ascending
	Y []float64 `json:"y"` // as many; of bars, never negative

	// Low and High are the ends of a band round the curve, or of a whisker on every bar: both or
	// neither, as many as Y. Y may lie outside, as a mean may outside percentiles.
	Low  []float64 `json:"low,omitempty"`
	High []float64 `json:"high,omitempty"`
}

// Names lists the names of all series, each once, in the order they first stand in. The place of a
// name in the list is the number of its look, see [LookOf]; a series without a name has the first.
func (c Chart) Names() []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, p := range c.Panels {
		for _, s := range p.Series {
			if !seen[s.Name] {
				seen[s.Name] = true
				names = append(names, s.Name)
			}
		}
	}
	return names
}

// Banded reports whether a series of c has a band.
func (c Chart) Banded() bool {
	for _, p := range c.Panels {
		for _, s := range p.Series {
			if len(s.Low) > 0 {
				return true
			}
		}
	}
	return false
}

func (p Panel) kind() Kind {
	if p.Kind == "" {
		return Lines
	}
	return p.Kind
}

// Bars reports whether p shows bars.
func (p Panel) Bars() bool { return p.kind() == Histogram }

// Empty reports whether p has nothing to show.
func (p Panel) Empty() bool {
	for _, s := range p.Series {
		if len(s.X) > 0 {
			return false
		}
	}
	return true
}
