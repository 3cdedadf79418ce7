package term

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// ellipsis stands for what [Truncate] took away.
const ellipsis = "…"

// Width is how many columns of a terminal text takes; colours take none. It is the measure the
// tables use, so what fits here lines up there.
func Width(text Safe) int { return twwidth.WidthNoCache(string(text)) }

// Truncate cuts text to at most the given number of columns and ends it in "…" when something was
// cut; where not even that fits, nothing is left. It never cuts an escape such as \u202e or a colour
// in two, never parts a letter from its marks, and keeps the colours that follow the cut, so that
// they end where they should.
func Truncate(text Safe, columns int) Safe {
	if Width(text) <= columns {
		return text
	}
	room := columns - Width(ellipsis)
	if room < 0 {
		return ""
	}
	var out strings.Builder
	cut := false
	for rest := string(text); rest != ""; {
		piece := rest[:pieceLen(rest)]
		rest = rest[len(piece):]
		if piece[0] == escByte {
			out.WriteString(piece)
			continue
		}
		if cut {
			continue
		}
		if room -= Width(Safe(piece)); room < 0 {
			out.WriteString(ellipsis)
			cut = true
			continue
		}
		out.WriteString(piece)
	}
	return Safe(out.String())
}

// pieceLen is the length in bytes of the first thing in s that may not be cut.
func pieceLen(s string) int {
	switch s[0] {
	case escByte:
		if end := strings.IndexByte(s, 'm'); end >= 0 {
			return end + 1
		}
		return len(s)
	case '\\':
		return min(len(s), escapeLen(s))
	}
	_, n := utf8.DecodeRuneInString(s)
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if !unicode.Is(unicode.M, r) {
			break
		}
		n += size
	}
	return n
}

// escapeLen is the length of the escape that starts s, as [writeEscape] writes it.
func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case 'x':
		return len(`\x1b`)
	case 'u':
		return len(`\u202e`)
	case 'U':
		return len(`\U000e0067`)
	}
	return len(`\n`)
}
