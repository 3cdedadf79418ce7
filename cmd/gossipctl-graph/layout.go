package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-graphviz"

	"gossipctl/topology/draw"
)

// positions lets a Graphviz engine place the nodes of p and returns the places in the order of
// p.Nodes, y down, in inches. Only numbers go into Graphviz, never text from outside.
//
// It is meant to be called once in a process: the library leaks, its engines go on with the random
// numbers where the call before stopped, and it takes no notice of ctx.
func positions(ctx context.Context, p draw.Picture, engine string) ([]draw.Point, error) {
	if len(p.Nodes) == 0 {
		return nil, nil
	}
	gv, err := graphviz.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting Graphviz: %w", err)
	}
	graph, err := graphviz.ParseBytes(source(p))
	if err != nil {
		return nil, fmt.Errorf("reading the graph: %w", err)
	}
	var plain bytes.Buffer
	if err := gv.SetLayout(graphviz.Layout(engine)).Render(ctx, graph, "plain", &plain); err != nil {
		return nil, err
	}
	return parsePlain(plain.Bytes(), p)
}

// source is the graph in DOT. Nodes are points, because the drawing settles their size later,
// and overlaps are left to it as well: Graphviz's own removal takes half a minute at 1,000 nodes.
// Parts that are not connected are set side by side in boxes, so that a lone node does not end up
// inside a part it does not belong to (the other ways to pack take minutes for 1,000 parts).
// The start is fixed: the same graph, the same picture.
func source(p draw.Picture) []byte {
	var b bytes.Buffer
	b.WriteString(`graph {
  overlap=true; splines=false; start=7; pack=24; packmode="array"
  node [shape=point width=0.05]
`)
	for _, v := range p.Nodes {
		fmt.Fprintf(&b, "  %d\n", v.ID)
	}
	for _, l := range p.Links {
		fmt.Fprintf(&b, "  %d -- %d\n", l.A, l.B)
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// parsePlain reads the lines "node NAME X Y …" of Graphviz's plain format.
func parsePlain(plain []byte, p draw.Picture) ([]draw.Point, error) {
	index := make(map[string]int, len(p.Nodes))
	for i, v := range p.Nodes {
		index[strconv.Itoa(v.ID)] = i
	}
	at := make([]draw.Point, len(p.Nodes))
	found := make([]bool, len(p.Nodes))
	lines := bufio.NewScanner(bytes.NewReader(plain))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[0] != "node" {
			continue
		}
		i, known := index[fields[1]]
		x, errX := strconv.ParseFloat(fields[2], 64)
		y, errY := strconv.ParseFloat(fields[3], 64)
		if !known || errX != nil || errY != nil {
			return nil, fmt.Errorf("instead of a node and its place Graphviz wrote %q", lines.Text())
		}
		at[i], found[i] = draw.Point{X: x, Y: -y}, true
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading what Graphviz wrote: %w", err)
	}
	for i, ok := range found {
		if !ok {
			return nil, fmt.Errorf("no place found by Graphviz for node %d", p.Nodes[i].ID)
		}
	}
	return at, nil
}
