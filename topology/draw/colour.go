package draw

import (
	"fmt"
	"math"
)

// RGB is an sRGB colour.
type RGB struct{ R, G, B uint8 }

// The palette steps the hue by the golden angle, so that node numbers that are close get hues
// that are far apart, and cycles through three lightnesses, so that the hues that come close
// again (eight and thirteen numbers on) differ in lightness instead, and after 21 numbers in
// vividness. The lightnesses are as far apart as they can be while a number in dark ink or in
// white stays readable on each of them (WCAG AA, a contrast of 4.5).
const (
	goldenAngle = 137.50776405003785 // degrees
	firstHue    = 255                // node 1 is blue
	hueRepeats  = 21                 // after so many numbers both hue and lightness come back, nearly
)

var (
	lightness = [...]float64{0.545, 0.80, 0.68}
	chroma    = [...]float64{0.155, 0.075} // vivid, and for the next hueRepeats numbers muted
)

// Colour is the colour of a node, in pictures, in the terminal and on any page alike. It depends
// on the number alone, so a node keeps it for life. Numbers below 1 name no node and are grey.
func Colour(id int) RGB {
	if id < 1 {
		return RGB{148, 163, 184}
	}
	hue := math.Mod(firstHue+goldenAngle*float64(id-1), 360)
	return oklch(lightness[(id-1)%len(lightness)], chroma[(id-1)/hueRepeats%len(chroma)], hue)
}

// Hex is the colour as CSS, SVG and DOT write it: "#3b82f6".
func (c RGB) Hex() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// ANSI256 is the nearest of the xterm colours 16…255. The sixteen below are left out: every
// terminal theme paints those as it likes.
func (c RGB) ANSI256() int {
	best, at := math.Inf(1), 16
	for i := 16; i < 256; i++ {
		if d := c.distance(xterm(i)); d < best {
			best, at = d, i
		}
	}
	return at
}

// Contrast is the WCAG contrast ratio of two colours, from 1 (the same) to 21 (black on white).
func Contrast(a, b RGB) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// Ink is the better colour for text on c: the theme's dark ink or white.
func (c RGB) Ink() RGB {
	white := RGB{255, 255, 255}
	if dark := light[Ink]; Contrast(c, dark) > Contrast(c, white) {
		return dark
	}
	return white
}

// shade mixes c with black; 0 leaves it, 1 is black.
func (c RGB) shade(by float64) RGB {
	f := func(v uint8) uint8 { return uint8(math.Round(float64(v) * (1 - by))) }
	return RGB{f(c.R), f(c.G), f(c.B)}
}

// xterm is the colour of one index of the 256: a 6×6×6 cube, then 24 greys.
func xterm(i int) RGB {
	if i >= 232 {
		v := uint8(8 + 10*(i-232))
		return RGB{v, v, v}
	}
	step := [6]uint8{0, 95, 135, 175, 215, 255}
	i -= 16
	return RGB{step[i/36], step[i/6%6], step[i%6]}
}

func (c RGB) luminance() float64 {
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// distance is how different two colours look: the distance in OKLab.
func (c RGB) distance(d RGB) float64 {
	l1, a1, b1 := c.oklab()
	l2, a2, b2 := d.oklab()
	return math.Sqrt((l1-l2)*(l1-l2) + (a1-a2)*(a1-a2) + (b1-b2)*(b1-b2))
}

// linear undoes sRGB's gamma.
func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}

// gamma is the inverse of linear, for values inside 0…1.
func gamma(x float64) uint8 {
	if x <= 0.0031308 {
		x *= 12.92
	} else {
		x = 1.055*math.Pow(x, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * min(max(x, 0), 1)))
}

// oklab is Björn Ottosson's perceptual space (2020): lightness, green–red, blue–yellow.
func (c RGB) oklab() (l, a, b float64) {
	r, g, bl := linear(c.R), linear(c.G), linear(c.B)
	x := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*bl)
	y := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*bl)
	z := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*bl)
	return 0.2104542553*x + 0.7936177850*y - 0.0040720468*z,
		1.9779984951*x - 2.4285922050*y + 0.4505937099*z,
		0.0259040371*x + 0.7827717662*y - 0.8086757660*z
}

// oklch turns lightness, chroma and hue in degrees into the nearest colour a screen can show,
// giving up chroma, never lightness or hue.
func oklch(l, c, hue float64) RGB {
	sin, cos := math.Sincos(hue * math.Pi / 180)
	for ; ; c = max(0, c-0.005) {
		a, b := c*cos, c*sin
		x := l + 0.3963377774*a + 0.2158037573*b
		y := l - 0.1055613458*a - 0.0638541728*b
		z := l - 0.0894841775*a - 1.2914855480*b
		x, y, z = x*x*x, y*y*y, z*z*z
		red := 4.0767416621*x - 3.3077115913*y + 0.2309699292*z
		green := -1.2684380046*x + 2.6097574011*y - 0.3413193965*z
		blue := -0.0041960863*x - 0.7034186147*y + 1.7076147010*z
		if c == 0 || min(red, green, blue) >= 0 && max(red, green, blue) <= 1 {
			return RGB{gamma(red), gamma(green), gamma(blue)}
		}
	}
}
