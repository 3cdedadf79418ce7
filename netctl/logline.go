package netctl

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"gossipctl/gossip"
)

// LogLine is one line of one log.
type LogLine struct {
	Node   gossip.NodeID // who wrote it; 0 is the controller
	Stderr bool          // it is from the file a crash writes to, which holds plain text
	Time   time.Time     // of a line that tells none: that of the one before, or when its file was last written to
	Level  string        // DEBUG, INFO, WARN or ERROR; empty for plain text
	Msg    string        // what happened; for plain text, the text
	Attrs  []LogAttr     // with what; in the order they were written
	Text   string        // the line as it stands in the file, cut after 16 KiB

	at time.Time // Time, but never before that of an earlier line of the same log
}

// LogAttr is one thing a log line says beside its message.
type LogAttr struct{ Key, Value string }

// parseLogLine reads what [log/slog.TextHandler] writes. Anything else is plain text. Every part of
// a line may be hostile: a node logs what its peers say.
func parseLogLine(key logKey, text string) LogLine {
	line := LogLine{Node: key.node, Stderr: key.stderr, Msg: text, Text: text}
	if key.stderr {
		return line
	}
	attrs, ok := parseAttrs(text)
	if !ok || len(attrs) < 3 || attrs[0].Key != "time" || attrs[1].Key != "level" || attrs[2].Key != "msg" {
		return line
	}
	at, err := time.Parse(time.RFC3339, attrs[0].Value)
	if err != nil || attrs[1].Value == "" {
		return line
	}
	line.Time, line.Level, line.Msg, line.Attrs = at, attrs[1].Value, attrs[2].Value, attrs[3:]
	if len(line.Attrs) > 0 && line.Attrs[0].Key == "node" {
		line.Attrs = line.Attrs[1:] // whose file it is in says so already
	}
	return line
}

// parseAttrs reads key=value pairs, either part quoted as Go quotes strings where it must be.
func parseAttrs(text string) (attrs []LogAttr, ok bool) {
	for text != "" {
		var a LogAttr
		if a.Key, text, ok = parseWord(text, '='); !ok || text == "" {
			return nil, false
		}
		if a.Value, text, ok = parseWord(text[1:], ' '); !ok {
			return nil, false
		}
		attrs = append(attrs, a)
		text = strings.TrimPrefix(text, " ")
	}
	return attrs, true
}

// parseWord takes a word that ends before stop or with the text, and returns what follows it.
func parseWord(text string, stop byte) (word, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		if i := strings.IndexByte(text, stop); i >= 0 {
			return text[:i], text[i:], true
		}
		return text, "", true
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", false
	}
	rest = text[len(quoted):]
	if rest != "" && rest[0] != stop {
		return "", "", false
	}
	word, err = strconv.Unquote(quoted)
	return word, rest, err == nil
}

// compareLines puts lines of several logs in order: by time, and within one moment by node.
func compareLines(a, b LogLine) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.Node, b.Node), cmp.Compare(boolInt(a.Stderr), boolInt(b.Stderr)))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
