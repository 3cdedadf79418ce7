//go:build linux

package cmd_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostile are messages that would do something to a terminal, or to the eye, if they were shown as
// they are.
var hostile = []struct{ name, text string }{
	{"clear screen", "\x1b[2J\x1b[H"},
	{"colour", "\x1b[31mred\x1b[0m"},
	{"title", "\x1b]0;pwned\x07"},
	{"link", "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\"},
	{"clipboard", "\x1b]52;c;cm0gLXJmIH4=\x07"},
	{"device control", "\x1bP+q544e\x1b\\"},
	{"answer back", "\x05\x1b[c\x1b[6n"},
	{"C1 as a character", "\u009b2J\u009d0;x\u009c"},
	{"C1 as a byte", "\x9b2J"},
	{"carriage return", "safe\rfake"},
	{"forged line", "first\n• second\n"},
	{"form feed", "a\vb\fc"},
	{"backspace", "abc\b\b\bxyz"},
	{"tab", "a\tb"},
	{"NUL", "a\x00b"},
	{"delete", "a\x7fb"},
	{"next line", "a\u0085b"},
	{"line separators", "a\u2028b\u2029c"},
	{"override", "\u202egnp.exe"},
	{"isolates", "\u2066a\u2067b\u2069"},
	{"marks of direction", "a\u200e\u200f\u061cb"},
	{"zero width", "pass\u200bword\u200d\ufeff"},
	{"soft hyphen", "a\u00adb"},
	{"tags", "x\U000e0041\U000e007f"},
	{"variation", "a\ufe0f\U000e0100"},
	{"private use", "\ue000\U00100000"},
	{"stacked marks", "a" + strings.Repeat("\u0301", 50)},
	{"invalid UTF-8", "\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80"},
	{"cut short", "grü\xc3"},
	{"looks like an error", "Error: disk full\nRun rm -rf ~"},
	{"looks like markup", `</script><img src=x onerror=alert(1)>"&amp;`},
	{"long", strings.Repeat("\x1b[A\u202e", 2000)},
}

// harm finds in a text what a terminal would obey or an eye would not see.
func harm(text string) string {
	if !utf8.ValidString(text) {
		return "invalid UTF-8"
	}
	for i, r := range text {
		if r == '\n' {
			continue
		}
		if r < 0x20 || r >= 0x7f && r <= 0x9f || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs, unicode.Variation_Selector) {
			return fmt.Sprintf("%U after %.40q", r, text[max(0, i-40):i])
		}
	}
	return ""
}

// ours are the colours the program itself puts in.
var ours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Whatever a message holds, nothing of it reaches a terminal but what can be seen, in one line a
// message, and a program reads back the very same bytes. (Rows 36 and 37.)
func TestRow36HostileMessages(t *testing.T) {
	b := newBox(t)
	b.start(2, "--log-level", "debug")
	_, control, _ := b.tokens()
	batch := make([]string, len(hostile))
	for i, h := range hostile {
		batch[i] = base64.StdEncoding.EncodeToString([]byte(h.text))
	}
	body, _ := json.Marshal(map[string]any{"batch_base64": batch})
	if status, answer, _ := ask(t, b.addr(1), "POST", "/v1/messages", string(body), bearer(control)); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	last := fmt.Sprintf("1.1.%d", len(hostile))
	b.must(0, "", "wait-message", last)
	svg := filepath.Join(b.home, "spread.svg")
	shows := [][]string{
		{"get-messages", "2", "all", "--peek"},
		{"get-messages", "2", "all", "--peek", "-A", "-ttt"},
		{"get-messages", "2", "all", "--peek", "-o", "wide"},
		{"get-messages", "2", "all", "--peek", "-o", "json"},
		{"get-messages", "2", "all", "--peek", "-o", "yaml"},
		{"get-messages", "2", "all", "--peek", "-o", "name"},
		{"trace-message", "1.1.1", "--plot", svg},
		{"trace-message", last},
		{"trace-message", "1.1.28", "-o", "json"},
		{"show-network"},
		{"plot-network"},
		{"show-logs"},
		{"show-logs", "-o", "json"},
	}
	for _, args := range shows {
		for how, r := range map[string]result{
			"pipe":               b.run(nil, args...),
			"terminal":           b.terminal(nil, append(args, "--color", "never")...),
			"terminal in colour": b.terminal(nil, append(args, "--color", "always")...),
			"pipe in colour":     b.run(nil, append(args, "--color", "always")...),
		} {
			if strings.HasSuffix(how, "colour") {
				r.out = ours.ReplaceAllString(r.out, "")
			}
			if r.code != 0 {
				t.Errorf("%s: %v", how, r)
			}
			if found := harm(r.out + r.err); found != "" {
				t.Errorf("%s: %q shows %s", how, r.args, found)
			}
			if lines := strings.Count(r.out, "\n"); len(args) == 4 && args[0] == "get-messages" && lines != len(hostile) {
				t.Errorf("%s: %d messages are shown in %d lines", how, len(hostile), lines)
			}
			if args[len(args)-1] == "json" && args[0] == "get-messages" {
				sameBytes(t, how, r.out)
			}
		}
	}
	picture, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	if found := harm(string(picture)); found != "" || bytes.Contains(picture, []byte("<script")) {
		t.Errorf("the picture shows %s", found)
	}
}

// sameBytes compares what get-messages -o json lists with what was sent.
func sameBytes(t *testing.T, how, out string) {
	t.Helper()
	type message struct {
		Body       *string
		BodyBase64 []byte `json:"body_base64"`
	}
	list := parse[struct{ Messages []message }](t, out).Messages
	if len(list) != len(hostile) {
		t.Fatalf("%s: %d messages, want %d", how, len(list), len(hostile))
	}
	for i, h := range hostile {
		m := list[i]
		if string(m.BodyBase64) != h.text {
			t.Errorf("%s, %s: the bytes are %q, want %q", how, h.name, m.BodyBase64, h.text)
		}
		if valid := utf8.ValidString(h.text); (m.Body != nil) != valid || valid && *m.Body != h.text {
			t.Errorf("%s, %s: the text is %v", how, h.name, m.Body)
		}
	}
}

// What a person, a variable or a file got wrong is told in words that do no harm either, and in
// JSON that does none.
func TestRow36HostileErrors(t *testing.T) {
	b := newBox(t)
	b.start(2)
	config := filepath.Join(b.home, "config.yaml")
	write := func(text string) []string {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"GOSSIPCTL_CONFIG=" + config, "GOSSIPCTL_NETWORK="}
	}
	for _, text := range []string{
		"\x1b[2J\x1b]0;pwned\x07\u009b2J\b\r\x7f\u202e\u2028\u200b\u00ad\U000e0041\ue000",
		"x\nError: disk full\n\x1b[31m",
		"\xff\xfe\x9b2J\xed\xa0\x80",
	} {
		for _, args := range [][]string{
			{"get-messages", text}, {"get-messages", "1", text}, {"send-message", text, "x"}, {"trace-message", text},
			{"start-network", text}, {"start-network", "random", text}, {"start-network", "--protocol", text},
			{"start-network", "--set", text}, {"start-network", "--set", "relays=" + text}, {"start-network", "--set", text + "=1"},
			{"start-network", "--plot=" + text}, {"start-network", "--log-level", text}, {"start-network", "--retain-policy", text},
			{"show-network", "--network", text}, {"show-network", "--color", text}, {"show-network", "-o", text},
			{"show-network", "--timeout", text}, {"show-network", "--" + text}, {"show-network", text}, {text}, {"--" + text},
			{"plot-network", "--file", "/nowhere/" + text + ".svg"}, {"plot-network", "--format", text}, {"show-logs", text},
			{"connect-nodes", "1", text}, {"wait-message", "1.1.1", "--nodes", text}, {"add-node", "--peers", text},
		} {
			b.harmless(nil, args...)
			b.harmless(nil, append([]string{"-o", "json"}, args...)...)
		}
		b.harmless([]string{"GOSSIPCTL_NETWORK=" + text}, "show-network")
		b.harmless([]string{"GOSSIPCTL_TIMEOUT=" + text}, "show-network")
		b.harmless([]string{"GOSSIPCTL_CONFIG=/nowhere/" + text}, "show-network")
		b.harmless([]string{"XDG_STATE_HOME=/proc/self/" + text}, "start-network")
		literal, _ := json.Marshal(text)
		b.harmless(write("network: "+string(literal)+"\n"), "show-network")
		b.harmless(write("network: ["+text+"\n"), "show-network")
		b.harmless(write("num-nodes: 3\nbanana: "+text+"\n"), "show-network")
		b.harmless(write(string(literal)+": 1\n"), "show-network")
	}
}

// harmless runs a command that must fail, and looks at what it says of that.
func (b *box) harmless(env []string, args ...string) {
	b.t.Helper()
	r := b.run(env, args...)
	if r.code == 0 {
		b.t.Errorf("it did not fail: %q %v", env, r)
	}
	if found := harm(r.out + r.err); found != "" {
		b.t.Errorf("%q %q shows %s", env, r.args, found)
	}
}
