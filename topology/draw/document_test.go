package draw

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocumentRoundTrip(t *testing.T) {
	placed := allStates().Placed()
	placed.Title = hostile[:20]
	grid := pictureOf(gridGraph(4, 4, false), "grid")
	grid.Columns = 4
	for _, d := range []Drawing{allStates(), placed, grid, flood(regular(16, 3), 8, 0), flood(regular(64, 3), 8, 17)} {
		var b bytes.Buffer
		if err := Encode(&b, d); err != nil {
			t.Fatal(err)
		}
		got, err := Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := got.(Spread); ok && len(s.Missing) == 0 {
			s.Missing = nil
			got = s
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("%T came back changed (-want +got):\n%s", d, diff)
		}
	}
}

func TestDecodeIsStrict(t *testing.T) {
	const picture = `{"version":1,"kind":"picture","title":"","subtitle":"","layout":"","nodes":[{"id":1,"state":"running","messages":0,"unread":0},{"id":2,"state":"dead","messages":0,"unread":0}],"links":[{"a":1,"b":2}]}`
	const spread = `{"version":1,"kind":"spread","title":"","subtitle":"","root":1,"nodes":[{"id":2,"parent":1,"hop":1,"after_ms":1}],"missing":[3]}`
	for _, good := range []string{picture, spread, picture + "\n"} {
		if _, err := Decode(strings.NewReader(good)); err != nil {
			t.Fatalf("%s: %v", good, err)
		}
	}
	swap := func(old, new string) string {
		for _, s := range []string{picture, spread} {
			if strings.Contains(s, old) {
				return strings.Replace(s, old, new, 1)
			}
		}
		t.Fatalf("nothing holds %q", old)
		return ""
	}
	for name, bad := range map[string]string{
		"empty":           "",
		"no JSON":         "graph {}",
		"cut short":       picture[:80],
		"two documents":   picture + picture,
		"version":         swap(`"version":1`, `"version":2`),
		"no version":      swap(`"version":1,`, ``),
		"kind":            swap(`"kind":"picture"`, `"kind":"film"`),
		"unknown field":   swap(`"links"`, `"lnks"`),
		"unknown state":   swap(`"dead"`, `"asleep"`),
		"node zero":       swap(`"id":1`, `"id":0`),
		"same node":       swap(`"id":2,"state"`, `"id":1,"state"`),
		"stranger":        swap(`"b":2`, `"b":3`),
		"loop":            swap(`"b":2`, `"b":1`),
		"half a place":    swap(`"unread":0`, `"unread":0,"x":1`),
		"some places":     swap(`"unread":0`, `"unread":0,"x":1,"y":2`),
		"negative unread": swap(`"unread":0`, `"unread":-1`),
		"columns":         swap(`"layout":""`, `"layout":"grid","columns":-4`),
		"root":            swap(`"root":1`, `"root":0`),
		"missing twice":   swap(`"missing":[3]`, `"missing":[3,3]`),
		"missing reached": swap(`"missing":[3]`, `"missing":[2]`),
		"time":            swap(`"after_ms":1`, `"after_ms":-1`),
		"huge time":       swap(`"after_ms":1`, `"after_ms":1e999`),
		"too long":        picture + strings.Repeat(" ", MaxDocument),
	} {
		if d, err := Decode(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: read as %+v", name, d)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d letters", name, len(err.Error()))
		}
	}
}

func TestCheckBoundsTheSize(t *testing.T) {
	if err := (Picture{Nodes: make([]Node, MaxNodes+1)}).Check(); err == nil {
		t.Error("too many nodes are fine")
	}
	if err := (Picture{Links: make([]Link, MaxLinks+1)}).Check(); err == nil {
		t.Error("too many links are fine")
	}
	if err := (Spread{Root: 1, Missing: make([]int, MaxNodes+1)}).Check(); err == nil {
		t.Error("too many missing nodes are fine")
	}
	if err := (Picture{Nodes: make([]Node, MaxNodes)}).Check(); err == nil || len(err.Error()) > 1000 {
		t.Errorf("5,000 mistakes are reported as %v", err)
	}
}

func TestEngine(t *testing.T) {
	for _, tc := range []struct {
		p    Picture
		want string
	}{
		{pictureOf(regular(16, 3), "random"), "neato"},
		{pictureOf(regular(200, 3), "powerlaw"), "neato"},
		{pictureOf(regular(202, 3), "random"), "sfdp"},
		{pictureOf(ringGraph(300), "circle"), ""},
		{pictureOf(ringGraph(2), "random"), ""},
		{pictureOf(regular(16, 3), "random").Placed(), ""},
		{Picture{}, ""},
	} {
		if got := tc.p.Engine(); got != tc.want {
			t.Errorf("%d nodes, %q: engine %q, want %q", len(tc.p.Nodes), tc.p.Layout, got, tc.want)
		}
	}
}

// Whatever a document says, drawing what Decode let through neither panics nor runs wild.
func FuzzDecode(f *testing.F) {
	for _, d := range []Drawing{allStates(), allStates().Placed(), flood(regular(16, 3), 8, 5)} {
		var b bytes.Buffer
		if err := Encode(&b, d); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte(`{"version":1,"kind":"picture","layout":"hypercube","nodes":[{"id":9223372036854775807},{"id":1},{"id":2}]}`))
	f.Add([]byte(`{"version":1,"kind":"picture","layout":"torus","columns":9223372036854775807,"nodes":[{"id":3},{"id":1},{"id":2}]}`))
	f.Add([]byte(`{"version":1,"kind":"picture","nodes":[{"id":3,"x":1e308,"y":-1e308},{"id":1,"x":-1e308,"y":1},{"id":2,"x":0,"y":0}]}`))
	f.Add([]byte(`{"version":1,"kind":"spread","root":1,"nodes":[{"id":2,"parent":3},{"id":3,"parent":2,"hop":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		s := d.Scene()
		if !(s.Width > 0 && s.Width < 50_000 && s.Height > 0 && s.Height < 50_000) {
			t.Fatalf("a page of %v × %v", s.Width, s.Height)
		}
		count(t, svgOf(t, s))
		var b bytes.Buffer
		if err := d.DOT(&b); err != nil {
			t.Fatal(err)
		}
		if err := d.Text(&b, TextStyle{Width: 40, Colours: TrueColours}); err != nil {
			t.Fatal(err)
		}
	})
}
