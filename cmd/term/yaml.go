package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// jsonToYAML writes a JSON text as YAML with the same keys in the same order. It is made by hand
// because the library reads and writes strings with tabs, carriage returns or a leading "? " back as
// something else. A string is plain only when every YAML, old or new, reads it as that string;
// all others are double-quoted.
func jsonToYAML(text []byte) ([]byte, error) {
	y := yamlWriter{in: json.NewDecoder(bytes.NewReader(text))}
	y.in.UseNumber()
	if err := y.value(atTop, -2); err != nil {
		return nil, err
	}
	if _, err := y.in.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return y.out.Bytes(), nil
}

// place is what stands before a value on its line.
type place int

const (
	atTop place = iota
	afterKey
	afterDash
)

type yamlWriter struct {
	in  *json.Decoder
	out bytes.Buffer
}

// value writes the next value of the input. The thing that holds it is indented by indent columns.
func (y *yamlWriter) value(at place, indent int) error {
	token, err := y.in.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	if nested && y.in.More() {
		if open == '{' {
			return y.entries(at, indent+2)
		}
		if at == afterKey { // a list's dashes stand under its key, as kubectl writes them
			return y.items(at, indent)
		}
		return y.items(at, indent+2)
	}
	if at != atTop {
		y.out.WriteByte(' ')
	}
	if nested {
		if _, err := y.in.Token(); err != nil {
			return err
		}
		y.out.WriteString(map[json.Delim]string{'{': "{}", '[': "[]"}[open])
	} else {
		y.out.WriteString(yamlScalar(token))
	}
	y.out.WriteByte('\n')
	return nil
}

func (y *yamlWriter) entries(at place, indent int) error {
	for first := true; y.in.More(); first = false {
		key, err := y.in.Token()
		if err != nil {
			return err
		}
		y.startLine(at, first, indent)
		y.out.WriteString(yamlScalar(key) + ":")
		if err := y.value(afterKey, indent); err != nil {
			return err
		}
	}
	_, err := y.in.Token()
	return err
}

func (y *yamlWriter) items(at place, indent int) error {
	for first := true; y.in.More(); first = false {
		y.startLine(at, first, indent)
		y.out.WriteByte('-')
		if err := y.value(afterDash, indent); err != nil {
			return err
		}
	}
	_, err := y.in.Token()
	return err
}

// startLine begins the line of an entry or item: the first one after a dash shares the dash's line.
func (y *yamlWriter) startLine(at place, first bool, indent int) {
	switch {
	case first && at == afterDash:
		y.out.WriteByte(' ')
		return
	case first && at == afterKey:
		y.out.WriteByte('\n')
	}
	y.out.WriteString(strings.Repeat(" ", indent))
}

func yamlScalar(token json.Token) string {
	switch v := token.(type) {
	case string:
		if plainYAML(v) {
			return v
		}
		return quoteYAML(v)
	case json.Number:
		return yamlNumber(v.String())
	case bool:
		return fmt.Sprint(v)
	}
	return "null"
}

// yamlNumber writes 1e+21 as 1.0e+21: YAML 1.1 takes a number with an exponent for a string unless
// it has both a point and a sign.
func yamlNumber(n string) string {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(n), "e")
	if !ok {
		return n
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if exponent[0] != '-' && exponent[0] != '+' {
		exponent = "+" + exponent
	}
	return mantissa + "e" + exponent
}

// plainYAML reports whether s needs no quotes: it starts with a letter, so it is no number, date or
// sign, holds only characters without meaning, and is no word that some YAML takes for a truth value.
func plainYAML(s string) bool {
	switch strings.ToLower(s) {
	case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	if !asciiLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		last := i == len(s)-1
		switch {
		case asciiLetter(c), c >= '0' && c <= '9', strings.IndexByte("_-./=+", c) >= 0:
		case c == ' ' && !last: // but " #" starts a comment; # is not among the characters above
		case c == ':' && !last && s[i+1] != ' ':
		default:
			return false
		}
	}
	return true
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// quoteYAML writes s in double quotes; what has no ink becomes an escape, as in [Escape].
func quoteYAML(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"':
			out.WriteString(`\"`)
		case r == '\\' || !shown(r) && r > 0xff || r == '\n' || r == '\t' || r == '\r':
			writeEscape(&out, r)
		case !shown(r): // YAML's \x is a character, not a byte
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
