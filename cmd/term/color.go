package term

import (
	"fmt"
	"slices"
)

// Env looks an environment variable up; os.LookupEnv is one.
type Env func(name string) (value string, ok bool)

// get is the value, empty when there is none.
func (e Env) get(name string) string {
	value, _ := e(name)
	return value
}

// ColorMode is what a person asked for with --color; it is a flag value. The zero value is auto.
type ColorMode string

// The modes. Auto colours on a terminal that can, unless NO_COLOR is set.
const (
	ColorAuto   ColorMode = "auto"
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// ColorModes returns the values --color takes.
func ColorModes() []string {
	return []string{string(ColorAuto), string(ColorAlways), string(ColorNever)}
}

// String returns the mode as it is written after --color.
func (m *ColorMode) String() string {
	if *m == "" {
		return string(ColorAuto)
	}
	return string(*m)
}

// Set takes the mode from a flag; the error is the user's mistake in a sentence.
func (m *ColorMode) Set(text string) error {
	if !slices.Contains(ColorModes(), text) {
		return fmt.Errorf("%s is not a colour mode; use %s", quote(text), Or(ColorModes()))
	}
	*m = ColorMode(text)
	return nil
}

// Type names the kind of value in the help text.
func (m *ColorMode) Type() string { return "mode" }

// Level decides how output is coloured. An explicit always or never wins over everything; auto asks
// whether the output is a terminal, then NO_COLOR (no-color.org: set and not empty), then TERM=dumb.
func (m ColorMode) Level(tty bool, env Env) Level {
	switch m {
	case ColorNever:
		return NoColor
	case ColorAlways:
	default:
		if !tty || env.get("NO_COLOR") != "" || env.get("TERM") == "dumb" {
			return NoColor
		}
	}
	switch env.get("COLORTERM") {
	case "truecolor", "24bit":
		return TrueColor
	}
	return Color256 // what every terminal of this century has
}

// Level is how many colours an output shows. Its methods paint text; at [NoColor] they return it
// unchanged, so that a command paints without asking. Painted text must not be painted again.
type Level int

// The levels.
const (
	NoColor Level = iota
	Color256
	TrueColor
)

const escByte = '\x1b'

// Good paints what is well: green.
func (l Level) Good(text Safe) Safe { return l.paint("32", text) }

// Bad paints what failed: red.
func (l Level) Bad(text Safe) Safe { return l.paint("31", text) }

// Warn paints what needs a look: yellow.
func (l Level) Warn(text Safe) Safe { return l.paint("33", text) }

// Strong paints what matters most: bold.
func (l Level) Strong(text Safe) Safe { return l.paint("1", text) }

// Faint paints what matters least: dim.
func (l Level) Faint(text Safe) Safe { return l.paint("2", text) }

// RGB paints text in a colour of its own, or in the nearest one of 256.
func (l Level) RGB(red, green, blue uint8, text Safe) Safe {
	if l == TrueColor {
		return l.paint(fmt.Sprintf("38;2;%d;%d;%d", red, green, blue), text)
	}
	return l.paint(fmt.Sprintf("38;5;%d", nearest256(red, green, blue)), text)
}

func (l Level) paint(code string, text Safe) Safe {
	if l == NoColor || text == "" {
		return text
	}
	return Safe("\x1b["+code+"m") + text + "\x1b[0m"
}

// cubeSteps are the intensities of xterm's 6×6×6 colour cube, which starts at colour 16.
var cubeSteps = [6]int{0, 95, 135, 175, 215, 255}

// nearest256 returns the colour of xterm's cube or grey ramp that is nearest by squared distance.
func nearest256(red, green, blue uint8) int {
	want := [3]int{int(red), int(green), int(blue)}
	var at, cube [3]int
	for i, w := range want {
		for step, v := range cubeSteps {
			if abs(v-w) < abs(cubeSteps[at[i]]-w) {
				at[i] = step
			}
		}
		cube[i] = cubeSteps[at[i]]
	}
	// The ramp is 232…255: 8, 18, … 238.
	shade := min(23, max(0, ((want[0]+want[1]+want[2])/3-3)/10))
	grey := 8 + 10*shade
	if distance(want, [3]int{grey, grey, grey}) < distance(want, cube) {
		return 232 + shade
	}
	return 16 + 36*at[0] + 6*at[1] + at[2]
}

func distance(a, b [3]int) int {
	sum := 0
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return sum
}

func abs(n int) int { return max(n, -n) }
