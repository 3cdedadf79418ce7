package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe is text that may go to a terminal as it is: it went through [Escape], and the only control
// sequences in it are colours put there by a [Level]. Constants in the source convert by themselves.
type Safe string

// maxMarks bounds the combining marks on one character. No living script stacks so many, and
// terminals draw them over the lines above and below.
const maxMarks = 8

// Variation selectors 15 and 16 choose between a symbol's text and emoji forms.
const (
	textForm  = '\ufe0e'
	emojiForm = '\ufe0f'
)

// Escape makes hostile text harmless and visible. The result is one line of characters that have
// ink or are a plain space; everything else is written as \n, \t, \r, \x1b (a control character or
// a byte that is no UTF-8), \u202e or \U000e0067, and a backslash as \\, so the bytes can be read
// back exactly.
//
// Escaped are all of Unicode's control, format (bidirectional overrides, zero-width characters),
// separator, private and unassigned characters. Two rules are stricter than a font needs:
//   - U+200D, which joins emoji into families, is escaped like every other format character, so
//     such an emoji shows as its parts;
//   - a combining mark stands only on a character shown as itself, at most [maxMarks] deep, and a
//     variation selector only on a symbol or keycap.
//
// Letters written from right to left are shown as they are; a terminal may reorder them within their line.
func Escape[T ~string | ~[]byte](text T) Safe {
	s := string(text)
	plain := plainPrefix(s)
	if plain == len(s) {
		return Safe(s)
	}
	var out strings.Builder
	out.Grow(len(s) + len(s)/8)
	out.WriteString(s[:plain])
	var base rune // the character shown before this one, 0 when there is none
	if plain > 0 {
		base = rune(s[plain-1])
	}
	marks := 0
	for i := plain; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
			base = 0
		case unicode.Is(unicode.M, r) && markFits(base, marks, r):
			out.WriteRune(r)
			marks++
		case shown(r) && !unicode.Is(unicode.M, r) && r != '\\':
			out.WriteRune(r)
			base, marks = r, 0
		default:
			writeEscape(&out, r)
			base = 0
		}
		i += size
	}
	return Safe(out.String())
}

// plainPrefix is the length of the leading part that needs no second look: printable ASCII.
func plainPrefix(s string) int {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' {
			return i
		}
	}
	return len(s)
}

// shown reports whether r, wherever it stands, has ink or is a plain space.
func shown(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// markFits reports whether the mark r may follow base, which carries that many marks already.
func markFits(base rune, marks int, r rune) bool {
	if r == textForm || r == emojiForm {
		keycap := base >= '0' && base <= '9' || base == '#' || base == '*'
		return marks == 0 && (keycap || unicode.Is(unicode.S, base))
	}
	return base != 0 && marks < maxMarks && shown(r)
}

func writeEscape(out *strings.Builder, r rune) {
	switch {
	case r == '\\':
		out.WriteString(`\\`)
	case r == '\n':
		out.WriteString(`\n`)
	case r == '\t':
		out.WriteString(`\t`)
	case r == '\r':
		out.WriteString(`\r`)
	case r < utf8.RuneSelf:
		fmt.Fprintf(out, `\x%02x`, r)
	case r <= 0xffff: // \u even below 0x100: \x9b is the lone byte, \u009b the character
		fmt.Fprintf(out, `\u%04x`, r)
	default:
		fmt.Fprintf(out, `\U%08x`, r)
	}
}
