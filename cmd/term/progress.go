package term

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	// barWidth leaves room for a label, a count and a time on a line of 80 columns.
	barWidth = 30
	// barBeside is what label, count and time take beside the bar, roughly.
	barBeside = 50
	// barPeriod is often enough to look alive and seldom enough not to cost.
	barPeriod = 100 * time.Millisecond
)

// Progress shows how far long work has come, on a terminal and nowhere else: it writes to
// [Streams.Err], and when that is no terminal, or silenced by [Streams.Quiet], it writes nothing.
// Its methods may be called from several goroutines; it starts none.
type Progress struct {
	bar *progressbar.ProgressBar // nil when nothing is shown
}

// StartProgress shows a bar for total steps, or a spinner when total is negative: the number of steps
// is not known. The caller calls Done, also after an error.
func StartProgress(s Streams, total int, label string) *Progress {
	if !s.ErrTTY || total == 0 {
		return &Progress{}
	}
	return &Progress{bar: progressbar.NewOptions(max(total, -1),
		progressbar.OptionSetWriter(s.Err),
		progressbar.OptionSetDescription(string(Escape(label))),
		progressbar.OptionSetWidth(max(5, min(barWidth, s.Width-barBeside))),
		progressbar.OptionThrottle(barPeriod),
		progressbar.OptionSetSpinnerChangeInterval(0), // a spinner turns at Add: no goroutine
		progressbar.OptionShowCount(),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionClearOnFinish(),
	)}
}

// Add counts n more steps as done; steps beyond the total are not shown.
func (p *Progress) Add(n int) {
	if p.bar != nil {
		_ = p.bar.Add(n) // a bar that cannot be drawn is no reason to stop the work
	}
}

// Describe says what is being done now.
func (p *Progress) Describe(label string) {
	if p.bar != nil {
		p.bar.Describe(string(Escape(label)))
	}
}

// Done takes the bar off the terminal, so that what is printed next starts on a clean line.
// Calling it again does nothing.
func (p *Progress) Done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
