// Package render writes drawings to files and streams. What package draw can do by itself is done
// here in the process; places of nodes that follow no formula, and pixels, come from the program
// gossipctl-graph, which is started for one drawing, watched, and killed when it takes too long.
package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"gossipctl/topology/draw"
)

// Renderer writes drawings. Its zero value is ready for use, by several goroutines as well.
type Renderer struct {
	Program string         // path of gossipctl-graph; empty: [Find] it when it is needed
	Timeout time.Duration  // how long one run of it may take; 0 means DefaultTimeout
	Text    draw.TextStyle // for the format txt
}

// DefaultTimeout is thirty times what 1,000 nodes take on two slow cores, the first run included,
// which compiles Graphviz for half a second.
const DefaultTimeout = 30 * time.Second

// Result is what there is to say about a drawing that was written.
type Result struct {
	Note string // a sentence for the user when it is not quite what was asked for, else empty
}

// ErrFormat is wrapped by errors about a format that does not exist: the user's mistake.
var ErrFormat = errors.New("unknown format")

// formats lists what Write can write; the file names that mean it end in the extensions.
var formats = []struct {
	name       string
	extensions []string
	write      func(Renderer, context.Context, io.Writer, draw.Drawing) (Result, error)
}{
	{"svg", []string{".svg"}, Renderer.svg},
	{"png", []string{".png"}, Renderer.png},
	{"dot", []string{".dot", ".gv"}, Renderer.dot},
	{"json", []string{".json"}, Renderer.json},
	{"txt", []string{".txt"}, Renderer.txt},
}

// Formats lists the formats, the usual one first.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Format is the format a file name asks for by its extension.
func Format(filename string) (string, error) {
	extension := strings.ToLower(filepath.Ext(filename))
	for _, f := range formats {
		for _, e := range f.extensions {
			if e == extension {
				return f.name, nil
			}
		}
	}
	return "", fmt.Errorf("%w %q of %q; a drawing ends in .%s", ErrFormat, extension, filename, strings.Join(Formats(), ", ."))
}

// Write writes d in a format: svg, png, dot, json (see [draw.Encode]) or txt. Nothing is written
// when it fails. PNG always needs the renderer, and its absence is [ErrMissing]; a picture without
// a layout of its own is laid out by the renderer, and without it less well, with a note.
func (r Renderer) Write(ctx context.Context, w io.Writer, format string, d draw.Drawing) (Result, error) {
	for _, f := range formats {
		if f.name != format {
			continue
		}
		if err := d.Check(); err != nil {
			return Result{}, fmt.Errorf("this cannot be drawn: %w", err)
		}
		var out bytes.Buffer
		result, err := f.write(r, ctx, &out, d)
		if err != nil {
			return Result{}, err
		}
		if _, err := w.Write(out.Bytes()); err != nil {
			return Result{}, fmt.Errorf("writing the drawing: %w", err)
		}
		return result, nil
	}
	return Result{}, fmt.Errorf("%w %q; a drawing is one of %s", ErrFormat, format, strings.Join(Formats(), ", "))
}

// Positions asks the renderer for the places of p's nodes and returns p with them. A picture that
// knows its places comes back with those, without the renderer.
func (r Renderer) Positions(ctx context.Context, p draw.Picture) (draw.Picture, error) {
	if p.Engine() == "" {
		return p.Placed(), nil
	}
	answer, err := r.run(ctx, "positions", p)
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
	pixels, err := r.run(ctx, "png", d)
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
