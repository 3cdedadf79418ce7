package netctl

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

func TestParseLogLineReadsWhatSlogWrites(t *testing.T) {
	for _, attrs := range [][]LogAttr{
		nil,
		{{"a", "b"}},
		{{"empty", ""}, {"blank", " "}, {"equals", "x=y"}, {"quote", `"`}},
		{{"two words", "v"}, {`"`, "v"}, {"=", "v"}},
		{{"hostile", "\x1b[2J\n\x00\u202e\xff"}, {"last", "é 世界"}},
		{{"node", "7"}},
	} {
		for _, msg := range []string{"started", "two words", "", `"`, "a=b", "line\nbreak", "\xff"} {
			var out bytes.Buffer
			log := slog.New(slog.NewTextHandler(&out, nil)).With("node", 3)
			args := []any{}
			for _, a := range attrs {
				args = append(args, a.Key, a.Value)
			}
			before := time.Now().Truncate(time.Millisecond)
			log.Warn(msg, args...)
			text := strings.TrimSuffix(out.String(), "\n")
			line := parseLogLine(logKey{node: 3}, text)
			if line.Level != "WARN" || line.Msg != msg || line.Node != 3 || line.Text != text || line.Stderr {
				t.Errorf("%q was read as %+v", text, line)
			}
			if line.Time.Before(before) || line.Time.After(time.Now()) {
				t.Errorf("%q was read as written at %v", text, line.Time)
			}
			if diff := cmp.Diff(attrs, append([]LogAttr(nil), line.Attrs...)); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
	}
}

func TestParseLogLineTakesTheRestAsText(t *testing.T) {
	for _, text := range []string{
		"", " ", "=", `"`, "panic: boom", "time=x level=INFO msg=a", "time=2026-01-02T03:04:05.678Z",
		"level=INFO time=2026-01-02T03:04:05.678Z msg=a", "time=2026-01-02T03:04:05.678Z level=INFO",
		`time=2026-01-02T03:04:05.678Z level=INFO msg="a`, `time=2026-01-02T03:04:05.678Z level=INFO msg="a"b`,
		`time=2026-01-02T03:04:05.678Z level=INFO msg=a b`, "time=2026-01-02T03:04:05.678Z level= msg=", "\xff\x00",
	} {
		line := parseLogLine(logKey{node: 3}, text)
		if line.Msg != text || line.Text != text || line.Level != "" || !line.Time.IsZero() || line.Attrs != nil {
			t.Errorf("%q was read as %+v", text, line)
		}
	}
	// What a crash wrote is text, whatever it looks like.
	const forged = "time=2026-01-02T03:04:05.678Z level=INFO msg=all-is-well"
	if line := parseLogLine(logKey{node: 3, stderr: true}, forged); line.Msg != forged || line.Level != "" || !line.Stderr {
		t.Errorf("%+v", line)
	}
}

func FuzzParseLogLine(f *testing.F) {
	f.Add("time=2026-01-02T03:04:05.678Z level=INFO msg=started node=3 a=\"b c\"")
	f.Add("panic: boom")
	f.Fuzz(func(t *testing.T, text string) {
		line := parseLogLine(logKey{node: 3}, text)
		if line.Text != text {
			t.Errorf("%q became %q", text, line.Text)
		}
		if line.Level == "" && line.Msg != text {
			t.Errorf("of %q only %q is left", text, line.Msg)
		}
	})
}

func TestParseLogName(t *testing.T) {
	for name, want := range map[string]logKey{
		"controller.log":                              {},
		"controller-2026-01-02T15-04-05.000.log":      {},
		"node-3.log":                                  {node: 3},
		"node-31.log":                                 {node: 31},
		"node-3.stderr":                               {node: 3, stderr: true},
		"node-3-2026-01-02T15-04-05.678.log":          {node: 3},
		"node-2147483647-2026-01-02T15-04-05.678.log": {node: 1<<31 - 1},
	} {
		if key, ok := parseLogName(name); !ok || key != want {
			t.Errorf("%s is %+v, %v", name, key, ok)
		}
	}
	for _, name := range []string{
		"", ".", "node.log", "node-.log", "node-0.log", "node--1.log", "node-03.log", "node-+3.log", "node-3.txt", "node-3.log.gz", "node-3",
		"node-3-.log", "node-3-2026.log", "node-3-2026-01-02T15-04-05.678.stderr", "controller.stderr", "controllers.log",
		"node-2147483648.log", "node-99999999999999999999.log", "../node-3.log", "node-3.log ",
	} {
		if key, ok := parseLogName(name); ok {
			t.Errorf("%q is %+v", name, key)
		}
	}
	for _, id := range []gossip.NodeID{1, 10, 1 << 20} {
		for _, key := range []logKey{{}, {node: id}, {node: id, stderr: true}} {
			if back, ok := parseLogName(key.file()); !ok || back != key {
				t.Errorf("%s is %+v", key.file(), back)
			}
		}
	}
}
