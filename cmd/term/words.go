package term

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Plural counts things: "1 node", "16 nodes". A plural that is not singular and s is given: "3 copies".
func Plural(n int, one string, many ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(many) > 0:
		return Count(n) + " " + many[0]
	}
	return Count(n) + " " + one + "s"
}

// And lists things in a sentence: "1, 2 and 3".
func And[T any](items []T) string { return list(items, " and ") }

// Or lists choices in a sentence: "table, wide or json".
func Or[T any](items []T) string { return list(items, " or ") }

func list[T any](items []T, last string) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = fmt.Sprint(item)
	}
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	end := len(texts) - 1
	return strings.Join(texts[:end], ", ") + last + texts[end]
}

// Nodes lists a set of node numbers briefly: "1-8,12". Their order and repetitions do not matter;
// two neighbours stay two numbers, a run begins at three. An empty set is "".
func Nodes[T ~int](set []T) string {
	ids := slices.Clone(set)
	slices.SortFunc(ids, func(a, b T) int { return cmp.Compare(a, b) })
	ids = slices.Compact(ids)
	var parts []string
	for len(ids) > 0 {
		run := 1
		for run < len(ids) && ids[run] == ids[run-1]+1 {
			run++
		}
		if run < 3 {
			run = 1
			parts = append(parts, fmt.Sprint(int(ids[0])))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", ids[0], ids[run-1]))
		}
		ids = ids[run:]
	}
	return strings.Join(parts, ",")
}
