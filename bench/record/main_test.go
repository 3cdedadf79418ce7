package main

import (
	"io"
	"testing"
)

func TestOptions(t *testing.T) {
	for _, args := range [][]string{{"--runs", "0"}, {"--messages", "0"}, {"--nodes", "1"}, {"more"}, {"--unknown"}} {
		if status := run(t.Context(), args, io.Discard, io.Discard); status != 2 {
			t.Errorf("%q: exit status %d", args, status)
		}
	}
	if status := run(t.Context(), []string{"--gossipctl", "/nowhere"}, io.Discard, io.Discard); status != 1 {
		t.Errorf("without the program: exit status %d", status)
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{3, 9, 1}); got != 3 {
		t.Error(got)
	}
}
