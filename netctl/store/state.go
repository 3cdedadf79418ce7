package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxState bounds the state file in bytes. A node takes about 300, so this is room for 50,000.
const maxState = 16 << 20

// Validator is a state that can tell whether its parts belong together.
type Validator interface{ Validate() error }

// VersionError is a state file of another format: there is nothing wrong with it, but this
// program cannot read it.
type VersionError struct {
	Path        string
	Found, Want int // format versions
}

func (e *VersionError) Error() string {
	age := "an older"
	if e.Found > e.Want {
		age = "a newer"
	}
	return fmt.Sprintf("state file %s was written by %s gossipctl (version %d; this one reads version %d)",
		e.Path, age, e.Found, e.Want)
}

// DamagedError is a state file that is there and cannot be understood. What it was about may
// still run.
type DamagedError struct {
	Path string
	Line int    // where the trouble is, from 1; 0 when that is not known
	Kept string // name of the copy beside it; empty when none could be made
	Err  error  // what is wrong
}

func (e *DamagedError) Error() string {
	where, kept := "", "kept as it is"
	if e.Line > 0 {
		where = fmt.Sprintf("line %d: ", e.Line)
	}
	if e.Kept != "" {
		kept = "kept as " + e.Kept
	}
	return fmt.Sprintf("state file %s is damaged (%s%v); it is %s; run gossipctl doctor", e.Path, where, e.Err, kept)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// ReadState reads the network's state, a JSON object whose "version" must be the given one and
// whose other members must all be T's. The error is
//   - [fs.ErrNotExist] when there is no state file, and only then;
//   - a [*VersionError] when another version of the program wrote it;
//   - a [*DamagedError] when it is empty, cut short, not an object, has members or types that do
//     not belong, or does not validate; a copy is then kept as state.json.bad, and the file stays;
//   - an [*UnsafeError] or [*AccessError] when it cannot be opened.
//
// T carries its version in a field with the JSON name "version".
func ReadState[T Validator](d *Dir, version int) (T, error) {
	var none T
	data, err := d.ReadBounded(stateName, maxState)
	if errors.Is(err, ErrTooLarge) {
		return none, &DamagedError{Path: d.file(stateName), Err: fmt.Errorf("it holds more than %d bytes", maxState)}
	}
	if err != nil {
		return none, err
	}
	state, err := decodeState[T](data, version)
	var damaged *DamagedError
	var other *VersionError
	switch {
	case errors.As(err, &damaged):
		damaged.Path, damaged.Kept = d.file(stateName), d.keep(data)
	case errors.As(err, &other):
		other.Path = d.file(stateName)
	}
	if err != nil {
		return none, err
	}
	return state, nil
}

// WriteState stores the state; once it returns nil the state is on disk. It refuses what
// [ReadState] with the same version would not read back.
func WriteState[T Validator](d *Dir, version int, state T) error {
	data, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	data = append(data, '\n')
	if len(data) > maxState {
		return fmt.Errorf("the state of network %q %w: %d bytes, the limit is %d", d.name, ErrTooLarge, len(data), maxState)
	}
	if _, err := decodeState[T](data, version); err != nil {
		return fmt.Errorf("the state of network %q would not read back: %w", d.name, err)
	}
	return d.WriteAtomic(stateName, data, fileMode)
}

// keep copies damaged state aside, unless that was done before, and returns the copy's name.
func (d *Dir) keep(data []byte) string {
	if before, err := d.ReadBounded(badName, maxState); err == nil && bytes.Equal(before, data) {
		return badName
	}
	if d.WriteAtomic(badName, data, fileMode) != nil {
		return "" // the disk is full or read-only; the error to come says what matters more
	}
	return badName
}

var errNoObject = errors.New("it is not a JSON object")

// decodeState returns a *DamagedError or *VersionError, without a path, for what is no state.
func decodeState[T Validator](data []byte, version int) (state T, err error) {
	damaged := func(offset int64, err error) error {
		return &DamagedError{Line: lineAt(data, offset), Err: err}
	}
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return state, damaged(-1, errors.New("it is empty"))
	case !utf8.Valid(data):
		// The decoder would quietly put other letters in place of the broken ones.
		return state, damaged(firstInvalid(data), errors.New("it is not UTF-8 text"))
	}
	// The version first: what else a newer format holds is not for us to judge.
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return state, damaged(explain(err))
	}
	switch {
	case text[0] != '{':
		return state, damaged(0, errNoObject) // null, of all things, decodes well
	case head.Version == nil || *head.Version < 1:
		return state, damaged(-1, errors.New("it has no version"))
	case *head.Version != version:
		return state, &VersionError{Found: *head.Version, Want: version}
	}
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&state); err != nil {
		return state, damaged(explain(err))
	}
	if err := state.Validate(); err != nil {
		return state, damaged(-1, err)
	}
	return state, nil
}

// explain puts an error of the decoder in words without Go types, and says how many bytes were
// fine before it; -1 when the decoder does not tell.
func explain(err error) (offset int64, why error) {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return syntax.Offset - 1, err
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		if mismatch.Field == "" {
			return mismatch.Offset - 1, errNoObject
		}
		return mismatch.Offset - 1, fmt.Errorf("%s has the wrong type (%s)", mismatch.Field, mismatch.Value)
	}
	return -1, err
}

// lineAt is the line, from 1, of the byte at offset; 0 for a negative offset.
func lineAt(data []byte, offset int64) int {
	if offset < 0 {
		return 0
	}
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

func firstInvalid(data []byte) int64 {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return int64(at)
}
