package term

import (
	"strings"
	"testing"
)

// checkTruncated states what holds for any escaped text and width.
func checkTruncated(t testing.TB, text Safe, columns int) {
	t.Helper()
	got := Truncate(text, columns)
	if w := Width(got); w > max(0, columns) {
		t.Errorf("Truncate(%q, %d) = %q takes %d columns", text, columns, got, w)
	}
	if got == text {
		return
	}
	head, cut := strings.CutSuffix(string(got), ellipsis)
	if got != "" && !cut {
		t.Errorf("Truncate(%q, %d) = %q does not show that it was cut", text, columns, got)
	}
	if !strings.HasPrefix(string(text), head) {
		t.Errorf("Truncate(%q, %d) = %q is not the beginning", text, columns, got)
	}
	unescape(t, Safe(head)) // fails on half an escape
	checkHarmless(t, string(got))
}

func TestTruncate(t *testing.T) {
	red := TrueColor.Bad
	for _, c := range []struct {
		text    Safe
		columns int
		want    Safe
	}{
		{"banana", 6, "banana"},
		{"banana", 5, "bana…"},
		{"banana", 1, "…"},
		{"banana", 0, ""},
		{"banana", -3, ""},
		{"", 0, ""},
		{`ab\u202ecd`, 9, `ab\u202e…`},
		{`ab\u202ecd`, 8, "ab…"},
		{`ab\x1b[2J`, 6, "ab…"},
		{`ab\x1b[2J`, 7, `ab\x1b…`},
		{`a\\\\b`, 4, `a\\…`},
		{`\n\n\n`, 4, `\n…`},
		{"你好吗", 5, "你好…"},
		{"你好吗", 4, "你…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{red("banana") + "!", 4, "\x1b[31mban…\x1b[0m"},
		{"ab" + red("cd") + red("ef"), 4, "ab\x1b[31mc…\x1b[0m\x1b[31m\x1b[0m"},
	} {
		if got := Truncate(c.text, c.columns); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}

func TestWidth(t *testing.T) {
	for text, want := range map[Safe]int{
		"":                             0,
		"banana":                       6,
		"你好":                           4,
		"e\u0301":                      1,
		TrueColor.Bad("dead"):          4,
		Color256.RGB(1, 2, 3, "8 ➜ 3"): 5,
	} {
		if got := Width(text); got != want {
			t.Errorf("Width(%q) = %d, want %d", text, got, want)
		}
	}
}
