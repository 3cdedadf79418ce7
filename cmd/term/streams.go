package term

import (
	"io"
	"os"

	"golang.org/x/term"
)

// defaultWidth is the width assumed where no terminal says better: the punched card's, still
// what a mail or a log shows without wrapping.
const defaultWidth = 80

// Streams are the three ways in and out of a command, and what is known about their far ends.
type Streams struct {
	In       io.Reader
	Out      io.Writer // results, and nothing else
	Err      io.Writer // progress, notices, errors
	OutTTY   bool      // Out is a terminal
	ErrTTY   bool      // Err is a terminal
	Width    int       // columns of the terminal, 80 where there is none
	OutColor Level     // see [Streams.WithColor]
	ErrColor Level
}

// FromFiles asks three open files what they are. Nothing is coloured yet.
func FromFiles(in, out, err *os.File) Streams {
	s := Streams{In: in, Out: out, Err: err, Width: defaultWidth}
	s.OutTTY = term.IsTerminal(int(out.Fd()))
	s.ErrTTY = term.IsTerminal(int(err.Fd()))
	for _, f := range []*os.File{out, err} {
		if width, _, failed := term.GetSize(int(f.Fd())); failed == nil && width > 0 {
			s.Width = width
			break
		}
	}
	return s
}

// WithColor returns the streams with the colours a person asked for, decided for each output by itself.
func (s Streams) WithColor(mode ColorMode, env Env) Streams {
	s.OutColor = mode.Level(s.OutTTY, env)
	s.ErrColor = mode.Level(s.ErrTTY, env)
	return s
}

// Quiet returns the streams with all but results silenced: what -q asks for.
func (s Streams) Quiet() Streams {
	s.Err, s.ErrTTY, s.ErrColor = io.Discard, false, NoColor
	return s
}
