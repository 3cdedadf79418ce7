package term

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Items []string `json:"items"`
}

type outer struct {
	inner                     // promoted from a type that is not exported
	Named    inner            `json:"named"`
	Pointer  *inner           `json:"pointer"`
	NoOne    *inner           `json:"no_one"`
	Any      any              `json:"any"`
	Nothing  any              `json:"nothing"`
	Many     []inner          `json:"many"`
	Grid     [][]int          `json:"grid"`
	Pair     [2][]int         `json:"pair"`
	Map      map[string][]int `json:"map"`
	NoMap    map[string]int   `json:"no_map"`
	Body     []byte           `json:"body_base64"`
	Sent     time.Time        `json:"sent"`
	Raw      json.RawMessage  `json:"raw"`
	Maybe    []int            `json:"maybe,omitempty"`
	Zero     []int            `json:"zero,omitzero"`
	hidden   []int
	Excluded []int `json:"-"`
}

func TestNoListIsNull(t *testing.T) {
	doc := outer{
		Pointer: &inner{},
		Any:     []inner{{}},
		Many:    []inner{{}, {Items: []string{"x"}}},
		Grid:    [][]int{nil, {1}},
		Map:     map[string][]int{"a": nil, "b": {2}},
		Sent:    time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC),
		Raw:     json.RawMessage(`{"null": null}`),
	}
	want := `{
  "items": [],
  "named": {"items": []},
  "pointer": {"items": []},
  "no_one": null,
  "any": [{"items": []}],
  "nothing": null,
  "many": [{"items": []}, {"items": ["x"]}],
  "grid": [[], [1]],
  "pair": [[], []],
  "map": {"a": [], "b": [2]},
  "no_map": {},
  "body_base64": "",
  "sent": "2026-01-02T03:04:05.678901234Z",
  "raw": {"null": null}
}`
	got, err := encodeJSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(compact(t, want), compact(t, string(got))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if byPointer, err := encodeJSON(&doc); err != nil || string(byPointer) != string(got) {
		t.Errorf("by pointer it is %s, %v", byPointer, err)
	}
	if doc.Pointer.Items != nil || doc.Many[0].Items != nil || doc.Grid[0] != nil || doc.Map["a"] != nil ||
		doc.Any.([]inner)[0].Items != nil || doc.hidden != nil {
		t.Errorf("the caller's document was changed: %+v", doc)
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTopLevelLists(t *testing.T) {
	for want, doc := range map[string]any{
		"[]\n":   []nodeDoc(nil),
		"{}\n":   map[string]int(nil),
		"null\n": nil,
		"1\n":    1,
	} {
		if got, err := encodeJSON(doc); err != nil || string(got) != want {
			t.Errorf("%#v became %q, %v; want %q", doc, got, err, want)
		}
	}
}

func TestDocumentThatHoldsItself(t *testing.T) {
	type node struct{ Next *node }
	n := &node{}
	n.Next = n
	if _, err := encodeJSON(n); err == nil || !strings.Contains(err.Error(), "100 levels") {
		t.Errorf("error is %v, want one about the depth", err)
	}
}
