package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// LineError says which line of a log is damaged.
type LineError struct {
	Line int  // from 1
	Torn bool // it is the last and has no end, as when its writer was killed
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

var errTorn = errors.New("it ends in the middle of a line")

// ReadLog hands each event of a log to each, with the number of its line. It ends at the first line
// that is damaged, with a [*LineError], or with the error of reading. A last line without an end is
// torn, even when an event could be made of it: what followed is not known.
func ReadLog(r io.Reader, each func(line int, e *Event)) error {
	b := bufio.NewReaderSize(r, MaxLine+1)
	for line := 1; ; line++ {
		text, err := b.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return &LineError{line, true, errTorn}
		case errors.Is(err, bufio.ErrBufferFull):
			return &LineError{line, false, fmt.Errorf("it has more than %d bytes", MaxLine)}
		case err != nil:
			return &LineError{line, false, err}
		}
		e, err := ParseEvent(bytes.TrimSuffix(text, []byte{'\n'}))
		if err != nil {
			return &LineError{line, false, err}
		}
		each(line, &e)
	}
}

// CountLog counts the whole lines of a log.
func CountLog(log io.Reader) (lines uint64, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := log.Read(buf)
		lines += uint64(bytes.Count(buf[:n], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
