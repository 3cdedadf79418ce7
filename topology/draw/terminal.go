package draw

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Colours is how many colours a terminal has.
type Colours uint8

// The kinds of terminals.
const (
	NoColours Colours = iota
	Colours256
	TrueColours
)

// TextStyle is how text is written for a terminal.
type TextStyle struct {
	Width   int // columns; 0 means 80
	Colours Colours
}

func (s TextStyle) width() int {
	if s.Width == 0 {
		return 80 // what every terminal has had since the VT100
	}
	return max(s.Width, 30) // narrower, nothing has room to stand beside anything
}

// style is the way one piece of text looks.
type style struct {
	fg, bg RGB
	onBG   bool
	colour bool // fg counts
	bold   bool
	faint  bool
}

// terminal writes coloured pieces of text.
type terminal struct {
	w     *bufio.Writer
	style TextStyle
	index map[RGB]int // of the 256; finding one is work
}

func newTerminal(w io.Writer, s TextStyle) *terminal {
	return &terminal{w: bufio.NewWriter(w), style: s, index: map[RGB]int{}}
}

// print writes text, which is taken as it is: clean what comes from outside.
func (t *terminal) print(s style, text string) {
	codes := ""
	if t.style.Colours != NoColours {
		codes = t.codes(s)
	}
	if codes == "" {
		t.w.WriteString(text)
		return
	}
	t.w.WriteString("\x1b[" + codes + "m" + text + "\x1b[0m")
}

func (t *terminal) codes(s style) string {
	var codes []string
	if s.bold {
		codes = append(codes, "1")
	}
	if s.faint {
		codes = append(codes, "2")
	}
	if s.colour {
		codes = append(codes, "38;"+t.code(s.fg))
	}
	if s.onBG {
		codes = append(codes, "48;"+t.code(s.bg))
	}
	return strings.Join(codes, ";")
}

func (t *terminal) code(c RGB) string {
	if t.style.Colours == TrueColours {
		return fmt.Sprintf("2;%d;%d;%d", c.R, c.G, c.B)
	}
	at, known := t.index[c]
	if !known {
		at = c.ANSI256()
		t.index[c] = at
	}
	return fmt.Sprintf("5;%d", at)
}

func (t *terminal) heading(title, subtitle string) {
	if title != "" {
		t.print(style{bold: true}, shorten(clean(title), t.style.width()))
		t.print(style{}, "\n")
	}
	for _, line := range wrap(clean(subtitle), t.style.width()) {
		t.print(style{faint: true}, line)
		t.print(style{}, "\n")
	}
}

// name is how a node is written among others: its number between signs of its state, or on a
// field of its colour.
func (v Node) name(colours Colours) (text string, look style) {
	own := Colour(v.ID)
	look = style{fg: own, colour: true, bold: true}
	switch v.State.orRunning() {
	case Paused:
		return fmt.Sprintf("|%d|", v.ID), look
	case Unreachable:
		return fmt.Sprintf("?%d?", v.ID), look
	case Dead:
		return fmt.Sprintf("×%d×", v.ID), style{faint: true}
	case Removed:
		return fmt.Sprintf("·%d·", v.ID), style{faint: true}
	default:
		if colours == NoColours {
			return fmt.Sprintf("(%d)", v.ID), style{}
		}
		return fmt.Sprintf(" %d ", v.ID), style{fg: own.Ink(), bg: own, onBG: true, colour: true, bold: true}
	}
}

// bullet is a node's sign at the head of its row.
func (s State) bullet() string {
	switch s.orRunning() {
	case Paused:
		return "◐"
	case Unreachable:
		return "?"
	case Dead:
		return "×"
	case Removed:
		return "◌"
	default:
		return "●"
	}
}

func columns(s string) int { return utf8.RuneCountInString(s) }
