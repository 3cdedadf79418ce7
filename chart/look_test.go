package chart

import (
	"math"
	"testing"
)

func TestLooksDiffer(t *testing.T) {
	colours, others := map[Look]bool{}, map[Look]bool{}
	for i := range MaxSeries {
		l := LookOf(i)
		colours[Look{Colour: l.Colour, Dashed: l.Dashed}] = true
		others[Look{Mark: l.Mark, Dashed: l.Dashed}] = true
	}
	if len(colours) != MaxSeries || len(others) != MaxSeries {
		t.Errorf("%d looks by colour and dash, %d by mark and dash, want %d", len(colours), len(others), MaxSeries)
	}
	if LookOf(-1) != LookOf(0) || LookOf(MaxSeries+3) != LookOf(3) {
		t.Error("numbers beyond the series have looks of their own")
	}
	runes := map[rune]bool{}
	for m := range marks {
		runes[m.Rune()] = true
	}
	if len(runes) != int(marks) {
		t.Errorf("%d marks have %d letters", marks, len(runes))
	}
}

// light is a colour in linear light, as eyes and monitors add it up.
type light [3]float64

func (c RGB) light() light {
	var l light
	for i, v := range []uint8{c.R, c.G, c.B} {
		if x := float64(v) / 255; x <= 0.04045 {
			l[i] = x / 12.92
		} else {
			l[i] = math.Pow((x+0.055)/1.055, 2.4)
		}
	}
	return l
}

func (l light) times(m [3]light) light {
	var out light
	for i, row := range m {
		for k := range row {
			out[i] += row[k] * l[k]
		}
	}
	return out
}

// lab is OKLab, in which distances are what they look like.
func (l light) lab() light {
	cones := l.times([3]light{{0.4122214708, 0.5363325363, 0.0514459929}, {0.2119034982, 0.6806995451, 0.1073969566}, {0.0883024619, 0.2817188376, 0.6299787005}})
	for i := range cones {
		cones[i] = math.Cbrt(cones[i])
	}
	return cones.times([3]light{{0.2104542553, 0.7936177850, -0.0040720468}, {1.9779984951, -2.4285922050, 0.4505937099}, {0.0259040371, 0.7827717662, -0.8086757660}})
}

// Machado, Oliveira and Fernandes 2009: how colours look to those who lack one kind of cone.
var eyes = map[string][3]light{
	"all cones": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"no red":    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"no green":  {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"no blue":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func TestPaletteCanBeToldApart(t *testing.T) {
	for name, eye := range eyes {
		for i, a := range palette {
			for k, b := range palette[:i] {
				x, y := a.light().times(eye).lab(), b.light().times(eye).lab()
				d := math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
				if d < 0.08 { // four times what is just seen, side by side
					t.Errorf("%s: colours %d and %d are %.3f apart", name, k, i, d)
				}
			}
		}
	}
}

func TestPaletteIsSeenOnPaper(t *testing.T) {
	luminance := func(c RGB) float64 {
		l := c.light()
		return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2]
	}
	for i, c := range palette {
		for _, paper := range []RGB{{255, 255, 255}, {13, 17, 27}} {
			a, b := luminance(c)+0.05, luminance(paper)+0.05
			if ratio := max(a, b) / min(a, b); ratio < 3 {
				t.Errorf("colour %d has a contrast of %.2f to %v", i, ratio, paper)
			}
		}
	}
}
