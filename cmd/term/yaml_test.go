package term

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestYAMLLayout(t *testing.T) {
	const doc = `{"a":[[1,[2,3]],[]],"b":{"c":{},"d":{"e":[{"f":[4],"g":{"h":null}}]}},"i":true,"j":[],
		"k":[[{"l":1,"m":2}]]}`
	const want = `a:
- - 1
  - - 2
    - 3
- []
b:
  c: {}
  d:
    e:
    - f:
      - 4
      g:
        h: null
i: true
j: []
k:
- - l: 1
    m: 2
`
	got, err := jsonToYAML([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	sameValue(t, doc, got)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestYAMLScalars(t *testing.T) {
	for text, want := range map[string]string{
		`"banana"`:                         "banana",
		`"two words"`:                      "two words",
		`"http://127.0.0.1:7001/v1?x=1"`:   `"http://127.0.0.1:7001/v1?x=1"`,
		`"http://127.0.0.1:7001"`:          "http://127.0.0.1:7001",
		`"YmFuYW5h+/=="`:                   "YmFuYW5h+/==",
		`""`:                               `""`,
		`"8.1.1"`:                          `"8.1.1"`,
		`"2026-01-02T03:04:05Z"`:           `"2026-01-02T03:04:05Z"`,
		`"yes"`:                            `"yes"`,
		`"No"`:                             `"No"`,
		`"null"`:                           `"null"`,
		`"y"`:                              `"y"`,
		`"~"`:                              `"~"`,
		`".inf"`:                           `".inf"`,
		`"0x1f"`:                           `"0x1f"`,
		`"key: value"`:                     `"key: value"`,
		`"ends:"`:                          `"ends:"`,
		`"a #b"`:                           `"a #b"`,
		`"trailing "`:                      `"trailing "`,
		`"grüße 你好"`:                       `"grüße 你好"`,
		`"a\"b\\c\nd\te\rf"`:               `"a\"b\\c\nd\te\rf"`,
		`"\u001b[2J\u007f\u0085\u202e"`:    `"\x1b[2J\x7f\x85\u202e"`,
		`"\udb40\udc41"`:                   `"\U000e0041"`,
		`1`:                                "1",
		`-0.5`:                             "-0.5",
		`18446744073709551615`:             "18446744073709551615",
		`1e+21`:                            "1.0e+21",
		`1.5E-7`:                           "1.5e-7",
		`2e3`:                              "2.0e+3",
		`true`:                             "true",
		`null`:                             "null",
		`"123456789012345678901234567890"`: `"123456789012345678901234567890"`,
	} {
		got, err := jsonToYAML([]byte(text))
		if err != nil || string(got) != want+"\n" {
			t.Errorf("%s became %s, %v; want %s", text, got, err, want)
		}
	}
}

// sameValue reads YAML with a library and compares it with the JSON it was made of.
func sameValue(t *testing.T, doc string, text []byte) {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatalf("%q of %q: %v", text, doc, err)
	}
	back, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(compact(t, doc), compact(t, string(back))); diff != "" {
		t.Errorf("%q of %q: -want +got\n%s", text, doc, diff)
	}
}

// FuzzYAML puts one string into every place a string can have.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"", "? x", "\ttab", "a\r\nb", ".inf", "\n\n", "<<", "- a", "a: b", "yes", "1e3", "x\u0085y", "\ufeff", "'", "|"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		doc, err := encodeJSON(map[string]any{"k" + s: s, "list": []any{s, []string{s}, map[string]any{"x" + s: []string{s}}}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := jsonToYAML(doc)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			checkHarmless(t, string(bytes.TrimSuffix(line, []byte("\n"))))
		}
		sameValue(t, string(doc), text)
	})
}

// FuzzYAMLOfJSON gives documents of any shape the library to read. Numbers are left out: the library
// reads those beyond 64 bits as strings.
func FuzzYAMLOfJSON(f *testing.F) {
	f.Add([]byte(`{"a":[true,{"b":[[],{}]}],"c":"d"}`))
	f.Add([]byte(`[[[["x"],[]],{"y":[[{"z":null}]]}]]`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var value any
		if json.Unmarshal(doc, &value) != nil || bytes.ContainsAny(doc, "0123456789") {
			t.Skip()
		}
		once, err := encodeJSON(value) // a key that stood twice stands once
		if err != nil {
			t.Skip()
		}
		text, err := jsonToYAML(once)
		if err != nil {
			t.Fatal(err)
		}
		sameValue(t, string(once), text)
	})
}
