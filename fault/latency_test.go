package fault

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseLatency(t *testing.T) {
	for text, want := range map[string]Latency{
		"none":                   {},
		"constant:10ms":          ConstantLatency(10 * ms),
		"constant:0s":            ConstantLatency(0),
		"constant:1h":            ConstantLatency(time.Hour),
		"uniform:10ms,150ms":     UniformLatency(10*ms, 150*ms),
		"uniform:0,1us":          UniformLatency(0, time.Microsecond),
		"exponential:10ms":       ExponentialLatency(10 * ms),
		"exponential:1.5ms":      ExponentialLatency(1500 * time.Microsecond),
		"lognormal:10ms,0.5":     LognormalLatency(10*ms, 0.5),
		"lognormal:1m30s,3":      LognormalLatency(90*time.Second, 3),
		"lognormal:10ms,0":       LognormalLatency(10*ms, 0),
		"lognormal:10ms,1e-3":    LognormalLatency(10*ms, 0.001),
		"uniform:1h,1h":          UniformLatency(time.Hour, time.Hour),
		"exponential:1h0m0.000s": ExponentialLatency(time.Hour),
	} {
		got, err := ParseLatency(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
		if again, err := ParseLatency(got.String()); err != nil || again != want {
			t.Errorf("%q is written %q and that is %+v, %v", text, got, again, err)
		}
	}
}

func TestParseLatencySaysWhatThereIs(t *testing.T) {
	forms := []string{"none", "constant:10ms", "uniform:10ms,150ms", "exponential:10ms", "lognormal:10ms,0.5", "median"}
	for text, want := range map[string][]string{
		"":                    forms,
		"10ms":                forms,
		"normal:10ms":         forms,
		"None":                forms,
		"none:":               forms,
		"none:1ms":            forms,
		"constant":            forms,
		"constant:":           forms,
		"constant:10":         forms,
		"constant:10ms,20ms":  forms,
		"uniform:10ms":        forms,
		"uniform:1ms,2ms,3ms": forms,
		"uniform:10ms, 20ms":  forms,
		"exponential:ten":     forms,
		"lognormal:10ms":      forms,
		"lognormal:10ms,x":    forms,
		"lognormal:10ms,1e999": {
			"lognormal:10ms,1e999", "sigma",
		},
		"constant:-1ms":       {"constant:-1ms", "from 0 to 1h0m0s"},
		"constant:61m":        {"constant:1h1m0s", "from 0 to 1h0m0s"},
		"uniform:-1ms,5ms":    {"from 0 to 1h0m0s"},
		"uniform:5ms,4ms":     {"uniform:5ms,4ms", "below the least"},
		"uniform:1ms,2h":      {"from 0 to 1h0m0s"},
		"exponential:2h":      {"from 0 to 1h0m0s"},
		"lognormal:10ms,-1":   {"sigma must be from 0 to 3"},
		"lognormal:10ms,3.1":  {"sigma must be from 0 to 3"},
		"lognormal:10ms,NaN":  {"sigma must be from 0 to 3"},
		"lognormal:10ms,+Inf": {"sigma must be from 0 to 3"},
	} {
		got, err := ParseLatency(text)
		if err == nil || got != (Latency{}) {
			t.Errorf("%q is %+v, %v", text, got, err)
			continue
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: more than a sentence: %v", text, err)
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v does not say %q", text, err, part)
			}
		}
	}
}

func TestCheckOfALatency(t *testing.T) {
	for _, l := range []Latency{
		{Kind: 5}, {Kind: math.MaxUint8}, {Kind: None, Base: 1}, {Kind: None, Sigma: 1}, {Kind: Constant, Max: 1}, {Kind: Constant, Sigma: 1},
		{Kind: Exponential, Max: 1}, {Kind: Uniform, Base: 1, Max: 2, Sigma: 1}, {Kind: Lognormal, Max: 1}, {Kind: Uniform, Base: -2, Max: -1},
		{Kind: Lognormal, Sigma: math.NaN()},
	} {
		if err := l.Check(); err == nil {
			t.Errorf("nothing is wrong with %+v", l)
		}
		if text, err := l.MarshalText(); err == nil {
			t.Errorf("%+v is written %q", l, text)
		}
	}
}

func TestLatencyAsText(t *testing.T) {
	type options struct{ Latency Latency }
	text, err := json.Marshal(options{UniformLatency(10*ms, 150*ms)})
	if err != nil || string(text) != `{"Latency":"uniform:10ms,150ms"}` {
		t.Errorf("%s, %v", text, err)
	}
	var back options
	if err := json.Unmarshal(text, &back); err != nil || back.Latency != UniformLatency(10*ms, 150*ms) {
		t.Errorf("%+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"Latency":"soon"}`), &back); err == nil || back.Latency != UniformLatency(10*ms, 150*ms) {
		t.Errorf("%+v, %v", back, err)
	}
}

// FuzzParseLatency: what is read can be written and read again, passes the check, and draws times.
func FuzzParseLatency(f *testing.F) {
	for _, text := range []string{"none", "constant:10ms", "uniform:10ms,150ms", "exponential:10ms", "lognormal:10ms,0.5", "uniform:,", "lognormal:1h,0x1p-2"} {
		f.Add(text, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, word uint64) {
		l, err := ParseLatency(text)
		if err != nil {
			return
		}
		if again, err := ParseLatency(l.String()); err != nil || again != l {
			t.Fatalf("%q is %+v, written %q, which is %+v, %v", text, l, l, again, err)
		}
		if d := l.draw(word); d < 0 || d > longest {
			t.Fatalf("%v draws %v", l, d)
		}
	})
}
