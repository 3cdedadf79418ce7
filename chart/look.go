package chart

// RGB is an sRGB colour.
type RGB struct{ R, G, B uint8 }

// Mark is the sign of a series: on its curve at intervals, before its name in a legend.
type Mark uint8

// The marks. The first four are filled, the others outlines.
const (
	Disc Mark = iota
	Square
	Triangle
	Diamond
	Circle
	OpenSquare
	OpenTriangle
	OpenDiamond
	marks
)

// Rune is the mark as a letter.
func (m Mark) Rune() rune {
	return [marks]rune{'●', '■', '▲', '◆', '○', '□', '△', '◇'}[m%marks]
}

// Look is how a series is drawn. No two of the first MaxSeries looks are alike without their
// colours, so that a chart can be read in grey and by those who see colours otherwise.
type Look struct {
	Colour RGB
	Mark   Mark
	Dashed bool
}

// palette holds the colours of series. Each has a contrast of 3 to white and to the dark paper of a
// page, as WCAG asks of graphics, and no two come near each other for people who see no red, no
// green or no blue either; they were searched for with these as the conditions.
var palette = [...]RGB{
	{0x00, 0x71, 0xff}, // blue
	{0xb5, 0x3c, 0x00}, // rust
	{0x06, 0x75, 0x64}, // green
	{0xf1, 0x54, 0xb4}, // pink
	{0x90, 0x48, 0xc1}, // violet
	{0x89, 0x93, 0x07}, // olive
	{0x01, 0x9d, 0xc9}, // cyan
	{0xdd, 0x02, 0x5f}, // crimson
}

// LookOf is the look of the series with a number, counted from 0 in the order of [Chart.Names].
// After MaxSeries the looks come again; what is no number of a series looks like the first.
func LookOf(i int) Look {
	i = max(i, 0) % MaxSeries
	return Look{palette[i%len(palette)], Mark(i % int(marks)), i >= len(palette)}
}
