package term

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// screen is what a line of a terminal shows after text was written to it.
func screen(text string) string {
	var line []rune
	at := 0
	for _, r := range text {
		if r == '\r' {
			at = 0
			continue
		}
		for len(line) <= at {
			line = append(line, ' ')
		}
		line[at] = r
		at++
	}
	return strings.TrimRight(string(line), " ")
}

func TestProgressOnATerminal(t *testing.T) {
	var err bytes.Buffer
	p := StartProgress(Streams{Err: &err, ErrTTY: true, Width: 80}, 4, "starting nodes")
	if got := screen(err.String()); !strings.Contains(got, "starting nodes") || !strings.Contains(got, "0/4") {
		t.Errorf("before the first step the line is %q", got)
	}
	if w := Width(Safe(screen(err.String()))); w > 80 {
		t.Errorf("the line takes %d columns of 80", w)
	}
	p.Add(1)
	p.Add(3)
	p.Add(1) // one too many is no failure
	p.Done()
	p.Done()
	if got := screen(err.String()); got != "" {
		t.Errorf("after the work the line is %q, want it empty", got)
	}
	if strings.Contains(err.String(), "\n") {
		t.Errorf("the bar left its line: %q", err.String())
	}
}

func TestProgressThatFails(t *testing.T) {
	var err bytes.Buffer
	p := StartProgress(Streams{Err: &err, ErrTTY: true, Width: 40}, 100, "starting")
	p.Add(7)
	p.Done()
	if got := screen(err.String()); got != "" {
		t.Errorf("after work that stopped at 7 of 100 the line is %q, want it empty", got)
	}
}

func TestProgressWithoutTotal(t *testing.T) {
	var err bytes.Buffer
	p := StartProgress(Streams{Err: &err, ErrTTY: true, Width: 80}, -1, "waiting")
	p.Add(1)
	if !strings.Contains(err.String(), "waiting") {
		t.Errorf("the spinner shows %q", err.String())
	}
	p.Done()
	if got := screen(err.String()); got != "" {
		t.Errorf("afterwards the line is %q, want it empty", got)
	}
}

func TestProgressElsewhereIsSilent(t *testing.T) {
	var out, err bytes.Buffer
	terminal := Streams{Out: &out, Err: &err, ErrTTY: true, Width: 80}
	for name, s := range map[string]Streams{
		"a pipe": {Out: &out, Err: &err, Width: 80},
		"quiet":  terminal.Quiet(),
	} {
		p := StartProgress(s, 4, "starting")
		p.Add(4)
		p.Done()
		if out.Len()+err.Len() > 0 {
			t.Errorf("%s: printed %q and %q", name, out.String(), err.String())
		}
	}
	p := StartProgress(terminal, 0, "nothing to do")
	p.Add(1)
	p.Done()
	if err.Len() > 0 {
		t.Errorf("no steps: printed %q", err.String())
	}
}

func TestProgressFromSeveralGoroutines(t *testing.T) {
	var err bytes.Buffer
	p := StartProgress(Streams{Err: &err, ErrTTY: true, Width: 80}, 400, "simulating")
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 110 { // also past the end
				p.Add(1)
			}
		})
	}
	p.Add(1)
	workers.Wait()
	p.Done()
	if got := screen(err.String()); got != "" {
		t.Errorf("afterwards the line is %q, want it empty", got)
	}
}
