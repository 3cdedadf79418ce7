package scenario

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Text is a value as it is written, and where: lines and columns count from 1. Line 0 says that it is
// not there.
type Text struct {
	Value        string
	Line, Column int
}

// UnmarshalYAML takes a scalar as it is written: decoding it first would turn 010 into 8.
func (t *Text) UnmarshalYAML(node ast.Node) error {
	at := node.GetToken().Position
	t.Line, t.Column = at.Line, at.Column
	switch n := node.(type) {
	case *ast.StringNode:
		t.Value = n.Value
	case *ast.LiteralNode:
		t.Value = n.Value.Value
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		t.Value = n.GetToken().Value
	default:
		return &place{line: at.Line, column: at.Column, reason: "this must be a plain value"}
	}
	return nil
}

// there reports whether the value was written.
func (t Text) there() bool { return t.Line > 0 }

// wrong is an error about the value.
func (t Text) wrong(format string, args ...any) error {
	return &place{t.Line, t.Column, fmt.Sprintf(format, args...)}
}

// place is an error somewhere in a file.
type place struct {
	line, column int
	reason       string
}

func (p *place) Error() string { return p.reason }

// FileError is a scenario file that cannot be used. It may quote the file: escape it for a terminal.
type FileError struct {
	Path         string
	Line, Column int    // from 1; 0 when it is about no place
	Reason       string // one sentence without a full stop
	Excerpt      string // the lines round it with a mark below the place; may be empty
}

// Error is a sentence, with the excerpt in lines of its own below it.
func (e *FileError) Error() string {
	text := e.Path
	if e.Line > 0 {
		text += fmt.Sprintf(":%d:%d", e.Line, e.Column)
	}
	text += ": " + e.Reason
	if e.Excerpt != "" {
		text += "\n" + e.Excerpt
	}
	return text
}

// locate turns any error about a file into a FileError, or several joined.
func locate(path, text string, err error) error {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, locate(path, text, e))
		}
		return errors.Join(all...)
	}
	out := &FileError{Path: path, Reason: err.Error()}
	var at *place
	var syntax yaml.Error
	switch {
	case errors.As(err, &at):
		out.Line, out.Column, out.Reason = at.line, at.column, at.reason
	case errors.As(err, &syntax):
		out.Reason = unknownKey(syntax.GetMessage())
		if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
			out.Line, out.Column = tk.Position.Line, tk.Position.Column
		}
	}
	out.Excerpt = excerpt(text, out.Line, out.Column)
	return out
}

// excerptWidth is how much of a line an excerpt shows, in characters.
const excerptWidth = 100

// excerpt shows a line of a text, the one before it, and a mark below a column.
func excerpt(text string, line, column int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	var out strings.Builder
	for n := max(1, line-1); n <= line; n++ {
		shown := []rune(strings.TrimRight(lines[n-1], "\r"))
		fmt.Fprintf(&out, "%5d | %s\n", n, string(shown[:min(len(shown), excerptWidth)]))
	}
	fmt.Fprintf(&out, "      | %s^", strings.Repeat(" ", min(max(column-1, 0), excerptWidth)))
	return out.String()
}

// Bounds of a file. The parser's time grows with the square of the nesting.
const (
	maxFile    = 64 << 10
	maxNesting = 20
)

// parse reads the YAML, strictly.
func parse(text string) (*File, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes; this is not a scenario", maxFile)
	}
	if err := checkNesting(text); err != nil {
		return nil, err
	}
	tree, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, err
	}
	docs := 0
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if docs++; docs > 1 {
			return nil, at(doc.Body.GetToken(), "this starts a second document; a scenario is one, without --- between")
		}
		if _, is := doc.Body.(*ast.MappingNode); !is {
			return nil, at(doc.Body.GetToken(), "a scenario consists of keys such as name, network and timeline")
		}
		w := &walker{}
		ast.Walk(w, doc.Body)
		if w.err != nil {
			return nil, w.err
		}
	}
	if docs == 0 {
		return nil, errors.New("is empty")
	}
	f := &File{}
	if err := yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(f); err != nil {
		return nil, err
	}
	return f, nil
}

// checkNesting refuses brackets in brackets before the parser sees them.
func checkNesting(text string) error {
	depth, line := 0, 1
	for _, c := range text {
		switch c {
		case '\n':
			line++
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth > maxNesting {
			return &place{line, 1, "brackets are nested too deeply"}
		}
	}
	return nil
}

// walker looks for what YAML has and a scenario does not need.
type walker struct{ err error }

func (w *walker) Visit(node ast.Node) ast.Visitor {
	if w.err != nil {
		return nil
	}
	switch n := node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		w.err = at(n.GetToken(), "anchors, aliases and tags are not read in a scenario")
	case *ast.MappingValueNode:
		if n.Value == nil || n.Value.Type() == ast.NullType {
			w.err = at(n.Key.GetToken(), "%s has no value", n.Key.GetToken().Value)
		}
	}
	return w
}

func at(tk *token.Token, format string, args ...any) error {
	p := &place{reason: fmt.Sprintf(format, args...)}
	if tk != nil && tk.Position != nil {
		p.line, p.column = tk.Position.Line, tk.Position.Column
	}
	return p
}
