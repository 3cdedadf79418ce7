package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"

	"github.com/google/go-cmp/cmp"
)

// Whatever is done to the events of a lawful run must be found, by the guarantee it breaks.
func TestPlantedDamageIsFound(t *testing.T) {
	is := func(kinds ...trace.Kind) func(e *trace.Event) bool {
		return func(e *trace.Event) bool {
			return slices.Contains(kinds, e.Kind) && e.Node > 0 && (e.Kind != trace.Publish || !e.Message.IsUpdate())
		}
	}
	drop := func(events []trace.Event, i int) []trace.Event { return slices.Delete(events, i, i+1) }
	for _, c := range []struct {
		name   string
		pick   func(e *trace.Event) bool
		damage func(events []trace.Event, i int) []trace.Event
		want   Valid
		broken string // one of these guarantees, at least
	}{
		{"a delivery is repeated", is(trace.Deliver), func(events []trace.Event, i int) []trace.Event { return slices.Insert(events, i, events[i]) }, False, "G2"},
		{"a delivery is lost", is(trace.Deliver), drop, False, "G1 G3 G4"},
		{"another body is delivered", is(trace.Deliver), func(events []trace.Event, i int) []trace.Event { events[i].Digest++; return events }, False, "G1"},
		{"another size is published", is(trace.Publish), func(events []trace.Event, i int) []trace.Event { events[i].Size++; return events }, False, "G1"},
		{"a message is not published", is(trace.Publish), drop, False, "G1"},
		{"another body is in an inbox", is(trace.Inbox), func(events []trace.Event, i int) []trace.Event { events[i].Digest ^= 1; return events }, False, "G1"},
		{"an entry of an inbox is another's", is(trace.Inbox), func(events []trace.Event, i int) []trace.Event { events[i].Message.Seq += 100; return events }, False, "G1"},
		{"an entry of an inbox is gone", is(trace.Inbox), func(events []trace.Event, i int) []trace.Event {
			node := events[i].Node
			events = drop(events, i)
			for ; events[i].Kind != trace.End; i++ {
				if events[i].Kind == trace.Inbox && events[i].Node == node {
					events[i].Count--
				}
			}
			events[i].Count--
			return events
		}, False, "G3 G4"},
		{"an entry of an inbox was not read", is(trace.Inbox), drop, Unknown, ""},
		{"fewer packets are passed", func(e *trace.Event) bool { return e.Kind == trace.Link && e.Counts[trace.CountPassed] > 0 }, func(events []trace.Event, i int) []trace.Event {
			events[i].Counts = map[string]uint64{trace.CountSent: events[i].Counts[trace.CountSent], trace.CountPassed: events[i].Counts[trace.CountPassed] - 1, "lost": 4}
			return events
		}, False, "G9"},
		{"fewer packets are heard", func(e *trace.Event) bool { return e.Kind == trace.Heard && e.Counts[trace.CountReceived] > 0 }, func(events []trace.Event, i int) []trace.Event {
			events[i].Counts = map[string]uint64{trace.CountReceived: events[i].Counts[trace.CountReceived] - 1}
			return events
		}, False, "G9"},
		{"a restart restores less than was on disk", func(e *trace.Event) bool { return e.Kind == trace.Start && e.Run > 1 && e.Count > 0 }, func(events []trace.Event, i int) []trace.Event {
			events[i].Count = 0
			return events
		}, False, "G1 G3"}, // by whether they were on disk for sure
		{"a storm", is(trace.Send), func(events []trace.Event, i int) []trace.Event {
			return slices.Insert(events, i, slices.Repeat(events[i:i+1], 2000)...)
		}, False, "G7"},
		{"a delivery long after the heal", is(trace.Deliver), func(events []trace.Event, i int) []trace.Event {
			last := i
			for k := range events {
				if events[k].Node == events[i].Node && events[k].Message == events[i].Message && events[k].Kind == trace.Deliver {
					last = k // the delivery that counts
				}
			}
			e := events[last]
			events = drop(events, last)
			for k := range events {
				if events[k].Node == e.Node && slices.Contains([]trace.Kind{trace.Inbox, trace.Link, trace.End}, events[k].Kind) {
					e.At = events[k].At.Add(-time.Second)
					e.Run = events[k].Run
					return slices.Insert(events, k, e)
				}
			}
			return events
		}, False, "G5"},
		{"an older version is taken over a newer one", is(trace.Value), func(events []trace.Event, i int) []trace.Event {
			e := events[i]
			var older []trace.Event
			for k := range events {
				if f := events[k]; f.Kind == trace.Apply && f.Node == e.Node && f.Run == e.Run && f.Message.Origin == e.Message.Origin && f.Name == e.Name && f.Message.Seq < e.Message.Seq {
					older = append(older, f)
				}
			}
			if len(older) == 0 { // then another life has it that never was applied
				events[i].Message.Seq += 1000
				return events
			}
			for k := range events {
				if events[k].Node == e.Node && events[k].Kind == trace.Inbox {
					return slices.Insert(events, k, older[0])
				}
			}
			return events
		}, False, "G12"},
		{"a value is lost", is(trace.Apply), func(events []trace.Event, i int) []trace.Event {
			node, id := events[i].Node, events[i].Message
			for k := range events {
				if events[k].Kind == trace.End && events[k].Node == node {
					events[k].Counts = nil // who loses a value does not count it
				}
			}
			return slices.DeleteFunc(events, func(e trace.Event) bool {
				return e.Node == node && (e.Kind == trace.Apply && e.Message == id || e.Kind == trace.Value || e.Kind == trace.View)
			})
		}, False, "G8 G12"},
		{"another value is applied", is(trace.Apply), func(events []trace.Event, i int) []trace.Event { events[i].Digest++; return events }, False, "G12"},
		{"a value of another key", is(trace.Apply), func(events []trace.Event, i int) []trace.Event { events[i].Name += "x"; return events }, False, "G12"},
		{"a value that is gone is there", is(trace.Value), func(events []trace.Event, i int) []trace.Event { events[i].Count ^= 1; return events }, False, "G12"},
		{"an update is delivered", is(trace.Apply), func(events []trace.Event, i int) []trace.Event { events[i].Kind = trace.Deliver; return events }, False, "G1"},
		{"a value was not read", is(trace.Value), drop, Unknown, ""},
		{"a live node is dead to another", is(trace.View), func(events []trace.Event, i int) []trace.Event { events[i].Reason = "dead"; return events }, False, "G8"},
		{"a live node is not known", is(trace.View), func(events []trace.Event, i int) []trace.Event {
			for k := i; ; k++ {
				if events[k].Kind == trace.End {
					events[k].Counts[trace.CountViews]--
					return drop(events, i)
				}
			}
		}, False, "G8"},
		{"a member was not read", is(trace.View), drop, Unknown, ""},
		{"a dead life is back", func(e *trace.Event) bool { return e.Kind == trace.Member && e.Reason == "dead" }, func(events []trace.Event, i int) []trace.Event {
			e := events[i]
			e.Reason = "alive"
			return slices.Insert(events, i+1, e)
		}, False, "G8"},
		{"no final read", is(trace.End), drop, Unknown, ""},
		{"no final read by the controller", func(e *trace.Event) bool { return e.Kind == trace.End && e.Node == 0 }, drop, Unknown, ""},
		{"a node goes on", is(trace.End), func(events []trace.Event, i int) []trace.Event {
			e := trace.Event{Kind: trace.Receive, Node: events[i].Node, Run: events[i].Run, Message: gossip.ID{Origin: 1, Run: 1, Seq: 1}, At: events[i].At}
			return slices.Insert(events, i+1, e)
		}, Unknown, ""},
		{"a fault is not healed", func(e *trace.Event) bool { return e.Kind == trace.Heal }, drop, Unknown, ""},
		{"nothing more is written down", is(trace.Deliver), func(events []trace.Event, i int) []trace.Event { events[i].Kind = trace.Cut; return events }, Unknown, ""},
		{"the log of a node is missing", is(trace.Deliver), func(events []trace.Event, i int) []trace.Event {
			node := events[i].Node
			return slices.DeleteFunc(events, func(e trace.Event) bool { return e.Node == node && !belongs(&e, ownerControl) })
		}, Unknown, ""},
		{"the log of a node ends early", func(e *trace.Event) bool { return e.Kind == trace.Deliver }, func(events []trace.Event, i int) []trace.Event {
			node := events[i].Node
			return append(events[:i], slices.DeleteFunc(slices.Clone(events[i:]), func(e trace.Event) bool { return e.Node == node && !belongs(&e, ownerControl) })...)
		}, Unknown, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(8) {
				var cond Conditions
				events := run(seed, 6, 40, &cond)
				var at []int
				for i := range events {
					if c.pick(&events[i]) {
						at = append(at, i)
					}
				}
				if len(at) == 0 {
					continue
				}
				events = c.damage(events, at[rand.New(rand.NewPCG(seed, 2)).IntN(len(at))])
				_, v, err := Folder(folder(t, cond, events))
				hit := c.broken == "" && broken(v) == ""
				for _, g := range strings.Fields(c.broken) {
					hit = hit || strings.Contains(broken(v), g)
				}
				if err != nil || v.Valid != c.want || !hit {
					t.Errorf("seed %d: %v, violated %q; want %v, %q\n%+v\n%q", seed, v.Valid, broken(v), c.want, c.broken, v.Violations, v.Unknown)
				}
			}
		})
	}
}

func TestDamagedFiles(t *testing.T) {
	const log = EventsFolder + "/node-3.ndjson"
	for _, c := range []struct {
		name  string
		hurt  func(run fstest.MapFS)
		about string
	}{
		{"torn", func(run fstest.MapFS) { run[log].Data = run[log].Data[:len(run[log].Data)-5] }, "node 3 ends in the middle of a line"},
		{"damaged", func(run fstest.MapFS) { copy(run[log].Data[len(run[log].Data)/2:], "\x00\x00\x00\x00") }, "events/node-3.ndjson: line "},
		{"empty", func(run fstest.MapFS) { run[log].Data = nil }, "no log of node 3"},
		{"missing", func(run fstest.MapFS) { delete(run, log) }, "no log of node 3"},
		{"another's", func(run fstest.MapFS) { run[log].Data = run[EventsFolder+"/node-2.ndjson"].Data }, "line 1 is about somebody else"},
		{"no controller", func(run fstest.MapFS) { delete(run, EventsFolder+"/"+ControllerName) }, "the log of the controller is missing"},
		{"damaged controller", func(run fstest.MapFS) { run[EventsFolder+"/"+ControllerName].Data = []byte("banana\n") }, "events/controller.ndjson: line 1"},
		{"no logs", func(run fstest.MapFS) {
			for name := range run {
				if name != ManifestName {
					delete(run, name)
				}
			}
		}, "reading the logs"},
		{"damaged manifest", func(run fstest.MapFS) { run[ManifestName].Data = run[ManifestName].Data[:60] }, "run.json is damaged (line "},
		{"null", func(run fstest.MapFS) { run[ManifestName].Data = []byte("null") }, "version 0"},
		{"newer", func(run fstest.MapFS) { run[ManifestName].Data = []byte(`{"file_version":99}`) }, "version 99"},
	} {
		var cond Conditions
		events := run(5, 4, 30, &cond)
		files := folder(t, cond, events)
		c.hurt(files)
		_, v, err := Folder(files)
		if err != nil || v.Valid != Unknown || !slices.ContainsFunc(v.Unknown, func(s string) bool { return strings.Contains(s, c.about) }) {
			t.Errorf("%s: %v, %v %+v %q, want something of %q", c.name, err, v.Valid, v.Violations, v.Unknown, c.about)
		}
	}
	if _, _, err := Folder(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}

// A life that was killed while it wrote has a torn line, and nobody has seen what it was about.
func TestTornLogOfAKilledNode(t *testing.T) {
	events := script(t, "0 start\n1.1 start\n2.1 start\n2.1 kill\nread 1.1\n0 end")
	files := folder(t, led, events)
	log := files[EventsFolder+"/node-2.ndjson"]
	log.Data = append(log.Data, `{"at":"2026-01-0`...)
	if _, v, err := Folder(files); v.Valid != True || err != nil {
		t.Errorf("%v %q, %v", v.Valid, v.Unknown, err)
	}
}

func TestVerdictAsJSON(t *testing.T) {
	v := judge(plain, script(t, both+"pub 1.1.1\n2.1 deliver 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1"))
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"valid":false`, `"violations":[{"guarantee":"G2","id":"1.1.1","node":2,"first_event":{"log":"","line":7,"event":{"at":"2023-11-14T22:13:20.007Z","node":2,"run":1,"kind":"deliver","message":"1.1.1",`,
		`"unknown":[]`, `{"guarantee":"G2","facts":5,"violations":1}`,
	} {
		if !bytes.Contains(data, []byte(part)) {
			t.Errorf("no %s in %s", part, data)
		}
	}
	var back Verdict
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, back); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		v    Valid
		want string
	}{{True, "true"}, {False, "false"}, {Unknown, `"unknown"`}} {
		if data, err := json.Marshal(c.v); string(data) != c.want || err != nil {
			t.Errorf("%v is written as %s", c.v, data)
		}
	}
}

func TestAVerdictIsBounded(t *testing.T) {
	k := New(plain)
	for i := range 10_000 {
		k.Event(&trace.Event{Kind: trace.Deliver, Node: 1, Run: 1, Message: gossip.ID{Origin: 1, Run: 1, Seq: 1}, Digest: uint64(i)})
		k.Event(&trace.Event{Kind: trace.Kill, Node: gossip.NodeID(i + 2)})
	}
	v := k.Verdict()
	if len(v.Violations) > 8*MaxViolations || v.More == 0 || len(v.Unknown) > MaxReasons+1 {
		t.Errorf("%d violations, %d more, %d reasons", len(v.Violations), v.More, len(v.Unknown))
	}
	if len(k.messages[0].bodies) > maxBodies {
		t.Errorf("%d bodies of one message are kept", len(k.messages[0].bodies))
	}
}

func TestLogHash(t *testing.T) {
	a, _ := LogHash(strings.NewReader("a"))
	b, err := LogHash(strings.NewReader("b"))
	if a == b || len(a) != 64 || err != nil {
		t.Errorf("%s and %s, %v", a, b, err)
	}
}

// No sequence of events makes the checker fail.
func FuzzChecker(f *testing.F) {
	for _, c := range verdicts {
		var text []byte
		for _, e := range script(f, c.script) {
			text = append(trace.AppendJSON(text, &e), '\n')
		}
		f.Add(text, uint8(0))
	}
	f.Fuzz(func(t *testing.T, log []byte, flags uint8) {
		c := Conditions{Nodes: []gossip.NodeID{1, 2}, Durable: flags&1 != 0, DropOldest: flags&2 != 0, Controlled: flags&4 != 0}
		if flags&8 != 0 {
			c.Order = FIFO
		}
		if flags&16 != 0 {
			c.Converge = time.Second
		}
		if flags&32 != 0 {
			c.Parts = [][]gossip.NodeID{{1}, {2}}
		}
		if flags&64 != 0 {
			c.Membership, c.DeadWithin, c.AliveWithin = Swim, time.Second, time.Second
		}
		k := New(c)
		trace.ReadLog(bytes.NewReader(log), func(_ int, e *trace.Event) { k.Event(e) })
		v := k.Verdict()
		if v.Valid == False && len(v.Violations) == 0 || v.Valid == Unknown && len(v.Unknown) == 0 {
			t.Errorf("%v for no reason", v.Valid)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Error(err)
		}
	})
}
