package draw

import "testing"

func TestNumbersCanBeReadOnEveryColour(t *testing.T) {
	for id := 1; id <= MaxNodes; id++ {
		c := Colour(id)
		if got := Contrast(c, c.Ink()); got < 4.5 {
			t.Errorf("node %d: %s on %s has a contrast of %.2f, want 4.5", id, c.Ink().Hex(), c.Hex(), got)
		}
	}
}

// The distances are OKLab's, where 0.02 is about what can just be seen side by side.
func TestColoursOfOneNetworkDiffer(t *testing.T) {
	for _, tc := range []struct {
		nodes int
		want  float64
	}{{8, 0.11}, {16, 0.10}, {32, 0.04}} {
		for a := 1; a <= tc.nodes; a++ {
			for b := a + 1; b <= tc.nodes; b++ {
				if d := Colour(a).distance(Colour(b)); d < tc.want {
					t.Errorf("of %d nodes, %d (%s) and %d (%s) look alike: %.3f", tc.nodes, a, Colour(a).Hex(), b, Colour(b).Hex(), d)
				}
			}
		}
	}
}

func TestNeighboursInNumberDifferALot(t *testing.T) {
	for id := 1; id < 1000; id++ {
		if d := Colour(id).distance(Colour(id + 1)); d < 0.13 {
			t.Errorf("%d (%s) and %d (%s) look alike: %.3f", id, Colour(id).Hex(), id+1, Colour(id+1).Hex(), d)
		}
	}
}

// A node's colour is a promise to everything that shows it; these may not change by accident.
func TestColourIsStable(t *testing.T) {
	for id, want := range map[int]string{-1: "#94a3b8", 0: "#94a3b8", 1: "#236fc7", 2: "#ffa28e", 3: "#1ab28c", 16: "#0d8552"} {
		if got := Colour(id).Hex(); got != want {
			t.Errorf("Colour(%d) = %s, want %s", id, got, want)
		}
	}
}

func TestANSI256(t *testing.T) {
	for c, want := range map[RGB]int{{0, 0, 0}: 16, {255, 255, 255}: 231, {255, 0, 0}: 196, {95, 135, 175}: 67, {128, 128, 128}: 244} {
		if got := c.ANSI256(); got != want {
			t.Errorf("%s is xterm colour %d, want %d", c.Hex(), got, want)
		}
	}
	seen := map[int]int{}
	for id := 1; id <= 16; id++ {
		code := Colour(id).ANSI256()
		if other, taken := seen[code]; taken {
			t.Errorf("nodes %d and %d are both xterm colour %d", other, id, code)
		}
		seen[code] = id
		if d := Colour(id).distance(xterm(code)); d > 0.07 {
			t.Errorf("node %d is %s in a picture and %s in a terminal: %.3f apart", id, Colour(id).Hex(), xterm(code).Hex(), d)
		}
	}
}

func TestContrast(t *testing.T) {
	black, white := RGB{}, RGB{255, 255, 255}
	if got := Contrast(black, white); got < 20.99 || got > 21.01 {
		t.Errorf("black on white: %v, want 21", got)
	}
	if got := Contrast(white, white); got != 1 {
		t.Errorf("white on white: %v, want 1", got)
	}
}
