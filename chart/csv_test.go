package chart

import (
	"bytes"
	"errors"
	"testing"
)

func TestCSV(t *testing.T) {
	c := good()
	c.Panels[2].Title = `with "quotes", and a comma`
	const want = `panel,title,series,x,y,low,high
1,Coverage,flood,0,0.001,0.001,0.001
1,Coverage,flood,1,0.4,0.3,0.5
1,Coverage,flood,2,1,0.9,1
1,Coverage,push,0,0.001,,
1,Coverage,push,1,0.1,,
1,Coverage,push,1,0.2,,
1,Coverage,push,5,0.98,,
2,Residue,pull,0,1,,
2,Residue,pull,0.001,0.0001,,
2,Residue,pull,250,0,,
3,"with ""quotes"", and a comma",,0,1,,
3,"with ""quotes"", and a comma",,1,3,,
3,"with ""quotes"", and a comma",,2,12,,
`
	var b bytes.Buffer
	if err := c.CSV(&b); err != nil || b.String() != want {
		t.Errorf("%v, got\n%s", err, b.String())
	}
}

func TestExact(t *testing.T) {
	for v, want := range map[float64]string{1_000_000: "1000000", 0.1: "0.1", -2.5e-7: "-2.5e-07", 1e21: "1e+21", 0: "0"} {
		if got := exact(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

// full is a disk that is.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestErrorsOfTheWriter(t *testing.T) {
	if err := good().CSV(full{}); !errors.Is(err, errFull) {
		t.Errorf("CSV: %v", err)
	}
	if err := Encode(full{}, good()); !errors.Is(err, errFull) {
		t.Errorf("Encode: %v", err)
	}
}
