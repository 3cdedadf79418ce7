package draw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxDocument is the size in bytes above which [Decode] does not read on: twice what the largest
// picture that may be drawn needs.
const MaxDocument = 8 << 20

// version changes when a reader of the documents before would misunderstand the new ones.
const version = 1

// head is what all documents have in common.
type head struct {
	Version  int    `json:"version"`
	Kind     string `json:"kind"` // "picture" or "spread"
	Title    string `json:"title"`
	Subtitle string `json:"subtitle"`
}

type pictureDocument struct {
	head
	Layout  string         `json:"layout"`
	Columns int            `json:"columns,omitempty"`
	Nodes   []nodeDocument `json:"nodes"`
	Links   []linkDocument `json:"links"`
}

type nodeDocument struct {
	ID       int      `json:"id"`
	State    State    `json:"state"`
	Messages int      `json:"messages"`
	Unread   int      `json:"unread"`
	Colour   string   `json:"colour,omitempty"` // for readers; follows from the number
	X        *float64 `json:"x,omitempty"`      // both or neither, and for all nodes or none
	Y        *float64 `json:"y,omitempty"`      // down
}

type linkDocument struct {
	A     int  `json:"a"`
	B     int  `json:"b"`
	Ghost bool `json:"ghost,omitempty"`
}

type spreadDocument struct {
	head
	Root    int            `json:"root"`
	Nodes   []stepDocument `json:"nodes"`
	Missing []int          `json:"missing"`
}

type stepDocument struct {
	ID      int     `json:"id"`
	Parent  int     `json:"parent"` // 0 for the root
	Hop     int     `json:"hop"`
	AfterMS float64 `json:"after_ms"`
	Colour  string  `json:"colour,omitempty"`
}

// Encode writes d as one JSON document, which [Decode] reads and the renderer draws. A picture's
// places are in it when it has them, in a unit of their own.
func Encode(w io.Writer, d Drawing) error {
	var doc any
	switch d := d.(type) {
	case Picture:
		doc = d.document()
	case Spread:
		doc = d.document()
	default:
		return fmt.Errorf("a %T is no drawing that has a document", d)
	}
	return json.NewEncoder(w).Encode(doc)
}

func (p Picture) document() pictureDocument {
	doc := pictureDocument{head{version, "picture", p.Title, p.Subtitle}, p.Layout, p.Columns,
		make([]nodeDocument, len(p.Nodes)), make([]linkDocument, len(p.Links))}
	for i, v := range p.Nodes {
		doc.Nodes[i] = nodeDocument{v.ID, v.State.orRunning(), v.Messages, v.Unread, Colour(v.ID).Hex(), nil, nil}
		if p.placed() {
			doc.Nodes[i].X, doc.Nodes[i].Y = &p.At[i].X, &p.At[i].Y
		}
	}
	for i, l := range p.Links {
		doc.Links[i] = linkDocument(l)
	}
	return doc
}

func (s Spread) document() spreadDocument {
	doc := spreadDocument{head{version, "spread", s.Title, s.Subtitle}, s.Root,
		make([]stepDocument, len(s.Nodes)), append([]int{}, s.Missing...)}
	for i, v := range s.Nodes {
		doc.Nodes[i] = stepDocument{v.ID, v.Parent, v.Hop, v.AfterMS, Colour(v.ID).Hex()}
	}
	return doc
}

// Decode reads one document and checks it. It is strict: unknown fields, anything after the
// document, and whatever Check finds, are errors.
func Decode(r io.Reader) (Drawing, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading the drawing: %w", err)
	}
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("the drawing is larger than %d MiB", MaxDocument>>20)
	}
	var h head
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, fmt.Errorf("the drawing is no JSON document: %w", err)
	}
	if h.Version != version {
		return nil, fmt.Errorf("the drawing is of version %d, this program reads version %d", h.Version, version)
	}
	var d Drawing
	switch h.Kind {
	case "picture":
		d, err = decodePicture(data)
	case "spread":
		d, err = decodeSpread(data)
	default:
		return nil, fmt.Errorf(`a drawing is of kind "picture" or "spread", not %q`, shorten(h.Kind, 40))
	}
	if err == nil {
		err = d.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("the drawing is not valid: %w", err)
	}
	return d, nil
}

func decodePicture(data []byte) (Picture, error) {
	var doc pictureDocument
	if err := strict(data, &doc); err != nil {
		return Picture{}, err
	}
	p := Picture{Title: doc.Title, Subtitle: doc.Subtitle, Layout: doc.Layout, Columns: doc.Columns}
	for _, v := range doc.Nodes {
		p.Nodes = append(p.Nodes, Node{v.ID, v.State, v.Messages, v.Unread})
		if v.X != nil && v.Y != nil {
			p.At = append(p.At, Point{*v.X, *v.Y})
		} else if v.X != nil || v.Y != nil {
			return Picture{}, fmt.Errorf("node %d has half a place", v.ID)
		}
	}
	for _, l := range doc.Links {
		p.Links = append(p.Links, Link(l))
	}
	return p, nil
}

func decodeSpread(data []byte) (Spread, error) {
	var doc spreadDocument
	if err := strict(data, &doc); err != nil {
		return Spread{}, err
	}
	s := Spread{Title: doc.Title, Subtitle: doc.Subtitle, Root: doc.Root, Missing: doc.Missing}
	for _, v := range doc.Nodes {
		s.Nodes = append(s.Nodes, SpreadNode{v.ID, v.Parent, v.Hop, v.AfterMS})
	}
	return s, nil
}

func strict(data []byte, doc any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(doc); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}
