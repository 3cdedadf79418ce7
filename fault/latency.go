package fault

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// LatencyKind is how latencies are spread.
type LatencyKind uint8

// The kinds of latency. None comes first, so that the zero value means it.
const (
	None        LatencyKind = iota // packets arrive in the instant they are sent
	Constant                       // all take Base
	Uniform                        // from Base to Max, every time as likely
	Exponential                    // Base is the mean; memoryless, what a queue that is rarely empty adds
	Lognormal                      // Base is the median, Sigma the spread: what round trips in the Internet look like
)

var kindNames = [...]string{"none", "constant", "uniform", "exponential", "lognormal"}

// String is the kind's name.
func (k LatencyKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Latency is how long packets are under way: a distribution. The zero value is no time at all.
// Latencies with the same fields are the same, so they can be compared with ==.
type Latency struct {
	Kind  LatencyKind
	Base  time.Duration // from 0 to MaxLatency; see the kinds
	Max   time.Duration // of Uniform, from Base to MaxLatency
	Sigma float64       // of Lognormal: the standard deviation of the logarithm, from 0 to MaxSigma
}

// Bounds of a latency.
const (
	// MaxLatency bounds what one asks for. Nobody waits longer than an hour for a packet, and who
	// writes "10h" has most likely meant something else.
	MaxLatency = time.Hour
	// MaxSigma bounds the spread of Lognormal: at 3 one packet in a thousand already takes ten
	// thousand times the median.
	MaxSigma = 3
	// longest bounds what is drawn, and so cuts the tail of a Lognormal near the other bounds. An
	// Exponential never comes near: it has no draw above 37 times its mean.
	longest = 100 * MaxLatency
)

// ConstantLatency makes all packets take d.
func ConstantLatency(d time.Duration) Latency { return Latency{Kind: Constant, Base: d} }

// UniformLatency makes packets take from least to most, every time as likely.
func UniformLatency(least, most time.Duration) Latency {
	return Latency{Kind: Uniform, Base: least, Max: most}
}

// ExponentialLatency makes packets take times of that mean, spread exponentially.
func ExponentialLatency(mean time.Duration) Latency { return Latency{Kind: Exponential, Base: mean} }

// LognormalLatency makes packets take times of that median, whose logarithms are spread normally with
// that standard deviation. Their mean is median · exp(sigma²/2).
func LognormalLatency(median time.Duration, sigma float64) Latency {
	return Latency{Kind: Lognormal, Base: median, Sigma: sigma}
}

// latencyForms is what a person may write.
const latencyForms = "none, constant:10ms, uniform:10ms,150ms, exponential:10ms (its mean) or lognormal:10ms,0.5 (its median and sigma)"

// ParseLatency reads a latency as a person writes it:
//
//	none
//	constant:10ms
//	uniform:10ms,150ms
//	exponential:10ms       the mean
//	lognormal:10ms,0.5     the median, and sigma
//
// The error is one sentence that lists these forms, or the bound that is broken.
func ParseLatency(text string) (Latency, error) {
	name, rest, more := strings.Cut(text, ":")
	var l Latency
	for k, is := range kindNames {
		if name == is {
			l.Kind = LatencyKind(k)
		}
	}
	fields := strings.Split(rest, ",")
	ok := false
	switch l.Kind {
	case None:
		ok = name == kindNames[None] && !more
	case Constant, Exponential:
		ok = len(fields) == 1 && parseTime(fields[0], &l.Base)
	case Uniform:
		ok = len(fields) == 2 && parseTime(fields[0], &l.Base) && parseTime(fields[1], &l.Max)
	case Lognormal:
		ok = len(fields) == 2 && parseTime(fields[0], &l.Base)
		if ok {
			var err error
			l.Sigma, err = strconv.ParseFloat(fields[1], 64)
			ok = err == nil
		}
	}
	if !ok {
		return Latency{}, fmt.Errorf("latency %q must be %s", text, latencyForms)
	}
	if err := l.Check(); err != nil {
		return Latency{}, err
	}
	return l, nil
}

func parseTime(text string, d *time.Duration) bool {
	var err error
	*d, err = time.ParseDuration(text)
	return err == nil
}

// String writes the latency so that [ParseLatency] reads it again.
func (l Latency) String() string {
	switch l.Kind {
	case Uniform:
		return fmt.Sprintf("%v:%v,%v", l.Kind, l.Base, l.Max)
	case Constant, Exponential:
		return fmt.Sprintf("%v:%v", l.Kind, l.Base)
	case Lognormal:
		return fmt.Sprintf("%v:%v,%s", l.Kind, l.Base, strconv.FormatFloat(l.Sigma, 'g', -1, 64))
	}
	return l.Kind.String()
}

// MarshalText is String: so a latency is written in JSON, YAML and flags.
func (l Latency) MarshalText() ([]byte, error) { return []byte(l.String()), l.Check() }

// UnmarshalText is ParseLatency.
func (l *Latency) UnmarshalText(text []byte) error {
	read, err := ParseLatency(string(text))
	if err == nil {
		*l = read
	}
	return err
}

// Check says in one sentence what is wrong with the latency.
func (l Latency) Check() error {
	plain := l
	switch l.Kind {
	case None:
		plain.Base, plain.Max, plain.Sigma = 0, 0, 0
	case Constant, Exponential:
		plain.Max, plain.Sigma = 0, 0
	case Uniform:
		plain.Sigma = 0
	case Lognormal:
		plain.Max = 0
	default:
		return fmt.Errorf("latency of %v must be %s", l.Kind, latencyForms)
	}
	switch {
	case l.Base < 0 || l.Base > MaxLatency || l.Max > MaxLatency:
		return fmt.Errorf("latency %v: its times must be from 0 to %v", l, MaxLatency)
	case l.Kind == Uniform && l.Max < l.Base:
		return fmt.Errorf("latency %v: the most, which stands second, must not be below the least", l)
	case !(l.Sigma >= 0 && l.Sigma <= MaxSigma):
		return fmt.Errorf("latency %v: sigma must be from 0 to %d", l, MaxSigma)
	case l != plain:
		return fmt.Errorf("latency %v has parameters of another kind", l)
	}
	return nil
}

// draw turns 64 random bits into a latency, by the inverse of the distribution.
func (l *Latency) draw(word uint64) time.Duration {
	switch l.Kind {
	case Constant:
		return l.Base
	case Uniform:
		over, _ := bits.Mul64(word, uint64(l.Max-l.Base)+1)
		return l.Base + time.Duration(over)
	case Exponential:
		return scale(l.Base, -ln(inside(word)))
	case Lognormal:
		return scale(l.Base, exp(float64(l.Sigma*normal(inside(word)))))
	}
	return 0
}

// scale is d times a factor of 0 or more, to the nearest nanosecond.
func scale(d time.Duration, factor float64) time.Duration {
	return time.Duration(min(float64(float64(d)*factor)+0.5, float64(longest)))
}
