package protocol

import (
	"math/rand/v2"
	"time"
)

// phases are the values of the setting "phase" that every protocol with rounds has.
const (
	phaseRandom  = "random"
	phaseAligned = "aligned"
)

// clock tells when a node's rounds begin: once an interval, at a moment within it that is its own or,
// when aligned, the same for all nodes: the multiples of the interval since 1970.
type clock struct {
	interval time.Duration
	phase    time.Duration
}

// newClock draws a phase unless rounds are aligned.
func newClock(v Values, rng *rand.Rand) clock {
	c := clock{interval: v.Duration("interval")}
	if v.Choice("phase") == phaseRandom {
		c.phase = time.Duration(rng.Int64N(int64(c.interval)))
	}
	return c
}

// next returns the beginning of the first round after now.
func (c clock) next(now time.Time) time.Time {
	since := (now.UnixNano() - int64(c.phase)) % int64(c.interval)
	if since < 0 {
		since += int64(c.interval)
	}
	return now.Add(c.interval - time.Duration(since))
}
