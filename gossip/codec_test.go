package gossip

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sample() *Envelope {
	return &Envelope{
		From: 3,
		Packet: Packet{
			Kind: 2, Limit: 3, Hops: 1,
			Messages: []Message{
				{ID: ID{8, 1, 1}, Body: []byte("banana"), Sent: time.Unix(0, 1767322984005678901)},
				{ID: ID{300, 7, 1 << 20}, Body: []byte{0, 0xff, '\n'}, Sent: time.Unix(0, -5)},
			},
			IDs: []ID{{1, 1, 1}, {5000, 2, 99}},
		},
		Routes: []Route{{8, 3}, {300, 11, 3}},
	}
}

func TestCodecRoundTrip(t *testing.T) {
	for name, e := range map[string]*Envelope{
		"full":       sample(),
		"bare":       {From: 1, Packet: Packet{Kind: 1}},
		"empty body": {From: 1, Packet: Packet{Messages: []Message{{ID: ID{1, 1, 1}, Sent: time.Unix(0, 0)}}}, Routes: []Route{{1}}},
	} {
		wire, err := AppendEnvelope(nil, e)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var b Batch
		if err := b.Decode(wire); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(*e, b.Envelopes[0], cmp.Transformer("nil", func(s []byte) string { return string(s) }), equateEmpty); diff != "" {
			t.Errorf("%s: (-sent +read)\n%s", name, diff)
		}
	}
}

// equateEmpty: a decoder cannot tell nil from empty.
var equateEmpty = cmp.FilterPath(func(p cmp.Path) bool {
	switch p.Last().Type() {
	case typeOf[[]Message](), typeOf[[]ID](), typeOf[[]Route]():
		return true
	}
	return false
}, cmp.FilterValues(func(a, b any) bool { return lenOf(a) == 0 && lenOf(b) == 0 }, cmp.Ignore()))

func TestDecodeRefusesEveryCut(t *testing.T) {
	wire, err := AppendEnvelope(nil, sample())
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	for n := range wire {
		if err := b.Decode(wire[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d of %d: %v", n, len(wire), err)
		}
	}
	if err := b.Decode(append(bytes.Clone(wire), 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte too many: %v", err)
	}
	if len(b.Envelopes) != 0 || len(b.messages) != 0 {
		t.Errorf("failed decodes left %d envelopes, %d messages", len(b.Envelopes), len(b.messages))
	}
}

func TestDecodeAllocatesNothingForADeclaredCount(t *testing.T) {
	huge := binary.AppendUvarint([]byte{1, 1, 0, 0}, math.MaxUint64)
	many := binary.AppendUvarint([]byte{1, 1, 0, 0}, MaxMessages)
	var b Batch
	for _, wire := range [][]byte{huge, many} {
		if err := b.Decode(wire); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: %v", wire, err)
		}
	}
	if cap(b.messages) > 8 {
		t.Errorf("a declared count made room for %d messages", cap(b.messages))
	}
}

func TestEncodeBounds(t *testing.T) {
	base := func() *Envelope {
		return &Envelope{From: 1, Packet: Packet{Messages: []Message{{ID: ID{1, 1, 1}}}}, Routes: []Route{{1}}}
	}
	for name, change := range map[string]func(*Envelope){
		"body":       func(e *Envelope) { e.Packet.Messages[0].Body = make([]byte, MaxBody+1) },
		"route":      func(e *Envelope) { e.Routes[0] = make(Route, MaxHops+1) },
		"no route":   func(e *Envelope) { e.Routes = nil },
		"names":      func(e *Envelope) { e.Packet.IDs = make([]ID, MaxIDs+1) },
		"limit":      func(e *Envelope) { e.Packet.Limit = MaxRelays + 1 },
		"nobody":     func(e *Envelope) { e.From = 0 },
		"whole size": func(e *Envelope) { e.Packet.Messages, e.Routes = manyMessages(17) },
	} {
		e := base()
		change(e)
		dst := []byte("kept")
		got, err := AppendEnvelope(dst, e)
		if !errors.Is(err, ErrTooLarge) || string(got) != "kept" {
			t.Errorf("%s: %v, buffer %q", name, err, got)
		}
	}
	e := base()
	e.Packet.Messages[0].Body = make([]byte, MaxBody)
	e.Routes[0] = make(Route, MaxHops)
	for i := range e.Routes[0] {
		e.Routes[0][i] = math.MaxInt32
	}
	if _, err := AppendEnvelope(nil, e); err != nil {
		t.Errorf("the largest message with the longest route: %v", err)
	}
}

func manyMessages(n int) ([]Message, []Route) {
	messages, routes := make([]Message, n), make([]Route, n)
	for i := range messages {
		messages[i] = Message{ID: ID{1, 1, uint32(i + 1)}, Body: make([]byte, MaxBody)}
		routes[i] = Route{1}
	}
	return messages, routes
}

func TestBatchReusesItsMemory(t *testing.T) {
	wire, err := AppendEnvelope(nil, sample())
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	round := func() {
		b.Reset()
		for range 8 {
			if err := b.Decode(wire); err != nil {
				t.Fatal(err)
			}
		}
	}
	round()
	if allocs := testing.AllocsPerRun(100, round); allocs != 0 {
		t.Errorf("%v allocations a round", allocs)
	}
}

func FuzzDecode(f *testing.F) {
	wire, err := AppendEnvelope(nil, sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add([]byte{})
	f.Add(binary.AppendUvarint([]byte{1, 1, 0, 0}, math.MaxUint64))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Batch
		if err := b.Decode(data); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := AppendEnvelope(nil, &b.Envelopes[0])
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		var c Batch
		if err := c.Decode(again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.Envelopes, c.Envelopes); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkCodec(b *testing.B) {
	e := &Envelope{
		From:   3,
		Packet: Packet{Kind: 1, Limit: 1, Hops: 3, Messages: []Message{{ID: ID{8, 1, 4711}, Body: bytes.Repeat([]byte("x"), 256), Sent: time.Now()}}},
		Routes: []Route{{8, 11, 2, 3}},
	}
	wire, _ := AppendEnvelope(nil, e)
	b.Run("encode", func(b *testing.B) {
		dst := make([]byte, 0, 1024)
		for b.Loop() {
			dst, _ = AppendEnvelope(dst[:0], e)
		}
	})
	b.Run("decode", func(b *testing.B) {
		var batch Batch
		for b.Loop() {
			batch.Reset()
			if err := batch.Decode(wire); err != nil {
				b.Fatal(err)
			}
		}
	})
	text, _ := json.Marshal(e)
	b.Run("json-encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json-decode", func(b *testing.B) {
		for b.Loop() {
			var out Envelope
			if err := json.Unmarshal(text, &out); err != nil {
				b.Fatal(err)
			}
		}
	})
}
