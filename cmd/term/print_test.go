package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

type nodeDoc struct {
	ID    int    `json:"id"`
	State string `json:"state"`
	Peers []int  `json:"peers"`
}

type networkDoc struct {
	Network string    `json:"network"`
	Nodes   []nodeDoc `json:"nodes"`
}

func (d networkDoc) table(t *Table) {
	t.Empty = "network " + d.Network + " has no nodes"
	t.Columns("node", "state")
	t.Wide("peers")
	for _, n := range d.Nodes {
		t.Row(n.ID, n.State, And(n.Peers))
	}
}

// printed returns what Print writes to both outputs.
func printed(t *testing.T, o Output, d networkDoc) (out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if err := Print(Streams{Out: &stdout, Err: &stderr}, o, d, d.table); err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String()
}

func TestPrint(t *testing.T) {
	d := networkDoc{Network: "a<b>&c", Nodes: []nodeDoc{{3, "running", []int{1, 12}}, {12, "dead\x1b[2J", nil}}}
	for _, c := range []struct {
		format Format
		want   string
	}{
		{FormatTable, `
NODE  STATE
3     running
12    dead\x1b[2J
`},
		{FormatWide, `
NODE  STATE        PEERS
3     running      1 and 12
12    dead\x1b[2J
`},
		{FormatName, `
3
12
`},
		{FormatJSON, `
{
  "network": "a<b>&c",
  "nodes": [
    {
      "id": 3,
      "state": "running",
      "peers": [
        1,
        12
      ]
    },
    {
      "id": 12,
      "state": "dead\u001b[2J",
      "peers": []
    }
  ]
}
`},
		{FormatYAML, `
network: "a<b>&c"
nodes:
- id: 3
  state: running
  peers:
  - 1
  - 12
- id: 12
  state: "dead\x1b[2J"
  peers: []
`},
	} {
		out, notice := printed(t, Output{Format: c.format}, d)
		if diff := cmp.Diff(c.want[1:], out); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.format, diff)
		}
		if notice != "" {
			t.Errorf("%s: notice %q", c.format, notice)
		}
	}
	if zero, _ := printed(t, Output{}, d); !strings.HasPrefix(zero, "NODE  STATE\n") {
		t.Errorf("the zero format shows %q, want a table", zero)
	}
	if bare, _ := printed(t, Output{NoHeaders: true}, d); bare != "3   running\n12  dead\\x1b[2J\n" {
		t.Errorf("without titles: %q", bare)
	}
}

func TestPrintNothing(t *testing.T) {
	for format, want := range map[Format]string{
		FormatTable: "",
		FormatWide:  "",
		FormatName:  "",
		FormatJSON:  "{\n  \"network\": \"lab\",\n  \"nodes\": []\n}\n",
		FormatYAML:  "network: lab\nnodes: []\n",
	} {
		out, notice := printed(t, Output{Format: format}, networkDoc{Network: "lab"})
		if out != want {
			t.Errorf("%s: %q, want %q", format, out, want)
		}
		document := format == FormatJSON || format == FormatYAML
		if told := notice == "network lab has no nodes\n"; told == document {
			t.Errorf("%s: the notice is %q", format, notice)
		}
	}
}

func TestPrintAllOrNothing(t *testing.T) {
	var out bytes.Buffer
	err := Print(Streams{Out: &out, Err: &out}, Output{Format: FormatJSON}, map[string]any{"a": 1, "b": func() {}}, nil)
	if err == nil || out.Len() > 0 {
		t.Errorf("a document that cannot be encoded gave %v and wrote %q", err, out.String())
	}
	wrong := func(t *Table) {
		t.Columns("node", "state")
		t.Row(1, "running")
		t.Row(2)
	}
	err = Print(Streams{Out: &out, Err: &out}, Output{}, nil, wrong)
	if err == nil || out.Len() > 0 {
		t.Errorf("a row without its cells gave %v and wrote %q", err, out.String())
	}
}

type brokenPipe struct{ error }

func (b brokenPipe) Write([]byte) (int, error) { return 0, b.error }

func TestPrintToABrokenPipe(t *testing.T) {
	broken := errors.New("broken pipe")
	err := Print(Streams{Out: brokenPipe{broken}}, Output{Format: FormatJSON}, 1, nil)
	if !errors.Is(err, broken) {
		t.Errorf("error is %v, want it to wrap the pipe's", err)
	}
}

// TestJSONIsHarmlessAndExact: whatever a string holds, the bytes are safe to look at and the value is kept.
func TestJSONIsHarmlessAndExact(t *testing.T) {
	for _, text := range []string{"\x1b[2J\x7f\u009b", "\u202e\u2028\u2029\ufeff", "👨\u200d👩 \U000e0041", "<a href=\"x\">&\\", "é 你好"} {
		got, err := encodeJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		checkHarmless(t, strings.TrimSuffix(string(got), "\n"))
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != text {
			t.Errorf("%q became %s and read back as %q, %v", text, got, back, err)
		}
	}
}

func TestFormatFlag(t *testing.T) {
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	var o Output
	o.AddFlags(flags)
	if err := flags.Parse([]string{"-o", "yaml", "--no-headers"}); err != nil || o != (Output{FormatYAML, true}) {
		t.Errorf("parsed %+v and %v", o, err)
	}
	err := BadFlag(flags.Parse([]string{"--output=xml"}))
	want := `--output: "xml" is not an output format; use table, wide, json, yaml, name or csv`
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	if usage := flags.FlagUsages(); !strings.Contains(usage, "(default table)") {
		t.Errorf("help does not tell the default:\n%s", usage)
	}
}
