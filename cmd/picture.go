package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/topology"
	"gossipctl/topology/draw"
	"gossipctl/topology/render"
)

// pictureOf is the picture of a network as it is, with the nodes that were removed as ghosts.
func pictureOf(v netctl.View) draw.Picture {
	p := draw.Picture{
		Title:    v.Network,
		Subtitle: fmt.Sprintf("%s · %s · seed %d", v.Describe(), v.Protocol, v.Seed),
		Layout:   v.Topology.Kind,
	}
	if kind, ok := topology.Find(v.Topology.Kind); ok && kind.Layout != "" {
		p.Layout = kind.Layout
	}
	removed := make(map[int]bool)
	joined := make(map[[2]int]bool)
	for _, n := range v.Nodes {
		removed[int(n.ID)] = n.State == netctl.Removed
		p.Nodes = append(p.Nodes, draw.Node{ID: int(n.ID), State: draw.State(n.State), Messages: n.Messages, Unread: n.Unread})
	}
	for _, n := range v.Nodes {
		for _, peer := range n.Peers {
			a, b := min(int(n.ID), int(peer)), max(int(n.ID), int(peer))
			if joined[[2]int{a, b}] {
				continue
			}
			joined[[2]int{a, b}] = true
			p.Links = append(p.Links, draw.Link{A: a, B: b, Ghost: removed[a] || removed[b]})
		}
	}
	slices.SortFunc(p.Links, func(x, y draw.Link) int { return (x.A-y.A)*1_000_000 + x.B - y.B })
	switch v.Topology.Kind {
	case "grid":
		p.Columns = topology.GridColumns(len(v.Nodes))
	case "torus":
		p.Columns, _ = topology.TorusColumns(len(v.Nodes))
	}
	return p
}

// checkPictureFile makes sure, before anything is begun, that a picture can be drawn to a file.
func checkPictureFile(path string) error {
	format, err := render.Format(path)
	return checkFile(path, err, format == "png")
}

// checkChartFile does the same for a chart.
func checkChartFile(path string) error {
	format, err := render.ChartFormat(path)
	return checkFile(path, err, format == "png" || format == "svg")
}

// checkFile looks at what can be known before: the name, which bad says is none that can be drawn to,
// the folder, and the renderer if one is needed.
func checkFile(path string, bad error, renders bool) error {
	if bad != nil {
		return api.WrapError(api.CodeUsage, bad, "")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return api.NewError(api.CodeUsage, fmt.Sprintf("%s is a folder", path), "")
	}
	if renders {
		if _, err := render.Find(); err != nil {
			return drawError(err)
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return api.NewError(api.CodeUsage, fmt.Sprintf("there is no folder %s to draw into", filepath.Dir(path)), "")
	}
	return nil
}

func (a *app) renderer() render.Renderer {
	colours := draw.NoColours
	switch a.OutColor {
	case term.Color256:
		colours = draw.Colours256
	case term.TrueColor:
		colours = draw.TrueColours
	}
	return render.Renderer{Text: draw.TextStyle{Width: a.Width, Colours: colours}}
}

// drawFile draws to a file in the format of its extension.
func (a *app) drawFile(ctx context.Context, path string, d draw.Drawing) error {
	if err := checkPictureFile(path); err != nil {
		return err
	}
	ctx, cancel := a.limit(ctx)
	defer cancel()
	result, err := a.renderer().File(ctx, path, d)
	if err != nil {
		return drawError(err)
	}
	if result.Note != "" {
		a.note("%s", result.Note)
	}
	return nil
}

func drawError(err error) error {
	if errors.Is(err, render.ErrMissing) {
		return api.WrapError(api.CodeFailed, err, "svg, dot and txt of a network, json and csv of a chart, can be drawn without it")
	}
	return err
}

// openViewer shows a picture where there is a display and a person to look at it.
func (a *app) openViewer(path string) {
	_, x := a.env("DISPLAY")
	_, wayland := a.env("WAYLAND_DISPLAY")
	if !a.OutTTY || !x && !wayland {
		return
	}
	viewer, err := exec.LookPath("xdg-open")
	if err != nil {
		return
	}
	c := exec.Command(viewer, path)
	if c.Start() == nil {
		c.Process.Release() // the viewer is the person's, it lives as long as they like
	}
}

// nodeName is a node's number in the colour it has in every picture.
func (a *app) nodeName(id int) term.Safe {
	c := draw.Colour(id)
	return a.OutColor.RGB(c.R, c.G, c.B, term.Safe(fmt.Sprint(id)))
}

// nodeNames are several nodes' numbers, in their colours.
func nodeNames[T ~int | ~int32](a *app, ids []T) term.Safe {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(a.nodeName(int(id)))
	}
	return term.Safe(strings.Join(names, " "))
}
