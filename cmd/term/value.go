package term

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// quoteWidth is how much of a bad value an error shows: enough to recognise it in one line.
const quoteWidth = 60

// ValueError is a value a setting cannot take: the user's mistake, wherever it was made.
type ValueError struct {
	Source string // "--num-nodes", "GOSSIPCTL_NUM_NODES" or "<config file>:3: num-nodes"
	Reason string // what is wrong with the value, without a full stop
	Err    error  // what the flag said, nil when the value never got there
}

// Error is a sentence that starts with the source.
func (e *ValueError) Error() string { return e.Source + ": " + e.Reason }

// Unwrap returns what the flag said.
func (e *ValueError) Unwrap() error { return e.Err }

// BadFlag turns pflag's complaint about a value on the command line into the [*ValueError] that the
// environment and the config file get, so that one mistake reads alike everywhere. Other errors,
// nil among them, are returned as they are. It suits cobra's SetFlagErrorFunc.
func BadFlag(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	return newValueError("--"+invalid.GetFlag().Name, invalid.GetFlag(), invalid.GetValue(), err)
}

func newValueError(source string, f *pflag.Flag, value string, err error) *ValueError {
	return &ValueError{Source: source, Reason: reason(f, value, err), Err: err}
}

// reason says what is wrong with a value. The flag types of pflag pass on what strconv says to
// programmers; those of gossipctl already speak to people.
func reason(f *pflag.Flag, value string, err error) string {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		err = invalid.Unwrap()
	}
	kind := f.Value.Type()
	shown := quote(value)
	if kind == "duration" {
		if _, failed := strconv.Atoi(value); failed == nil {
			return fmt.Sprintf("%s has no unit; write %ss for seconds", shown, value)
		}
		return shown + " is not a duration such as 30s or 1m30s"
	}
	var number *strconv.NumError
	if !errors.As(err, &number) {
		return string(Escape(err.Error()))
	}
	if errors.Is(number, strconv.ErrRange) {
		return shown + " is out of range"
	}
	switch {
	case kind == "bool":
		return shown + " is neither true nor false"
	case strings.HasPrefix(kind, "float"):
		return shown + " is not a number"
	case strings.HasPrefix(kind, "uint"):
		return shown + " is not a whole number of 0 or more"
	case strings.HasSuffix(kind, "Slice"):
		return shown + " is not a list of numbers"
	}
	return shown + " is not a whole number"
}

// quote shows a value inside a sentence: escaped, cut to a readable length, in quotes.
func quote[T ~string](value T) string {
	return `"` + string(Truncate(Escape(value), quoteWidth)) + `"`
}
