package scenario

import (
	"reflect"
	"slices"
	"strings"
)

// nearKey is the key of a scenario file that somebody may have meant by one that there is not; empty when
// none is near.
func nearKey(word string) string {
	best, near := 3, "" // as many letters wrong are another word
	for _, key := range keysOf(reflect.TypeFor[File]()) {
		if d := distance(word, key); d < best && d < len(key) {
			best, near = d, key
		}
	}
	return near
}

// keysOf are the keys of a type of the file and of those in it.
func keysOf(t reflect.Type) (keys []string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return keysOf(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if key := t.Field(i).Tag.Get("yaml"); key != "" {
				keys = append(append(keys, key), keysOf(t.Field(i).Type)...)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// distance is how many letters have to be put in, left out, changed or swapped with the next to make one
// word of another.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for k := range rows[1] {
		rows[1][k] = k
	}
	for i := range len(a) {
		before, last, row := rows[i%3], rows[(i+1)%3], rows[(i+2)%3]
		row[0] = i + 1
		for k := range len(b) {
			cost := 1
			if a[i] == b[k] {
				cost = 0
			}
			row[k+1] = min(last[k]+cost, last[k+1]+1, row[k]+1)
			if i > 0 && k > 0 && a[i] == b[k-1] && a[i-1] == b[k] {
				row[k+1] = min(row[k+1], before[k-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}

// unknownKey makes a sentence of the parser's word about a key that there is not.
func unknownKey(message string) string {
	name, is := strings.CutPrefix(message, "unknown field ")
	if !is {
		return message
	}
	message = "unknown key " + name
	if near := nearKey(strings.Trim(name, `"`)); near != "" {
		message += "; did you mean " + near + "?"
	}
	return message
}
