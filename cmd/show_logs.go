package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"

	"github.com/spf13/cobra"
)

const (
	// theController is the name of the controller where a node's number could stand.
	theController = "controller"
	// lastLines are shown when nobody says how many: the start of a network of the usual size and
	// some more, and what a terminal lets scroll back to without effort.
	lastLines = 100
)

// logDoc is one line of the JSON of show-logs.
type logDoc struct {
	Node   gossip.NodeID     `json:"node"`   // 0: the controller
	Stream string            `json:"stream"` // log, or stderr, which is what a crash wrote
	Time   *time.Time        `json:"time,omitempty"`
	Level  string            `json:"level,omitempty"`
	Msg    string            `json:"msg"`
	Attrs  map[string]string `json:"attrs,omitempty"`
	Line   string            `json:"line"` // as it stands in the file
}

type showLogs struct {
	*app
	follow bool
	tail   int
	since  time.Duration
	width  int // of the names of those who wrote
}

func newShowLogs(a *app) *cobra.Command {
	o := &showLogs{app: a}
	c := &cobra.Command{
		Use:   "show-logs [NODE | controller]...",
		Short: "Show the logs of nodes, merged by time",
		Long: `Show what nodes and the controller have logged, merged by time; without arguments, all of
them. Nodes that are dead or were removed can be named as well. What a crash wrote is
marked STDERR. With -o json, each line is an object; node 0 is the controller.`,
		Example:           "  gossipctl show-logs\n  gossipctl show-logs 3 5-8 --tail 20\n  gossipctl show-logs controller --since 5m\n  gossipctl show-logs -f -o json",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeLogs,
		RunE:              o.run,
	}
	f := c.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what is written from now on, until Ctrl-C or the end of the network")
	f.IntVar(&o.tail, "tail", lastLines, "show the last `N` lines of all that were asked for; -1: all")
	f.DurationVar(&o.since, "since", 0, "show nothing older, and all that is not unless --tail is given")
	return c
}

func (o *showLogs) run(c *cobra.Command, args []string) error {
	opts := netctl.LogOptions{Tail: o.tail, Follow: o.follow, Note: func(text string) { o.note("%s", text) }}
	for _, arg := range args {
		if arg == theController {
			opts.Controller = true
			continue
		}
		ids, err := parseNodes(arg)
		if err != nil {
			return err
		}
		opts.Nodes = append(opts.Nodes, ids...)
	}
	switch {
	case o.since < 0:
		return o.misuse(c, fmt.Errorf("--since %s is in the future", -o.since))
	case o.tail < -1:
		return o.misuse(c, fmt.Errorf("--tail %d is less than nothing; -1 shows all lines", o.tail))
	case o.since > 0:
		opts.Since = time.Now().Add(-o.since)
		if !c.Flags().Changed("tail") {
			opts.Tail = -1
		}
	}
	if opts.Controller || len(opts.Nodes) == 0 {
		o.width = len(theController)
	}
	for _, id := range opts.Nodes {
		o.width = max(o.width, len(strconv.Itoa(int(id))))
	}
	return netctl.Logs(c.Context(), o.network, opts, o.show)
}

// show prints some lines in one piece, as they come.
func (o *showLogs) show(lines []netctl.LogLine) error {
	var out bytes.Buffer
	for _, line := range lines {
		if o.human() {
			o.write(&out, line)
			continue
		}
		if err := o.encode(&out, line); err != nil {
			return err
		}
	}
	_, err := o.Streams.Out.Write(out.Bytes())
	return err
}

// encode prints a line for a program: JSON as one object in one line, YAML as a list of one, because
// such lists add up to one list.
func (o *showLogs) encode(out *bytes.Buffer, line netctl.LogLine) error {
	var page bytes.Buffer
	streams := o.Streams
	streams.Out = &page
	var doc any = logDocument(line)
	if o.out.Format != term.FormatJSON {
		doc = []any{doc}
	}
	err := term.Print(streams, o.out, doc, func(t *term.Table) {
		t.Columns("node")
		t.Row(o.logName(line.Node))
	})
	if err != nil || o.out.Format != term.FormatJSON {
		out.Write(page.Bytes())
		return err
	}
	if err := json.Compact(out, page.Bytes()); err != nil {
		return fmt.Errorf("encode a line: %w", err)
	}
	out.WriteByte('\n')
	return nil
}

func logDocument(line netctl.LogLine) logDoc {
	doc := logDoc{Node: line.Node, Stream: "log", Level: line.Level, Msg: line.Msg, Line: line.Text}
	if line.Stderr {
		doc.Stream = "stderr"
	}
	if !line.Time.IsZero() {
		utc := line.Time.UTC()
		doc.Time = &utc
	}
	for _, attr := range line.Attrs {
		if doc.Attrs == nil {
			doc.Attrs = make(map[string]string, len(line.Attrs))
		}
		doc.Attrs[attr.Key] = attr.Value
	}
	return doc
}

// write prints a line for a person: who, when, how grave, what, and with what.
func (o *showLogs) write(out *bytes.Buffer, line netctl.LogLine) {
	name := o.logName(line.Node)
	pad := max(0, o.width-len(theController))
	if line.Node > 0 {
		pad = max(0, o.width-len(strconv.Itoa(int(line.Node))))
	}
	fmt.Fprintf(out, "%s%s | ", name, strings.Repeat(" ", pad))
	if !line.Time.IsZero() {
		layout := "15:04:05.000"
		if o.out.Format == term.FormatWide {
			layout = "2006-01-02 15:04:05.000"
		}
		fmt.Fprintf(out, "%s ", o.OutColor.Faint(term.Safe(line.Time.Local().Format(layout))))
	}
	level := line.Level
	if line.Stderr {
		level = "STDERR"
	}
	if level != "" {
		fmt.Fprintf(out, "%s%s ", o.paintLevel(level), strings.Repeat(" ", max(0, len("STDERR")-len(level))))
	}
	fmt.Fprint(out, term.Escape(line.Msg))
	for _, attr := range line.Attrs {
		value := term.Escape(attr.Value)
		if value == "" || strings.ContainsAny(attr.Value, ` "=`) {
			value = `"` + value + `"`
		}
		fmt.Fprintf(out, " %s%s", o.OutColor.Faint(term.Escape(attr.Key)+"="), value)
	}
	out.WriteByte('\n')
}

func (o *showLogs) paintLevel(level string) term.Safe {
	text := term.Escape(level)
	switch level {
	case "ERROR", "STDERR":
		return o.OutColor.Bad(text)
	case "WARN":
		return o.OutColor.Warn(text)
	case "DEBUG":
		return o.OutColor.Faint(text)
	}
	return text
}

// logName is who wrote a line, in the colour of that node.
func (o *showLogs) logName(id gossip.NodeID) term.Safe {
	if id == 0 {
		return o.OutColor.Strong(theController)
	}
	return o.nodeName(int(id))
}

// completeLogs completes the node numbers and the controller, each once.
func (a *app) completeLogs(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	n, err := a.open()
	if err != nil {
		return nil, noFiles
	}
	names := []string{theController}
	for _, id := range n.Present() {
		names = append(names, strconv.Itoa(int(id)))
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) })
	return names, noFiles | cobra.ShellCompDirectiveKeepOrder
}
