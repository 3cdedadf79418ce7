package cmd

import "testing"

func TestWhoHasNotAnsweredHasNotAgreed(t *testing.T) {
	for _, c := range []struct {
		asked, silent int
		want          string
	}{
		{5, 0, "All 5 nodes agree."},
		{1, 0, "Only 1 node has answered, so none disagrees."},
		{5, 1, "The 4 nodes that have answered agree; 1 did not answer."},
		{2, 1, "Only 1 node has answered, so none disagrees; 1 did not answer."},
		{2, 2, "No node has answered; 2 did not answer."},
		{0, 0, "No node has answered."},
	} {
		if have := agreement(c.asked, c.silent); have != c.want {
			t.Errorf("%d asked, %d silent: %q, want %q", c.asked, c.silent, have, c.want)
		}
	}
}
