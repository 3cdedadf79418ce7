package chart

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
)

// CSV writes the numbers of c as a table with a line for every point, the way statistics programs
// like it. Panels are counted from 1; low and high are empty where there is no band. Numbers are exact.
func (c Chart) CSV(w io.Writer) error {
	table := csv.NewWriter(w)
	table.Write([]string{"panel", "title", "series", "x", "y", "low", "high"})
	for i, p := range c.Panels {
		panel := strconv.Itoa(i + 1)
		for _, s := range p.Series {
			for k, x := range s.X {
				row := []string{panel, p.Title, s.Name, exact(x), exact(s.Y[k]), "", ""}
				if len(s.Low) > 0 {
					row[5], row[6] = exact(s.Low[k]), exact(s.High[k])
				}
				table.Write(row)
			}
		}
	}
	table.Flush()
	return table.Error() // the first of all writes
}

// exact writes a number as JSON does: in full, unless it would be nothing but zeros.
func exact(v float64) string {
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
