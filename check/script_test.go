package check

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

var epoch = time.Unix(1_700_000_000, 0).UTC()

// script makes events of lines such as
//
//	1.1 start
//	1.1 publish 1.1.1 size=6
//	1.1 link peer=2.1 sent=5 passed=5
//	0 fault name=f1
//	wait 20s
//
// Each is a millisecond later than the one before. Bodies are told by the message, unless digest says
// something else; values stand before the read that they are of. "pub 1.1.1" is the publishing, delivering and accepting of a message, "read 2.1 1.1.1 1.1.2"
// a final read with these in the inbox.
func script(t testing.TB, text string) []trace.Event {
	t.Helper()
	var events []trace.Event
	now := epoch
	for line := range strings.Lines(text) {
		word := strings.Fields(line)
		if len(word) == 0 || strings.HasPrefix(word[0], "#") {
			continue
		}
		switch word[0] {
		case "wait":
			d, err := time.ParseDuration(word[1])
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
			continue
		case "pub":
			life := word[1][:strings.LastIndex(word[1], ".")]
			events = append(events, script(t, strings.NewReplacer("LIFE", life, "ID", word[1]).Replace("LIFE publish ID\nLIFE deliver ID\nLIFE accept ID"))...)
			for i := len(events) - 3; i < len(events); i++ {
				now = now.Add(time.Millisecond)
				events[i].At = now
			}
			continue
		case "read":
			now = now.Add(time.Millisecond)
			var lines strings.Builder
			for i, id := range word[2:] {
				fmt.Fprintf(&lines, "%s inbox %s count=%d\n", word[1], id, i+1)
			}
			fmt.Fprintf(&lines, "%s end count=%d", word[1], len(word)-2)
			for kind, name := range map[trace.Kind]string{trace.Value: trace.CountValues, trace.View: trace.CountViews} {
				if n := before(t, events, word[1], kind); n > 0 {
					fmt.Fprintf(&lines, " %s=%d", name, n)
				}
			}
			for _, e := range script(t, lines.String()) {
				e.At = now
				events = append(events, e)
			}
			continue
		}
		now = now.Add(time.Millisecond)
		e := trace.Event{At: now, Kind: trace.Kind(word[1])}
		e.Node, e.Run = parseLife(t, word[0])
		for _, w := range word[2:] {
			key, value, named := strings.Cut(w, "=")
			if !named {
				id, err := gossip.ParseID(w)
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				e.Message = id
				switch e.Kind {
				case trace.Publish, trace.Deliver, trace.Inbox, trace.Apply, trace.Value:
					e.Digest, e.Size = trace.Digest([]byte(w)), len(w)
				}
				continue
			}
			number, _ := strconv.ParseUint(value, 10, 64)
			switch key {
			case "name":
				e.Name = value
			case "reason":
				e.Reason = value
			case "digest":
				e.Digest = number
			case "size":
				e.Size = int(number)
			case "count":
				e.Count = number
			case "at":
				d, err := time.ParseDuration(value)
				if err != nil {
					t.Fatal(err)
				}
				e.At = epoch.Add(d)
			case "peer":
				e.Peer, e.PeerRun = parseLife(t, value)
			default:
				if e.Counts == nil {
					e.Counts = make(map[string]uint64)
				}
				e.Counts[key] = number
			}
		}
		line := trace.AppendJSON(nil, &e)
		if _, err := trace.ParseEvent(line); err != nil {
			t.Fatalf("%s is no event: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

// before counts the events of a kind that a final read of a node has so far.
func before(t testing.TB, events []trace.Event, life string, kind trace.Kind) (n int) {
	id, _ := parseLife(t, life)
	for _, e := range events {
		switch {
		case e.Node == id && e.Kind == trace.End:
			n = 0
		case e.Node == id && e.Kind == kind:
			n++
		}
	}
	return n
}

func parseLife(t testing.TB, text string) (gossip.NodeID, uint32) {
	t.Helper()
	node, run, _ := strings.Cut(text, ".")
	id, err := strconv.Atoi(node)
	life := 0
	if err == nil && run != "" {
		life, err = strconv.Atoi(run)
	}
	if err != nil {
		t.Fatalf("%q is no life: %v", text, err)
	}
	return gossip.NodeID(id), uint32(life)
}

func judge(c Conditions, events []trace.Event) Verdict {
	k := New(c)
	for i := range events {
		k.Event(&events[i])
	}
	return k.Verdict()
}

// broken are the guarantees that a verdict says were violated, each once.
func broken(v Verdict) string {
	var list []string
	for _, c := range v.Checked {
		if c.Violations > 0 {
			list = append(list, string(c.Guarantee))
		}
	}
	return strings.Join(list, " ")
}
