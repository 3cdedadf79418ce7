package term

import (
	"bytes"
	"fmt"
)

// Print shows one result on s.Out in the format asked for. doc is what JSON and YAML show, a value
// made for that purpose with snake_case keys; table fills in what a person sees and is called for
// the other formats only. An empty table prints its notice on s.Err and nothing on s.Out.
//
// A result is written in one piece or, when it cannot be encoded, not at all.
func Print(s Streams, o Output, doc any, table func(*Table)) error {
	var out bytes.Buffer
	switch o.Format {
	case FormatJSON, FormatYAML:
		text, err := encodeJSON(doc)
		if err == nil && o.Format == FormatYAML {
			text, err = jsonToYAML(text)
		}
		if err != nil {
			return fmt.Errorf("encode the result: %w", err)
		}
		out.Write(text)
	default:
		var t Table
		table(&t)
		if len(t.rows) == 0 && t.Empty != "" {
			fmt.Fprintln(s.Err, t.Empty)
		}
		if err := t.render(&out, o); err != nil {
			return fmt.Errorf("lay out the result: %w", err)
		}
	}
	if _, err := s.Out.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
