package trace

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

var codecCases = []struct {
	event Event
	line  string
}{
	{Event{Kind: Heal}, `{"kind":"heal"}`},
	{
		Event{At: time.Unix(1, 5), Node: 3, Run: 2, Kind: Deliver, Message: gossip.ID{Origin: 8, Run: 1, Seq: 7}, Hops: 4, Digest: 0xfe, Size: 6},
		`{"at":"1970-01-01T00:00:01.000000005Z","node":3,"run":2,"kind":"deliver","message":"8.1.7","hops":4,"digest":"00000000000000fe","size":6}`,
	},
	{
		Event{Node: 3, Run: 1, Kind: Link, Peer: 4, PeerRun: 2, Counts: map[string]uint64{"sent": 5, "passed": 4, "lost": 1}},
		`{"node":3,"run":1,"kind":"link","peer":4,"peer_run":2,"counts":{"lost":1,"passed":4,"sent":5}}`,
	},
	{
		Event{Node: 3, Run: 1, Kind: Apply, Message: gossip.UpdateID(8, 2, 7), Reason: "reconciled", Name: "favourite", Digest: 0xfe, Size: 6, Count: 1},
		`{"node":3,"run":1,"kind":"apply","message":"8.2.v7","reason":"reconciled","name":"favourite","digest":"00000000000000fe","size":6,"count":1}`,
	},
	{
		Event{Node: 3, Run: 1, Kind: Value, Message: gossip.UpdateID(8, gossip.MaxRun, 1<<32-1), Name: "a \"key\"", Digest: 1, Size: 2},
		`{"node":3,"run":1,"kind":"value","message":"8.1073741823.v4294967295","name":"a \"key\"","digest":"0000000000000001","size":2}`,
	},
	{
		Event{Node: 3, Run: 1, Kind: Member, Peer: 4, PeerRun: 2, Reason: "suspect", Count: 5},
		`{"node":3,"run":1,"kind":"member","peer":4,"peer_run":2,"reason":"suspect","count":5}`,
	},
	{
		Event{Node: 3, Run: 1, Kind: View, Peer: 4, PeerRun: 2, Reason: "alive", Name: Neighbour},
		`{"node":3,"run":1,"kind":"view","peer":4,"peer_run":2,"reason":"alive","name":"neighbour"}`,
	},
	{
		Event{Node: 3, Run: 1, Kind: End, Count: 9, Counts: map[string]uint64{CountLines: 90, CountValues: 4, CountViews: 2}},
		`{"node":3,"run":1,"kind":"end","count":9,"counts":{"lines":90,"values":4,"views":2}}`,
	},
	{Event{Kind: Fault, Name: "f1", Reason: "a \"cut\"\n"}, `{"kind":"fault","reason":"a \"cut\"\n","name":"f1"}`},
	{Event{Kind: Sync, Count: 1<<64 - 1}, `{"kind":"sync","count":18446744073709551615}`},
}

func TestCodec(t *testing.T) {
	for _, c := range codecCases {
		line := AppendJSON([]byte("x"), &c.event)
		if got := string(line); got != "x"+c.line {
			t.Errorf("got  %s\nwant x%s", got, c.line)
		}
		back, err := ParseEvent([]byte(c.line))
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		if diff := cmp.Diff(c.event, back, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Error(diff)
		}
	}
	if e, err := ParseEvent([]byte(" { \"size\" : 3 , \"kind\":\t\"stop\" } ")); err != nil || e.Size != 3 || e.Kind != Stop {
		t.Errorf("with blanks and in another order: %+v, %v", e, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, line := range []string{
		``, `null`, `{}`, `[]`, `{"node":3}`, `{"kind":"dance"}`, `{"kind":"stop"} x`, `{"kind":"stop"}{"kind":"stop"}`,
		`{"kind":"stop","kind":"stop"}`, `{"kind":"stop","colour":"red"}`, `{"Kind":"stop"}`, `{"kind":"stop",}`, `{"kind":"stop"`,
		`{"kind":"stop","node":-1}`, `{"kind":"stop","node":01}`, `{"kind":"stop","node":1.0}`, `{"kind":"stop","node":"1"}`, `{"kind":"stop","node":2147483648}`,
		`{"kind":"stop","run":4294967296}`, `{"kind":"stop","count":18446744073709551616}`, `{"kind":"stop","size":1e3}`,
		`{"kind":"stop","message":"1.2"}`, `{"kind":"stop","message":"1.2.3.4"}`, `{"kind":"stop","message":"01.2.3"}`, `{"kind":"stop","message":"-1.2.3"}`,
		`{"kind":"stop","message":"1.2.v"}`, `{"kind":"stop","message":"1.2.vv3"}`, `{"kind":"stop","message":"1.v2.3"}`, `{"kind":"stop","message":"1.1073741824.3"}`,
		`{"kind":"stop","digest":"fe"}`, `{"kind":"stop","digest":"00000000000000zz"}`, `{"kind":"stop","digest":254}`,
		`{"kind":"stop","at":"yesterday"}`, `{"kind":"stop","at":"2026-01-02T03:04:05+01:00"}`, `{"kind":"stop","at":17}`,
		`{"kind":"stop","counts":{"a":1,"a":2}}`, `{"kind":"stop","counts":[]}`, "{\"kind\":\"stop\",\"name\":\"\xff\"}", `{"kind":"stop","name":"\x"}`,
		`{"kind":"stop","name":"` + strings.Repeat("x", MaxLine) + `"}`,
	} {
		if e, err := ParseEvent([]byte(line)); err == nil {
			t.Errorf("%.80q is taken for %+v", line, e)
		}
	}
}

func TestReadLog(t *testing.T) {
	good := `{"kind":"stop"}` + "\n"
	for _, c := range []struct {
		name, log string
		events    int
		want      *LineError
	}{
		{"empty", "", 0, nil},
		{"whole", good + good, 2, nil},
		{"torn", good + `{"kind":"st`, 1, &LineError{2, true, nil}},
		{"torn between", good + `{"kind":"stop"}`, 1, &LineError{2, true, nil}},
		{"damaged", good + "\x00\x00\n" + good, 1, &LineError{2, false, nil}},
		{"long", good + strings.Repeat("x", 2*MaxLine) + "\n", 1, &LineError{2, false, nil}},
	} {
		events := 0
		err := ReadLog(strings.NewReader(c.log), func(int, *Event) { events++ })
		var line *LineError
		if errors.As(err, &line) != (c.want != nil) || line != nil && (line.Line != c.want.Line || line.Torn != c.want.Torn) || events != c.events {
			t.Errorf("%s: %d events, %v", c.name, events, err)
		}
	}
}

func FuzzCodec(f *testing.F) {
	for _, c := range codecCases {
		f.Add([]byte(c.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := ParseEvent(line)
		if err != nil {
			return
		}
		first := AppendJSON(nil, &e)
		again, err := ParseEvent(first)
		if err != nil {
			t.Fatalf("%s was written as %s: %v", line, first, err)
		}
		if second := AppendJSON(nil, &again); !bytes.Equal(first, second) {
			t.Fatalf("%s is written as %s", first, second)
		}
		if !maps.Equal(e.Counts, again.Counts) || e.Message != again.Message || !e.At.Equal(again.At) {
			t.Fatalf("%+v became %+v", e, again)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(int64(5), int32(3), uint32(1), int32(8), uint32(2), uint32(9), "lost", uint64(7), 12)
	f.Fuzz(func(t *testing.T, at int64, node int32, run uint32, origin int32, seq, peerRun uint32, text string, digest uint64, size int) {
		if node < 0 || origin < 0 || size < 0 || size > 1<<30 || !utf8.ValidString(text) || len(text) > 1000 {
			return
		}
		e := Event{
			At: time.Unix(0, at).UTC(), Node: gossip.NodeID(node), Run: run, Kind: Drop, Message: gossip.ID{Origin: gossip.NodeID(origin), Run: run, Seq: seq},
			Peer: gossip.NodeID(origin), PeerRun: peerRun, Reason: text, Name: text, Digest: digest, Size: size, Hops: size, Count: digest,
			Counts: map[string]uint64{text: digest, "sent": 1},
		}
		line := AppendJSON(nil, &e)
		back, err := ParseEvent(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	e := codecCases[1].event
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], &e)
	}
}

func BenchmarkParseEvent(b *testing.B) {
	line := []byte(codecCases[1].line)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEvent(line); err != nil {
			b.Fatal(err)
		}
	}
}
