package term

import (
	"cmp"
	"slices"
	"strings"
)

const (
	maxNear     = 3  // more than this is a list, not a hint
	maxNearWord = 64 // longer than any name; bounds the work
)

// Near returns the names a person may have meant by word, nearest first, at most three: those it
// is the beginning of, and those at most a third of its letters away from it.
func Near(word string, names []string) []string {
	if word == "" || len(word) > maxNearWord {
		return nil
	}
	type candidate struct {
		name     string
		distance int
	}
	word = strings.ReplaceAll(strings.ToLower(word), "_", "-")
	var near []candidate
	for _, name := range names {
		d := editDistance(word, strings.ToLower(name))
		if d <= max(1, len(word)/3) || strings.HasPrefix(name, word) {
			near = append(near, candidate{name, d})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(a.distance-b.distance, strings.Compare(a.name, b.name))
	})
	var found []string
	for _, c := range near[:min(len(near), maxNear)] {
		found = append(found, c.name)
	}
	return found
}

// editDistance is how many letters have to be inserted, removed, replaced or swapped with their
// neighbour to make b of a.
func editDistance(a, b string) int {
	var before []int // two rows up
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
