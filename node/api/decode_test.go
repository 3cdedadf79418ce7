package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// requests makes one of each request that a node takes.
var requests = map[string]func() any{
	"publish": func() any { return new(PublishRequest) },
	"read":    func() any { return new(ReadRequest) },
	"peers":   func() any { return new(PeersRequest) },
	"packet":  func() any { return new(PacketRequest) },
}

// goodRequests are requests as a client sends them, most fields in use.
var goodRequests = map[string][]string{
	"publish": {
		`{"body":"banana","relays":3}`, `{"body":""}`, `{"body_base64":"//4A"}`, `{"body_base64":""}`,
		`{"batch_base64":["eA==","","eQ=="]}`, `{"batch_base64":[]}`, `{"body":"\u00e9\ud83d\ude00 \ufffd \\ud800 \n"}`, `{}`,
	},
	"read":  {`{"status":"unread"}`, `{"status":"all","peek":true,"after":7,"until":18446744073709551615}`},
	"peers": {`{"peers":[]}`, `{"peers":[{"id":2,"addr":"127.0.0.1:7002"},{"id":3,"addr":"[::1]:7003"}]}`, `{"peers":null}`},
	"packet": {
		`{"from":2,"kind":1,"limit":3,"hops":1,"messages":[{"id":"2.1.1","body_base64":"eA==","sent":"2026-01-02T03:04:05.678901234Z","route":[2]}]}`,
		`{"from":2,"kind":2,"limit":0,"hops":0,"messages":[],"ids":["3.1.1","3.1.2"]}`,
		`{"from":3,"kind":255,"limit":1000,"hops":16384,"messages":null,"ids":[]}`,
	},
}

func TestGoodRequests(t *testing.T) {
	for kind, list := range goodRequests {
		for _, text := range list {
			if err := DecodeStrict([]byte(text), requests[kind]()); err != nil {
				t.Errorf("%s %s: %v", kind, text, err)
			}
		}
	}
}

// Two readers of one request must not understand two things, at any depth, and no byte of a message
// is ever put in the place of another. (Rows 37 and 40.)
func TestRefusedRequests(t *testing.T) {
	const message = `"id":"2.1.1","body_base64":"eA==","sent":"2026-01-02T03:04:05Z","route":[2]`
	for name, c := range map[string]struct{ kind, text, says string }{
		"nothing":                 {"publish", ``, "JSON object"},
		"blank":                   {"publish", " \n\t", "JSON object"},
		"null":                    {"publish", `null`, "JSON object"},
		"array":                   {"publish", `[]`, "JSON object"},
		"string":                  {"publish", `"body"`, "JSON object"},
		"cut short":               {"publish", `{"body":"x"`, ""},
		"cut in a string":         {"publish", `{"body":"x`, ""},
		"no comma":                {"publish", `{"body":"x" "relays":1}`, ""},
		"trailing comma":          {"publish", `{"body":"x",}`, ""},
		"comment":                 {"publish", `{"body":"x"/* */}`, ""},
		"two objects":             {"publish", `{"body":"x"}{"body":"y"}`, "follows"},
		"trailing word":           {"publish", `{"body":"x"} true`, "follows"},
		"trailing garbage":        {"publish", `{"body":"x"}]`, "follows"},
		"NUL behind":              {"publish", "{\"body\":\"x\"}\x00", "follows"},
		"unknown":                 {"publish", `{"body":"x","banana":1}`, `unknown field "banana"`},
		"unknown and long":        {"publish", `{"` + strings.Repeat("x", 100_000) + `":1}`, `unknown field "xxx`},
		"empty name":              {"publish", `{"":1}`, `unknown field ""`},
		"twice":                   {"publish", `{"body":"x","body":"y"}`, `"body" stands twice`},
		"twice by an escape":      {"publish", `{"body":"x","\u0062ody":"y"}`, `"body" stands twice`},
		"letter case":             {"publish", `{"Body":"x"}`, `unknown field "Body"`},
		"letter case of Unicode":  {"read", `{"ſtatus":"all"}`, `unknown field "ſtatus"`},
		"wrong type":              {"publish", `{"body":7}`, "body"},
		"bad base64":              {"publish", `{"body_base64":"***"}`, "base64"},
		"fraction":                {"publish", `{"body":"x","relays":1.5}`, "relays"},
		"huge number":             {"publish", `{"body":"x","relays":1e999}`, "relays"},
		"over 64 bits":            {"read", `{"status":"all","after":18446744073709551616}`, "after"},
		"node over 32 bits":       {"peers", `{"peers":[{"id":4294967298,"addr":"127.0.0.1:1"}]}`, "id"},
		"deep":                    {"publish", `{"body":` + strings.Repeat("[", 100_000), ""},
		"deep, below a list":      {"peers", `{"peers":` + strings.Repeat("[", 100_000), ""},
		"invalid UTF-8":           {"publish", "{\"body\":\"\xff\xfe\"}", "UTF-8"},
		"invalid UTF-8 in a key":  {"publish", "{\"bod\xff\":\"x\"}", "UTF-8"},
		"half a pair":             {"publish", `{"body":"\ud83d"}`, "half"},
		"half a pair, the second": {"publish", `{"body":"\ude00 x"}`, "half"},
		"a pair backwards":        {"publish", `{"body":"\ude00\ud83d"}`, "half"},
		"half a pair and text":    {"publish", `{"body":"\uD83Dx\\ude00"}`, "half"},
		"unknown, below":          {"peers", `{"peers":[{"id":2,"addr":"127.0.0.1:1","x":1}]}`, `unknown field "x"`},
		"twice, below":            {"peers", `{"peers":[{"id":2,"id":3,"addr":"127.0.0.1:1"}]}`, `"id" stands twice`},
		"letter case, below":      {"peers", `{"peers":[{"ID":2,"addr":"127.0.0.1:1"}]}`, `unknown field "ID"`},
		"twice, in a message":     {"packet", `{"from":2,"messages":[{` + message + `},{"route":[3],` + message + `}]}`, `"route" stands twice`},
		"case, in a message":      {"packet", `{"from":2,"messages":[{"Route":[3]}]}`, `unknown field "Route"`},
	} {
		t.Run(name, func(t *testing.T) {
			v := requests[c.kind]()
			err := DecodeStrict([]byte(c.text), v)
			if CodeOf(err) != CodeUsage || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q: %+v", err, c.says, v)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestDecodeRequestLooksAtTheMediaType(t *testing.T) {
	for kind, good := range map[string]bool{
		"application/json":                  true,
		"application/json; charset=utf-8":   true,
		"APPLICATION/JSON":                  true,
		"":                                  false,
		"text/plain":                        false,
		"application/x-www-form-urlencoded": false,
		"multipart/form-data":               false,
		"application/json,text/plain":       false,
		"application/jsonp":                 false,
		"text/plain; x=application/json":    false,
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{"status":"all"}`))
		r.Header.Set("Content-Type", kind)
		err := DecodeRequest(httptest.NewRecorder(), r, new(ReadRequest))
		if good && err != nil || !good && CodeOf(err) != CodeMediaType {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// broken is a body that ends with an error.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = errors.New("secret: connection reset by 10.0.0.7")
	}
	return n, err
}

func TestDecodeRequestReadsABoundedBody(t *testing.T) {
	body := func(r io.Reader) error {
		req := httptest.NewRequest("POST", "/", r)
		req.Header.Set("Content-Type", "application/json")
		return DecodeRequest(httptest.NewRecorder(), req, new(PublishRequest))
	}
	around := `{"body":"` + `"}`
	fits := `{"body":"` + strings.Repeat("x", MaxRequest-len(around)) + `"}`
	if err := body(strings.NewReader(fits)); err != nil {
		t.Errorf("%d bytes: %v", len(fits), err)
	}
	if err := body(strings.NewReader(fits + " ")); CodeOf(err) != CodeTooLarge {
		t.Errorf("%d bytes: %v", len(fits)+1, err)
	}
	if err := body(broken{strings.NewReader(`{"body":"x"}`)}); CodeOf(err) != CodeUsage || err.Error() != "the request was cut short" {
		t.Errorf("cut short: %v", err)
	}
}

// FuzzDecodeRequest puts anything to the decoder. What it accepts, it accepts in one meaning only:
// written down again it reads the same, nothing was replaced, and no field is unknown or there twice.
func FuzzDecodeRequest(f *testing.F) {
	for _, list := range goodRequests {
		for _, text := range list {
			f.Add([]byte(text))
		}
	}
	for _, text := range []string{`{"Body":"x"}`, `{"peers":[{"ID":2}]}`, `{"body":"x","body":"y"}`, "{\"body\":\"\xff\"}", `{"body":"\ud800"}`, `{"messages":[{"sent":null}]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for kind, fresh := range requests {
			v := fresh()
			err := DecodeStrict(data, v)
			if err != nil {
				if CodeOf(err) != CodeUsage {
					t.Errorf("%s: %s %v", kind, CodeOf(err), err)
				}
				continue
			}
			if !utf8.Valid(data) {
				t.Errorf("%s: takes bytes that are no UTF-8: %+v", kind, v)
			}
			if p, is := v.(*PublishRequest); is && p.Body != nil && strings.ContainsRune(*p.Body, utf8.RuneError) && !replacement.Match(data) {
				t.Errorf("%s: replaced something: %q", kind, *p.Body)
			}
			if err := oneMeaning(json.NewDecoder(bytes.NewReader(data))); err != nil {
				t.Errorf("%s: takes %q: %v", kind, data, err)
			}
			again := fresh()
			text, err := json.Marshal(v)
			if err == nil {
				err = DecodeStrict(text, again)
			}
			if err != nil || !reflect.DeepEqual(v, again) {
				t.Errorf("%s: %+v was written as %s and read as %+v, %v", kind, v, text, again, err)
			}
			for _, spoilt := range spoil(string(text)) {
				if DecodeStrict([]byte(spoilt), fresh()) == nil {
					t.Errorf("%s: takes %s", kind, spoilt)
				}
			}
		}
	})
}

// replacement finds U+FFFD that was really sent.
var replacement = regexp.MustCompile(`\x{fffd}|\\u[fF]{3}[dD]`)

// oneMeaning says of the next JSON value what readers could disagree about: names that stand twice
// in one object, or are not written as ours are.
func oneMeaning(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	names := make(map[string]bool)
	for nested && d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			text := fmt.Sprint(name)
			if names[text] || text != strings.ToLower(text) {
				return fmt.Errorf("the name %q", text)
			}
			names[text] = true
		}
		if err := oneMeaning(d); err != nil {
			return err
		}
	}
	if nested {
		_, err = d.Token()
	}
	return err
}

var fieldName = regexp.MustCompile(`[{,]"([a-z_0-9]+)":`)

// spoil makes, of the canonical text of a request, texts that must be refused: in every object an
// unknown field, a field twice, and one in other letter case.
func spoil(text string) []string {
	list := []string{text + text, text + "x", strings.Replace(text, "{", `{"banana":1,`, 1)}
	for _, at := range fieldName.FindAllStringSubmatchIndex(text, -1) {
		start, first, last := at[0]+1, at[2], at[3]
		name := text[first:last]
		list = append(list,
			text[:first]+strings.ToUpper(name)+text[last:],
			text[:start]+`"`+name+`":null,`+text[start:],
			text[:start]+`"`+name+`x":null,`+text[start:])
	}
	return list
}

// What a handler returns as an error is told only where it was made for people.
func TestWriteErrorTellsNothingInternal(t *testing.T) {
	const inside = "open /root/.local/state/gossipctl/secret: permission denied"
	for name, c := range map[string]struct {
		err    error
		status int
		says   string
	}{
		"internal":         {errors.New(inside), 500, "internal error"},
		"joined":           {errors.Join(errors.New(inside), io.EOF), 500, "internal error"},
		"wrapped ours":     {fmt.Errorf("%s: %w", inside, NewError(CodeConflict, "no", "")), 409, "no"},
		"not over HTTP":    {NewError(CodeDamaged, "state is damaged", ""), 500, "state is damaged"},
		"unknown code":     {NewError("banana", "odd", ""), 500, "odd"},
		"full":             {NewError(CodeInboxFull, "inbox full", ""), 429, "inbox full"},
		"busy":             {NewError(CodeBusy, "busy", ""), 503, "busy"},
		"hostile contents": {NewError(CodeUsage, "</script>\x1b[2J\u202e", ""), 400, "</script>\x1b[2J\u202e"},
	} {
		w := httptest.NewRecorder()
		WriteError(w, c.err)
		var answer struct{ Error Error }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != c.status || answer.Error.Message != c.says {
			t.Errorf("%s: %d %s, %v", name, w.Code, w.Body, err)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: tells %s", name, w.Body)
		}
		if strings.ContainsAny(w.Body.String(), "<>\x1b") {
			t.Errorf("%s: not escaped: %s", name, w.Body)
		}
		for header, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
	}
	w := httptest.NewRecorder()
	WriteJSON(w, map[string]any{"x": func() {}})
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "json:") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
