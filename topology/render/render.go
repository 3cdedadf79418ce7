// Package render writes drawings and charts to files and streams. What package draw can do by itself
// is done here in the process; places of nodes that follow no formula, pixels, and charts come from
// the program gossipctl-graph, which is started for one of them, watched, and killed when it takes
// too long.
package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gossipctl/topology/draw"
)

// Renderer writes drawings and charts. Its zero value is ready for use, by several goroutines as well.
type Renderer struct {
	Program string         // path of gossipctl-graph; empty: [Find] it when it is needed
	Timeout time.Duration  // how long one run of it may take; 0 means DefaultTimeout
	Text    draw.TextStyle // for the format txt
}

// DefaultTimeout is thirty times what 1,000 nodes take on two slow cores, the first run included,
// which compiles Graphviz for half a second.
const DefaultTimeout = 30 * time.Second

// Result is what there is to say about what was written.
type Result struct {
	Note string // a sentence for the user when it is not quite what was asked for, else empty
}

// ErrFormat is wrapped by errors about a format that does not exist: the user's mistake.
var ErrFormat = errors.New("unknown format")

// format is one of the formats that some kind of thing, such as a drawing, can be written in.
type format[T any] struct {
	name       string
	extensions []string // of the file names that mean it
	write      func(Renderer, context.Context, io.Writer, T) (Result, error)
}

// catalogue lists the formats of one kind of thing, the usual one first.
type catalogue[T any] struct {
	what    string // such as "a drawing"
	formats []format[T]
}

// drawings are the formats of [Renderer.Write].
var drawings = catalogue[draw.Drawing]{"a drawing", []format[draw.Drawing]{
	{"svg", []string{".svg"}, Renderer.svg},
	{"png", []string{".png"}, Renderer.png},
	{"dot", []string{".dot", ".gv"}, Renderer.dot},
	{"json", []string{".json"}, Renderer.json},
	{"txt", []string{".txt"}, Renderer.txt},
}}

func (c catalogue[T]) names() []string {
	names := make([]string, len(c.formats))
	for i, f := range c.formats {
		names[i] = f.name
	}
	return names
}

// of is the format a file name asks for by its extension.
func (c catalogue[T]) of(filename string) (string, error) {
	extension := strings.ToLower(filepath.Ext(filename))
	for _, f := range c.formats {
		if slices.Contains(f.extensions, extension) {
			return f.name, nil
		}
	}
	return "", fmt.Errorf("%w %q of %q; %s ends in .%s", ErrFormat, extension, filename, c.what, strings.Join(c.names(), ", ."))
}

// to writes something that was checked in a format; nothing when that fails.
func (c catalogue[T]) to(ctx context.Context, r Renderer, w io.Writer, name string, thing T, check error) (Result, error) {
	for _, f := range c.formats {
		if f.name != name {
			continue
		}
		if check != nil {
			return Result{}, fmt.Errorf("this cannot be drawn: %w", check)
		}
		var out bytes.Buffer
		result, err := f.write(r, ctx, &out, thing)
		if err != nil {
			return Result{}, err
		}
		if _, err := w.Write(out.Bytes()); err != nil {
			return Result{}, fmt.Errorf("writing %s: %w", c.what, err)
		}
		return result, nil
	}
	return Result{}, fmt.Errorf("%w %q; %s is one of %s", ErrFormat, name, c.what, strings.Join(c.names(), ", "))
}

// Formats lists the formats of drawings, the usual one first.
func Formats() []string { return drawings.names() }

// Format is the format of a drawing that a file name asks for by its extension.
func Format(filename string) (string, error) { return drawings.of(filename) }

// Write writes d in a format: svg, png, dot, json (see [draw.Encode]) or txt. Nothing is written
// when it fails. PNG always needs the renderer, and its absence is [ErrMissing]; a picture without
// a layout of its own is laid out by the renderer, and without it less well, with a note.
func (r Renderer) Write(ctx context.Context, w io.Writer, format string, d draw.Drawing) (Result, error) {
	return drawings.to(ctx, r, w, format, d, d.Check())
}

// Positions asks the renderer for the places of p's nodes and returns p with them. A picture that
// knows its places comes back with those, without the renderer.
func (r Renderer) Positions(ctx context.Context, p draw.Picture) (draw.Picture, error) {
	if p.Engine() == "" {
		return p.Placed(), nil
	}
	answer, err := r.draw(ctx, "positions", p)
	if err != nil {
		return p, err
	}
	d, err := draw.Decode(bytes.NewReader(answer))
	if err != nil {
		return p, fmt.Errorf("reading the renderer's answer: %w", err)
	}
	placed, ok := d.(draw.Picture)
	if !ok || len(placed.At) != len(p.Nodes) {
		return p, errors.New("the renderer's answer is not the picture it was asked about")
	}
	for i, v := range placed.Nodes {
		if v.ID != p.Nodes[i].ID {
			return p, fmt.Errorf("the renderer placed node %d where node %d was asked for", v.ID, p.Nodes[i].ID)
		}
	}
	p.At = placed.At
	return p, nil
}

// placed returns d with the places of its nodes, one way or another. Only the end of ctx is an error.
func (r Renderer) placed(ctx context.Context, d draw.Drawing) (draw.Drawing, Result, error) {
	p, ok := d.(draw.Picture)
	if !ok {
		return d, Result{}, nil
	}
	placed, err := r.Positions(ctx, p)
	if err == nil {
		return placed, Result{}, nil
	}
	if ctx.Err() != nil {
		return nil, Result{}, err
	}
	return p.Placed(), Result{Note: "drawn with the built-in layout, because " + err.Error()}, nil
}

func (r Renderer) svg(ctx context.Context, w io.Writer, d draw.Drawing) (Result, error) {
	d, result, err := r.placed(ctx, d)
	if err != nil {
		return result, err
	}
	return result, d.Scene().SVG(w)
}

func (r Renderer) png(ctx context.Context, w io.Writer, d draw.Drawing) (Result, error) {
	pixels, err := r.draw(ctx, "png", d)
	if err != nil {
		return Result{}, err
	}
	_, err = w.Write(pixels)
	return Result{}, err
}

func (r Renderer) dot(_ context.Context, w io.Writer, d draw.Drawing) (Result, error) {
	return Result{}, d.DOT(w)
}

func (r Renderer) json(ctx context.Context, w io.Writer, d draw.Drawing) (Result, error) {
	d, result, err := r.placed(ctx, d)
	if err != nil {
		return result, err
	}
	return result, draw.Encode(w, d)
}

func (r Renderer) txt(ctx context.Context, w io.Writer, d draw.Drawing) (Result, error) {
	result := Result{}
	if p, ok := d.(draw.Picture); ok && len(p.Nodes) <= draw.TextNodes {
		var err error
		if d, result, err = r.placed(ctx, d); err != nil {
			return result, err
		}
	}
	return result, d.Text(w, r.Text)
}
