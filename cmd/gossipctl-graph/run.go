package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"gossipctl/chart"
	"gossipctl/topology/draw"
)

const usage = `Usage: gossipctl-graph --to FORMAT [--layout ENGINE] < drawing.json

Reads one drawing, as "gossipctl plot-network -o json" writes it, or one chart, and draws it.
gossipctl runs this program by itself; there is rarely a reason to run it by hand.

  --to FORMAT       positions: the drawing again, with the place of every node
                    svg, png: the picture
  --layout ENGINE   neato, sfdp, dot, twopi, fdp or circo; by default the drawing's own
                    layout, or neato up to 200 nodes and sfdp above. fdp and circo take
                    minutes above 100 nodes and are refused there. The tree of a message
                    and a chart have their own layout, whatever this says

Exit status: 0 done, 1 failed, 2 misused.
`

// Exit statuses.
const (
	done    = 0
	failed  = 1
	misused = 2
)

// run is main without the process: it draws what stdin holds and returns the exit status.
func run(stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	var to, engine string
	flags := flag.NewFlagSet("gossipctl-graph", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // one sentence is enough
	flags.StringVar(&to, "to", "", "")
	flags.StringVar(&engine, "layout", "", "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return done
	}
	if err == nil {
		err = checkArgs(to, engine, flags.Args())
	}
	if err != nil {
		fmt.Fprintf(stderr, "gossipctl-graph: %v; see gossipctl-graph --help\n", err)
		return misused
	}
	out := bufio.NewWriter(stdout)
	err = render(context.Background(), stdin, out, to, engine)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintf(stderr, "gossipctl-graph: %v\n", err)
		return failed
	}
	return done
}

// engines lists what --layout takes, the slow ones last.
var engines = []string{"neato", "sfdp", "dot", "twopi", "fdp", "circo"}

// slowNodes is up to how many nodes fdp and circo may draw: at 200 they take from 3 to 28 seconds,
// at 500 they do not come back.
const slowNodes = 100

func checkArgs(to, engine string, rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if formats := []string{"positions", "svg", "png"}; !slices.Contains(formats, to) {
		return fmt.Errorf("--to is one of %s, not %q", strings.Join(formats, ", "), to)
	}
	if engine != "" && !slices.Contains(engines, engine) {
		return fmt.Errorf("--layout is one of %s, not %q", strings.Join(engines, ", "), engine)
	}
	return nil
}

// render reads a drawing or a chart and writes it; engine "" leaves the layout to the drawing.
func render(ctx context.Context, in io.Reader, out io.Writer, to, engine string) error {
	data, err := io.ReadAll(io.LimitReader(in, chart.MaxDocument+1)) // the longer of the two
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	if chart.IsDocument(data) {
		c, err := chart.Decode(bytes.NewReader(data))
		switch {
		case err != nil:
			return err
		case to == "positions":
			return errors.New("a chart has no nodes that could be placed; --to is svg or png")
		}
		return writeChart(out, c, to)
	}
	d, err := draw.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if p, ok := d.(draw.Picture); ok {
		if d, err = place(ctx, p, engine); err != nil {
			return err
		}
	}
	switch to {
	case "positions":
		return draw.Encode(out, d)
	case "svg":
		return d.Scene().SVG(out)
	default:
		return writePNG(out, d.Scene())
	}
}

// place finds the places of a picture's nodes: with an engine that was asked for, else by the
// picture's layout, else with the engine the picture names.
func place(ctx context.Context, p draw.Picture, engine string) (draw.Picture, error) {
	if engine == "" {
		engine = p.Engine()
	} else {
		p.At, p.Layout = nil, engine // no longer the layout it was asked to have
	}
	if engine == "" {
		return p.Placed(), nil
	}
	if (engine == "fdp" || engine == "circo") && len(p.Nodes) > slowNodes {
		return p, fmt.Errorf("%s takes minutes for %d nodes and is refused above %d; use neato or sfdp", engine, len(p.Nodes), slowNodes)
	}
	at, err := positions(ctx, p, engine)
	if err != nil {
		return p, fmt.Errorf("laying out %d nodes with %s: %w", len(p.Nodes), engine, err)
	}
	p.At = at
	return p, nil
}
