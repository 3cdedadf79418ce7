package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// record stands for a caller's state, format version 1.
type record struct {
	Version int     `json:"version"`
	Network string  `json:"network"`
	Nodes   []entry `json:"nodes"`
}

type entry struct {
	ID  int `json:"id"`
	PID int `json:"pid"`
}

var errNoID = errors.New("a node has no id")

func (r record) Validate() error {
	for _, n := range r.Nodes {
		if n.ID < 1 {
			return errNoID
		}
	}
	return nil
}

const goodState = `{
  "version": 1,
  "network": "lab",
  "nodes": [
    {"id": 1, "pid": 12}
  ]
}
`

func TestStateRoundTrip(t *testing.T) {
	d := lab(t)
	if _, err := ReadState[record](d, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before there is any: %v", err)
	}
	want := record{Version: 1, Network: "lab", Nodes: []entry{{1, 12}, {2, 13}}}
	if err := WriteState(d, 1, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadState[record](d, 1)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if info, err := os.Lstat(d.file(stateName)); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	put(t, d.file(stateName), goodState, 0o600)
	got, err = ReadState[record](d, 1)
	if diff := cmp.Diff(record{Version: 1, Network: "lab", Nodes: []entry{{1, 12}}}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestWriteStateRefusesWhatWouldNotReadBack(t *testing.T) {
	d := lab(t)
	for name, s := range map[string]record{
		"invalid":       {Version: 1, Nodes: []entry{{ID: 0}}},
		"no version":    {},
		"other version": {Version: 2},
		"too large":     {Version: 1, Network: strings.Repeat("x", maxState)},
	} {
		if err := WriteState(d, 1, s); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if left := list(t, d.Path()); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestDamagedState(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
		says string
	}{
		"empty":            {"", 0, "empty"},
		"blank":            {" \n\t\n", 0, "empty"},
		"null":             {"null", 1, "not a JSON object"},
		"array":            {"[]", 1, "not a JSON object"},
		"number":           {"7", 1, "not a JSON object"},
		"string":           {`"state"`, 1, "not a JSON object"},
		"true":             {"true\n", 1, "not a JSON object"},
		"binary":           {"\x00\x01\x02", 1, "invalid character"},
		"zeros":            {strings.Repeat("\x00", 4096), 1, "invalid character"},
		"cut":              {goodState[:strings.Index(goodState, `"pid`)], 5, "unexpected end"},
		"cut in a string":  {goodState[:strings.Index(goodState, `ab"`)], 3, "unexpected end"},
		"trailing text":    {goodState + "x", 8, "after top-level value"},
		"trailing object":  {goodState + goodState, 8, "after top-level value"},
		"open string":      {strings.Replace(goodState, `lab"`, `lab`, 1), 3, "invalid character '\\n'"},
		"comma":            {strings.Replace(goodState, `12}`, `12},`, 1), 6, "invalid character"},
		"wrong type":       {strings.Replace(goodState, "12", `"12"`, 1), 5, "nodes.pid has the wrong type (string)"},
		"wrong shape":      {strings.Replace(goodState, `"lab"`, `{"a":1}`, 1), 3, "network has the wrong type (object)"},
		"fraction":         {strings.Replace(goodState, "12", "1.5", 1), 5, "nodes.pid"},
		"overflow":         {strings.Replace(goodState, "12", "99999999999999999999", 1), 5, "nodes.pid"},
		"unknown field":    {strings.Replace(goodState, `"pid"`, `"pdi"`, 1), 0, `unknown field "pdi"`},
		"invalid":          {strings.Replace(goodState, `"id": 1`, `"id": 0`, 1), 0, errNoID.Error()},
		"no version":       {"{}", 0, "no version"},
		"null version":     {`{"version":null}`, 0, "no version"},
		"version 0":        {`{"version":0}`, 0, "no version"},
		"version -1":       {`{"version":-1}`, 0, "no version"},
		"version text":     {`{"version":"1"}`, 1, "version has the wrong type"},
		"version 1.5":      {`{"version":1.5}`, 1, "version has the wrong type"},
		"version too far":  {`{"version":99999999999999999999}`, 1, "version has the wrong type"},
		"not UTF-8":        {strings.Replace(goodState, "lab", "l\xffb", 1), 3, "not UTF-8"},
		"very deep":        {strings.Repeat("[", 100_000), 1, "depth"},
		"escape sequences": {"{\"\x1b[2J\":1}", 1, "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			d := lab(t)
			put(t, d.file(stateName), c.text, 0o600)
			for range 2 { // the second time the copy is there already
				_, err := ReadState[record](d, 1)
				var damaged *DamagedError
				if !errors.As(err, &damaged) || errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("error %v", err)
				}
				if damaged.Line != c.line || !strings.Contains(damaged.Err.Error(), c.says) {
					t.Errorf("line %d, %v; want line %d, %s", damaged.Line, damaged.Err, c.line, c.says)
				}
				if damaged.Path != d.file(stateName) || damaged.Kept != badName {
					t.Errorf("%+v", damaged)
				}
				if strings.ContainsAny(err.Error(), "\x1b\n\x00") {
					t.Errorf("not fit to show: %q", err)
				}
			}
			if get(t, d.file(stateName)) != c.text || get(t, d.file(badName)) != c.text {
				t.Error("it was changed, or not kept")
			}
			if diff := cmp.Diff([]string{stateName, badName}, list(t, d.Path())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDamagedStateInWords(t *testing.T) {
	d := lab(t)
	put(t, d.file(stateName), goodState[:30], 0o600)
	_, err := ReadState[record](d, 1)
	want := "state file " + d.file(stateName) + " is damaged (line 3: unexpected end of JSON input);" +
		" it is kept as state.json.bad; run gossipctl doctor"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestStateTooLarge(t *testing.T) {
	d := lab(t)
	put(t, d.file(stateName), strings.Repeat(" ", maxState)+goodState, 0o600)
	_, err := ReadState[record](d, 1)
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.Kept != "" {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]string{stateName}, list(t, d.Path())); diff != "" {
		t.Error(diff)
	}
}

// Another version is no damage, whatever else is in the file.
func TestStateOfAnotherVersion(t *testing.T) {
	d := lab(t)
	for text, want := range map[string]VersionError{
		`{"version":99}`: {Found: 99, Want: 2},
		`{"peers":{"a":[1]},"version":3,"nodes":"?"}`: {Found: 3, Want: 2},
		`{"version":1}`: {Found: 1, Want: 2},
	} {
		put(t, d.file(stateName), text, 0o600)
		want.Path = d.file(stateName)
		_, err := ReadState[record](d, 2)
		var got *VersionError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%s: %v", text, err)
		}
		age := "an older gossipctl"
		if want.Found > want.Want {
			age = "a newer gossipctl"
		}
		if err != nil && !strings.Contains(err.Error(), age) {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff([]string{stateName}, list(t, d.Path())); diff != "" {
			t.Error(diff)
		}
	}
}

// Whatever bytes the file holds, reading it ends in the state they encode or in an error that is
// not "there is none", and leaves the file as it is.
func FuzzReadState(f *testing.F) {
	for _, text := range []string{
		goodState, "", "null", "{}", "[]", `{"version":99}`, `{"version":1,"nodes":[{"id":0}]}`, goodState[:50], goodState + "}",
		`{"version":1,"Network":"a","network":"b"}`, "\xff", `{"version":1,"network":"\ud800"}`,
	} {
		f.Add([]byte(text))
	}
	d, err := Open(f.TempDir(), "lab", true)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(d.Close)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(d.file(stateName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		state, err := ReadState[record](d, 1)
		if after, readErr := os.ReadFile(d.file(stateName)); readErr != nil || !bytes.Equal(after, data) {
			t.Fatalf("the file was changed: %v", readErr)
		}
		if err != nil {
			var damaged *DamagedError
			var other *VersionError
			if !errors.As(err, &damaged) && !errors.As(err, &other) || errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("error %v", err)
			}
			if damaged != nil && (damaged.Kept != badName || damaged.Line < 0 || damaged.Line > 1+bytes.Count(data, []byte("\n"))) {
				t.Fatalf("%+v", damaged)
			}
			return
		}
		if !json.Valid(data) || state.Version != 1 || state.Validate() != nil {
			t.Fatalf("read as %+v", state)
		}
		if err := WriteState(d, 1, state); err != nil {
			t.Fatal(err)
		}
		again, err := ReadState[record](d, 1)
		if diff := cmp.Diff(state, again); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
	})
}
