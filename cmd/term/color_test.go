package term

import (
	"testing"
)

// fakeEnv is an environment of its own.
func fakeEnv(vars map[string]string) Env {
	return func(name string) (string, bool) { value, ok := vars[name]; return value, ok }
}

func TestColorLevel(t *testing.T) {
	for _, c := range []struct {
		name string
		mode ColorMode
		tty  bool
		env  map[string]string
		want Level
	}{
		{"a terminal", ColorAuto, true, nil, Color256},
		{"the zero mode is auto", "", true, nil, Color256},
		{"a pipe", ColorAuto, false, nil, NoColor},
		{"a pipe that must", ColorAlways, false, nil, Color256},
		{"a terminal that must not", ColorNever, true, nil, NoColor},
		{"NO_COLOR", ColorAuto, true, map[string]string{"NO_COLOR": "1"}, NoColor},
		{"NO_COLOR set to nothing", ColorAuto, true, map[string]string{"NO_COLOR": ""}, Color256},
		{"the flag wins over NO_COLOR", ColorAlways, false, map[string]string{"NO_COLOR": "1"}, Color256},
		{"a dumb terminal", ColorAuto, true, map[string]string{"TERM": "dumb"}, NoColor},
		{"the flag wins over dumb", ColorAlways, true, map[string]string{"TERM": "dumb"}, Color256},
		{"true colour", ColorAuto, true, map[string]string{"COLORTERM": "truecolor"}, TrueColor},
		{"true colour by its other name", ColorAuto, true, map[string]string{"COLORTERM": "24bit"}, TrueColor},
		{"true colour on a pipe", ColorAuto, false, map[string]string{"COLORTERM": "truecolor"}, NoColor},
	} {
		if got := c.mode.Level(c.tty, fakeEnv(c.env)); got != c.want {
			t.Errorf("%s: level %d, want %d", c.name, got, c.want)
		}
	}
}

func TestColorModeFlag(t *testing.T) {
	var mode ColorMode
	if got := mode.String(); got != "auto" {
		t.Errorf("the zero mode is %q, want auto", got)
	}
	for _, name := range ColorModes() {
		if err := mode.Set(name); err != nil || mode.String() != name {
			t.Errorf("Set(%q) gave %q and %v", name, mode, err)
		}
	}
	err := mode.Set("rainbow\x1b")
	if want := `"rainbow\x1b" is not a colour mode; use auto, always or never`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestPaint(t *testing.T) {
	for _, c := range []struct{ got, want Safe }{
		{NoColor.Bad("dead"), "dead"},
		{NoColor.RGB(1, 2, 3, "8"), "8"},
		{Color256.Good(""), ""},
		{Color256.Good("ok"), "\x1b[32mok\x1b[0m"},
		{Color256.Warn("ok"), "\x1b[33mok\x1b[0m"},
		{Color256.Strong("ok"), "\x1b[1mok\x1b[0m"},
		{Color256.Faint("ok"), "\x1b[2mok\x1b[0m"},
		{TrueColor.RGB(31, 119, 180, "8"), "\x1b[38;2;31;119;180m8\x1b[0m"},
		{Color256.RGB(255, 0, 0, "8"), "\x1b[38;5;196m8\x1b[0m"},
	} {
		if c.got != c.want {
			t.Errorf("painted %q, want %q", c.got, c.want)
		}
	}
}

// TestNearest256 checks the shortcut against a search of all 240 colours.
func TestNearest256(t *testing.T) {
	palette := map[int][3]int{}
	for i := range 216 {
		palette[16+i] = [3]int{cubeSteps[i/36], cubeSteps[i/6%6], cubeSteps[i%6]}
	}
	for i := range 24 {
		palette[232+i] = [3]int{8 + 10*i, 8 + 10*i, 8 + 10*i}
	}
	for red := 0; red < 256; red += 15 {
		for green := 0; green < 256; green += 15 {
			for blue := 0; blue < 256; blue += 5 {
				want := [3]int{red, green, blue}
				least := 1 << 30
				for _, c := range palette {
					least = min(least, distance(want, c))
				}
				got := nearest256(uint8(red), uint8(green), uint8(blue))
				// The ramp is entered by the mean, which may miss its nearest shade by one.
				if d := distance(want, palette[got]); d > least+150 {
					t.Fatalf("%v became colour %d at distance %d, the nearest is at %d", want, got, d, least)
				}
			}
		}
	}
}
