package scenario

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Override is what a command line may say otherwise than the file.
type Override struct {
	Nodes int // 0: as in the file
}

// Read checks the text of a scenario file and returns its cases: one, or one for each combination of its
// matrix. Path is what errors call it. Errors are [*FileError], or several joined.
func Read(path, text string, o Override) ([]*Scenario, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	f, err := parse(text)
	if err != nil {
		return nil, locate(path, text, err)
	}
	keys := slices.Sorted(maps.Keys(f.Matrix))
	combinations, err := combine(f.Matrix, keys)
	if err != nil {
		return nil, locate(path, text, err)
	}
	var cases []*Scenario
	for _, values := range combinations {
		filled := text
		var named []string
		for i, key := range keys {
			filled = strings.ReplaceAll(filled, "${"+key+"}", values[i])
			named = append(named, key+"="+values[i])
		}
		f, err := parse(filled)
		if err != nil {
			return nil, locate(path, filled, err)
		}
		s, err := compile(f, o)
		if err == nil {
			if s.Case = strings.Join(named, ","); s.Case != "" {
				s.Name += "[" + s.Case + "]"
			}
			_, err = s.Plan(1) // finds out what does not fit together in time
		}
		if err != nil {
			return nil, locate(path, filled, err)
		}
		s.file, s.text = path, filled
		cases = append(cases, s)
	}
	return cases, nil
}

var (
	matrixKey   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	matrixValue = regexp.MustCompile(`^[A-Za-z0-9.,:%/+_ -]{1,64}$`)
)

// combine returns all combinations of the values of a matrix, in the order of keys.
func combine(matrix map[string][]Text, keys []string) ([][]string, error) {
	all := [][]string{nil}
	for _, key := range keys {
		values := matrix[key]
		if !matrixKey.MatchString(key) {
			return nil, fmt.Errorf("matrix: %q must be a name of small letters, digits and underscores", key)
		}
		if len(values) == 0 {
			return nil, fmt.Errorf("matrix: %s has no values", key)
		}
		var next [][]string
		for _, before := range all {
			for _, v := range values {
				if !matrixValue.MatchString(v.Value) {
					return nil, v.wrong("a value of a matrix consists of letters, digits and . , : %% / + - _")
				}
				next = append(next, append(slices.Clone(before), v.Value))
			}
		}
		if all = next; len(all) > MaxCases {
			return nil, fmt.Errorf("matrix: more than %d combinations", MaxCases)
		}
	}
	return all, nil
}

// problems collects what is wrong with a file, so that all of it is told at once.
type problems struct{ list []error }

func (p *problems) add(err error) {
	if err != nil {
		p.list = append(p.list, err)
	}
}

func (p *problems) err() error { return errors.Join(p.list...) }
