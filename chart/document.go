package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxDocument is the size in bytes above which [Decode] does not read on: MaxAll points of four
// numbers, each as long as a number can be, and the words.
const MaxDocument = 24 << 20

const (
	version = 1       // changes when a reader of the documents before would misunderstand the new ones
	kind    = "chart" // drawings of a network, which have the same head, are of other kinds
)

// head is what all documents that can be drawn begin with.
type head struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"`
}

type document struct {
	head
	Chart
}

// Encode writes c as one JSON document, which [Decode] reads and the renderer draws. A chart that
// is not valid has none.
func Encode(w io.Writer, c Chart) error {
	if err := c.Check(); err != nil {
		return fmt.Errorf("the chart is not valid: %w", err)
	}
	// Lists that are empty are lists all the same.
	c.Panels = append([]Panel{}, c.Panels...)
	for i, p := range c.Panels {
		series := make([]Series, len(p.Series))
		for k, s := range p.Series {
			series[k] = Series{s.Name, append([]float64{}, s.X...), append([]float64{}, s.Y...), s.Low, s.High}
		}
		c.Panels[i].Kind, c.Panels[i].Series = p.kind(), series
	}
	return json.NewEncoder(w).Encode(document{head{version, kind}, c})
}

// IsDocument reports whether data is, or tries to be, the document of a chart rather than of
// something else that can be drawn.
func IsDocument(data []byte) bool {
	var h head
	return json.Unmarshal(data, &h) == nil && h.Kind == kind
}

// Decode reads one document and checks it. It is strict: unknown fields, anything after the
// document, and whatever [Chart.Check] finds, are errors.
func Decode(r io.Reader) (Chart, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return Chart{}, fmt.Errorf("reading the chart: %w", err)
	}
	if len(data) > MaxDocument {
		return Chart{}, fmt.Errorf("the chart is larger than %d MiB", MaxDocument>>20)
	}
	var h head
	if err := json.Unmarshal(data, &h); err != nil {
		return Chart{}, fmt.Errorf("the chart is no JSON document: %w", err)
	}
	switch {
	case h.Kind != kind:
		return Chart{}, fmt.Errorf("a chart is of kind %q, not %q", kind, shorten(h.Kind))
	case h.Version != version:
		return Chart{}, fmt.Errorf("the chart is of version %d, this program reads version %d", h.Version, version)
	}
	var doc document
	if err = strict(data, &doc); err == nil {
		err = doc.Check()
	}
	if err != nil {
		return Chart{}, fmt.Errorf("the chart is not valid: %w", err)
	}
	return doc.Chart, nil
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
