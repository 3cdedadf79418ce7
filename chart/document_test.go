package chart

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func encoded(t *testing.T, c Chart) string {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDocumentRoundTrip(t *testing.T) {
	text := encoded(t, good())
	got, err := Decode(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good(), got); diff != "" {
		t.Errorf("it came back changed (-want +got):\n%s", diff)
	}
	if again := encoded(t, got); again != text {
		t.Errorf("encoded again it is\n%s, before it was\n%s", again, text)
	}
	if !IsDocument([]byte(text)) || !strings.HasPrefix(text, `{"version":1,"kind":"chart",`) {
		t.Errorf("it is not marked as a chart: %.60s", text)
	}
}

// A document says everything, also what the chart left to itself.
func TestDocumentIsComplete(t *testing.T) {
	const want = `{"version":1,"kind":"chart","title":"","subtitle":"","panels":[` +
		`{"title":"","x":"","y":"","kind":"lines","series":[]},` +
		`{"title":"","x":"","y":"","kind":"histogram","series":[{"name":"","x":[],"y":[]}]}]}` + "\n"
	c := Chart{Panels: []Panel{{}, {Kind: Histogram, Series: make([]Series, 1)}}}
	if got := encoded(t, c); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if c.Panels[0].Kind != "" || c.Panels[0].Series != nil {
		t.Error("encoding changed the chart")
	}
}

func TestEncodeChecks(t *testing.T) {
	c := good()
	c.Panels[0].Series[0].Y[1] = math.NaN()
	var b bytes.Buffer
	if err := Encode(&b, c); err == nil || b.Len() > 0 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

// Whatever Check lets through, Decode reads.
func TestLargestChartFitsItsDocument(t *testing.T) {
	c := Chart{Panels: []Panel{{Series: names(MaxAll / MaxPoints)}}}
	for i := range c.Panels[0].Series {
		s := &c.Panels[0].Series[i]
		values := make([]float64, MaxPoints)
		for k := range values {
			values[k] = -1.2345678901234567e-100 // as long as a number can be
		}
		s.X, s.Y, s.Low, s.High = values, values, values, values
	}
	if n := len(encoded(t, c)); n > MaxDocument-1<<20 {
		t.Errorf("%d bytes, the most that are read are %d", n, MaxDocument)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	const doc = `{"version":1,"kind":"chart","title":"","subtitle":"","panels":[{"title":"","x":"","y":"","series":[{"name":"","x":[1,2],"y":[3,4]}]}]}`
	for _, good := range []string{doc, doc + "\n"} {
		if _, err := Decode(strings.NewReader(good)); err != nil {
			t.Fatal(err)
		}
	}
	swap := func(old, new string) string {
		if !strings.Contains(doc, old) {
			t.Fatalf("nothing holds %q", old)
		}
		return strings.Replace(doc, old, new, 1)
	}
	for name, bad := range map[string]string{
		"empty":         "",
		"no JSON":       "chart",
		"cut short":     doc[:60],
		"two documents": doc + doc,
		"version":       swap(`"version":1`, `"version":2`),
		"no version":    swap(`"version":1,`, ``),
		"a drawing":     swap(`"kind":"chart"`, `"kind":"picture"`),
		"unknown field": swap(`"panels"`, `"pannels"`),
		"unknown kind":  swap(`"series"`, `"kind":"pie","series"`),
		"no panels":     `{"version":1,"kind":"chart"}`,
		"huge":          swap(`[3,4]`, `[3,4e999]`),
		"fewer":         swap(`[3,4]`, `[3]`),
		"null":          swap(`[3,4]`, `null`),
		"too long":      doc + strings.Repeat(" ", MaxDocument),
	} {
		if c, err := Decode(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: read as %+v", name, c)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d letters", name, len(err.Error()))
		}
	}
	for _, other := range []string{"", "{}", `{"kind":"picture"}`, `{"kind":"chart"`, `[1]`} {
		if IsDocument([]byte(other)) {
			t.Errorf("%s passes for a chart", other)
		}
	}
}

// What Decode lets through has axes, and survives another journey.
func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := Encode(&b, good()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"version":1,"kind":"chart","panels":[{"log_y":true,"y_max":1e-99,"series":[{"x":[-1e100,1e100],"y":[5e-324,1e100]}]}]}`))
	f.Add([]byte(`{"version":1,"kind":"chart","panels":[{"kind":"histogram","log_x":true,"series":[{"x":[1e-300,1],"y":[0,0],"low":[0,1],"high":[1,1]}]}]}`))
	f.Add([]byte(`{"version":1,"kind":"chart","panels":[{"percent":true,"y_min":0.99999999,"series":[{"x":[1e17,1.00000001e17],"y":[1,1]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		if !IsDocument(data) {
			t.Error("it does not look like a chart, but was read as one")
		}
		for _, p := range c.Panels {
			for _, labels := range []int{0, 2, 9} {
				checkAxis(t, p.XAxis(labels))
				checkAxis(t, p.YAxis(labels))
			}
			for _, s := range p.Series {
				for _, x := range s.X {
					if at := p.XAxis(5).Place(x); !(at >= -1e-6 && at <= 1+1e-6) {
						t.Fatalf("%v is at %v of its axis", x, at)
					}
				}
			}
		}
		again, err := Decode(strings.NewReader(encoded(t, c)))
		if err != nil {
			t.Fatal(err)
		}
		if text := encoded(t, again); text != encoded(t, c) {
			t.Errorf("it came back changed: %s", text)
		}
		var table bytes.Buffer
		if err := c.CSV(&table); err != nil {
			t.Fatal(err)
		}
	})
}

// checkAxis checks what everybody relies on.
func checkAxis(t *testing.T, a Axis) {
	t.Helper()
	if !(a.Min < a.Max) || a.Log && !(a.Min > 0) || math.IsInf(a.Max-a.Min, 0) {
		t.Fatalf("an axis from %v to %v", a.Min, a.Max)
	}
	if len(a.Ticks) > maxTicks {
		t.Fatalf("%d ticks", len(a.Ticks))
	}
	before := math.Inf(-1)
	for _, tick := range a.Ticks {
		if at := a.Place(tick.Value); !(at >= -1e-6 && at <= 1+1e-6) {
			t.Fatalf("the tick %v is at %v of the axis from %v to %v", tick, at, a.Min, a.Max)
		}
		if tick.Value < before || len(tick.Label) > 30 {
			t.Fatalf("the tick %v follows %v", tick, before)
		}
		before = tick.Value
	}
}
