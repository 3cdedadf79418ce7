package term

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// unescape reads Escape's output back by Go's own rules for escapes, which are not the code under test.
func unescape(t testing.TB, text Safe) string {
	t.Helper()
	var out []byte
	for rest := string(text); rest != ""; {
		r, multibyte, tail, err := strconv.UnquoteChar(rest, 0)
		if err != nil {
			t.Fatalf("%q is no escape at %q: %v", text, rest, err)
		}
		if multibyte {
			out = utf8.AppendRune(out, r)
		} else {
			out = append(out, byte(r))
		}
		rest = tail
	}
	return string(out)
}

// checkHarmless states what no output may hold, without asking the code under test.
func checkHarmless(t testing.TB, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%q is not UTF-8", text)
	}
	for _, r := range text {
		switch {
		case r < 0x20, r >= 0x7f && r <= 0x9f:
			t.Errorf("%q holds the control character %U", text, r)
		case unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co):
			t.Errorf("%q holds the unseen character %U", text, r)
		case unicode.In(r, unicode.Bidi_Control, unicode.Other_Default_Ignorable_Code_Point, unicode.Join_Control):
			t.Errorf("%q holds the ignorable character %U", text, r)
		case r != ' ' && unicode.IsSpace(r):
			t.Errorf("%q holds the space %U", text, r)
		}
	}
}

func TestEscape(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"plain", "banana", "banana"},
		{"spaces stay", "  two  words ", "  two  words "},
		{"newline", "a\nb", `a\nb`},
		{"carriage return", "safe\rfake", `safe\rfake`},
		{"tab", "a\tb", `a\tb`},
		{"backslash", `C:\new`, `C:\\new`},
		{"looks like an escape", `\x1b`, `\\x1b`},
		{"clear screen", "\x1b[2J", `\x1b[2J`},
		{"title by OSC", "\x1b]0;pwn\x07", `\x1b]0;pwn\x07`},
		{"nul and delete", "\x00\x7f", `\x00\x7f`},
		{"C1 as a character", "\u009b31m", `\u009b31m`},
		{"C1 as a byte", "\x9b31m", `\x9b31m`},
		{"invalid UTF-8", "a\xff\xfeb", `a\xff\xfeb`},
		{"surrogate half", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
		{"bidi override", "\u202egnp.exe", `\u202egnp.exe`},
		{"bidi isolate", "\u2066x\u2069", `\u2066x\u2069`},
		{"line separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"zero width", "pass\u200bword\ufeff", `pass\u200bword\ufeff`},
		{"soft hyphen", "a\u00adb", `a\u00adb`},
		{"no-break space", "a\u00a0b", `a\u00a0b`},
		{"hangul filler", "\u3164", `\u3164`},
		{"tag characters", "x\U000e0041", `x\U000e0041`},
		{"private use", "\ue000", `\ue000`},
		{"unassigned", "\u0378", `\u0378`},
		{"other scripts", "grüße 你好 שלום", "grüße 你好 שלום"},
		{"emoji", "😀🇳🇿👍🏽", "😀🇳🇿👍🏽"},
		{"emoji form", "❤\ufe0f", "❤\ufe0f"},
		{"keycap", "1\ufe0f\u20e3", "1\ufe0f\u20e3"},
		{"emoji form on a letter", "a\ufe0f", `a\ufe0f`},
		{"two emoji forms", "❤\ufe0f\ufe0f", "❤\ufe0f" + `\ufe0f`},
		{"ideographic variation", "葛\U000e0100", `葛\U000e0100`},
		{"family", "👨\u200d👩", `👨\u200d👩`},
		{"accent on a letter", "e\u0301", "e\u0301"},
		{"accent after ASCII and at the start", "\u0301a\u0301", `\u0301` + "a\u0301"},
		{"accent after an escape", "\n\u0301", `\n\u0301`},
		{"zalgo", "a" + strings.Repeat("\u0301", 9), "a" + strings.Repeat("\u0301", 8) + `\u0301`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Escape(c.text)
			if string(got) != c.want {
				t.Errorf("Escape(%q) = %q, want %q", c.text, got, c.want)
			}
			if bytes := Escape([]byte(c.text)); bytes != got {
				t.Errorf("Escape of the bytes is %q, of the string %q", bytes, got)
			}
			if back := unescape(t, got); back != c.text {
				t.Errorf("read back as %q, want %q", back, c.text)
			}
			checkHarmless(t, string(got))
		})
	}
}

// TestEscapeEveryCharacter looks at each character by itself, and at the marks, whose case depends on
// what they stand on, also after a letter and a symbol. Planes that are nearly uniform are sampled.
func TestEscapeEveryCharacter(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if varied := r < 0x18000 || r >= 0x1b000 && r < 0x20000 || r>>12 == 0xe0; !varied && r%251 != 0 {
			continue
		}
		befores := []string{""}
		if unicode.Is(unicode.M, r) {
			befores = []string{"", "a", "❤"}
		}
		for _, before := range befores {
			text := before + string(r)
			got := Escape(text)
			checkHarmless(t, string(got))
			if t.Failed() {
				t.FailNow()
			}
			if r != utf8.RuneError && unescape(t, got) != before+string(r) {
				t.Fatalf("%U after %q read back from %q as %q", r, before, got, unescape(t, got))
			}
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", `\`, "a\\\n", "\x1b[31m", "\xf0\x9f", "e\u0301\u0301", "👨\u200d👩❤\ufe0f", "\u202e\u2028\x9b"} {
		f.Add(seed, 5)
	}
	f.Fuzz(func(t *testing.T, text string, columns int) {
		got := Escape(text)
		checkHarmless(t, string(got))
		if back := unescape(t, got); back != text {
			t.Errorf("%q escaped to %q and read back as %q", text, got, back)
		}
		checkTruncated(t, got, columns%200)
	})
}

func BenchmarkEscape(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"plain", strings.Repeat("banana ", 150)},
		{"chinese", strings.Repeat("你好", 150)},
		{"hostile", strings.Repeat("\x1b\n\u202e", 150)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				Escape(c.text)
			}
		})
	}
}
