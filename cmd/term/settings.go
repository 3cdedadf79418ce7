package term

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// settingsParser reads the settings of one config file. It walks the syntax tree and takes scalars
// as they are written: decoding them first would turn 010 into 8 and 1.10 into 1.1 before the flag
// they are meant for sees them.
type settingsParser struct {
	path string
	text []byte
}

func parseSettings(path string, text []byte) ([]setting, error) {
	p := settingsParser{path, text}
	// Keys that stand twice are found below, where the sentence about them is ours.
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			return nil, p.fail(syntax.GetToken(), "%s", string(Escape(syntax.GetMessage())))
		}
		return nil, &ConfigError{Path: path, Reason: "is not YAML: " + string(Escape(err.Error()))}
	}
	var settings []setting
	lines := map[string]int{}
	for _, doc := range file.Docs {
		body, later := doc.Body, len(settings) > 0
		if body == nil || body.Type() == ast.CommentType {
			continue
		}
		mapping, ok := body.(*ast.MappingNode)
		if !ok {
			return nil, p.fail(body.GetToken(), "a config file consists of lines such as num-nodes: 16")
		}
		for _, entry := range mapping.Values {
			if later {
				return nil, p.fail(entry.Key.GetToken(), "this starts a second document; a config file is one, without --- between")
			}
			s, err := p.setting(entry)
			if err != nil {
				return nil, err
			}
			if line, twice := lines[s.name]; twice {
				return nil, p.fail(entry.Key.GetToken(), "%s is set here and in line %d", quote(s.name), line)
			}
			lines[s.name] = s.line
			settings = append(settings, s)
		}
	}
	return settings, nil
}

func (p settingsParser) setting(entry *ast.MappingValueNode) (setting, error) {
	key := entry.Key.GetToken()
	name, err := p.scalar(entry.Key, key)
	if err != nil {
		return setting{}, err
	}
	s := setting{name: name, line: key.Position.Line}
	switch value := entry.Value.(type) {
	case *ast.SequenceNode:
		s.list = true
		for _, item := range value.Values {
			text, err := p.scalar(item, key)
			if err != nil {
				return setting{}, err
			}
			s.values = append(s.values, text)
		}
	case *ast.MappingNode:
		s.list = true
		for _, pair := range value.Values {
			left, err := p.scalar(pair.Key, key)
			if err != nil {
				return setting{}, err
			}
			right, err := p.scalar(pair.Value, pair.Key.GetToken())
			if err != nil {
				return setting{}, err
			}
			s.values = append(s.values, left+"="+right) // as --set and its like take them
		}
	default:
		text, err := p.scalar(entry.Value, key)
		if err != nil {
			return setting{}, err
		}
		s.values = []string{text}
	}
	return s, nil
}

// scalar returns the text of a single value; near is where to point when there is none to point at.
func (p settingsParser) scalar(node ast.Node, near *token.Token) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	case *ast.NullNode, nil:
		return "", p.fail(near, "%s has no value", quote(near.Value))
	}
	return "", p.fail(near, "%s must be a plain value, a list of them, or pairs of them", quote(near.Value))
}

func (p settingsParser) fail(at *token.Token, format string, args ...any) error {
	e := &ConfigError{Path: p.path, Reason: strings.TrimSuffix(fmt.Sprintf(format, args...), ".")}
	if at != nil && at.Position != nil {
		e.Line = at.Position.Line
		e.Excerpt = excerpt(p.text, at.Position.Line, at.Position.Column)
	}
	return e
}
