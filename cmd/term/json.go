package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// encodeJSON writes doc for people and programs alike: indented by two, ending in a newline, no
// list or map null, < > & as they are. Characters without ink are written as \u escapes, which are
// the same JSON, so that even this output is harmless on a terminal.
func encodeJSON(doc any) ([]byte, error) {
	filled, err := withoutNil(doc)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(filled); err != nil {
		return nil, err
	}
	return escapeUnseen(out.Bytes()), nil
}

// escapeUnseen rewrites the characters of a JSON text that have no ink. Outside its strings JSON is
// plain ASCII, so no parsing is needed.
func escapeUnseen(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r < 0x7f || shown(r):
			out = append(out, text[i:i+size]...)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
		i += size
	}
	return out
}
