package gossip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// Every single bit that changes on the way is noticed, and the stream goes on behind the frame.
func TestFramesNoticeEveryBit(t *testing.T) {
	stream, err := AppendFrame([]byte("kept"), sample())
	if err != nil {
		t.Fatal(err)
	}
	frame := stream[4:]
	if size, err := FrameSize(frame); err != nil || size != len(frame) {
		t.Fatalf("the frame has %d bytes, its header says %d, %v", len(frame), size, err)
	}
	var b Batch
	if err := b.DecodeFrame(frame); err != nil {
		t.Fatal(err)
	}
	for bit := 32; bit < 8*len(frame); bit++ { // behind the length
		damaged := bytes.Clone(frame)
		damaged[bit/8] ^= 1 << (bit % 8)
		if err := b.DecodeFrame(damaged); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	if len(b.Envelopes) != 1 {
		t.Errorf("damaged frames left %d envelopes", len(b.Envelopes)-1)
	}
}

func TestFrameBounds(t *testing.T) {
	frame, err := AppendFrame(nil, sample())
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	for n := range frame {
		if err := b.DecodeFrame(frame[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if size, err := FrameSize(frame[:min(n, FrameHeader-1)]); size != 0 || err != nil {
			t.Fatalf("a header cut at %d tells a size of %d, %v", n, size, err)
		}
	}
	if err := b.DecodeFrame(append(bytes.Clone(frame), 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte too many: %v", err)
	}
	huge := binary.BigEndian.AppendUint32(nil, MaxEnvelope+1)
	if _, err := FrameSize(append(huge, 0, 0, 0, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a huge frame: %v", err)
	}
	if _, err := AppendFrame(nil, &Envelope{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("nobody's envelope: %v", err)
	}
}

// What is read of a stream of any bytes is either a frame that says the same when it is written again,
// or an error of the two kinds there are.
func FuzzFrames(f *testing.F) {
	frame, err := AppendFrame(nil, sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(bytes.Clone(frame), frame...))
	f.Add(frame[:len(frame)-1])
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Batch
		for {
			size, err := FrameSize(data)
			if err != nil || size == 0 || size > len(data) {
				return
			}
			had := len(b.Envelopes)
			switch err := b.DecodeFrame(data[:size]); {
			case err == nil:
				if again, err := AppendFrame(nil, &b.Envelopes[had]); err != nil {
					t.Fatalf("what was read cannot be written: %v, % x", err, again)
				}
			case !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrMalformed):
				t.Fatal(err)
			case len(b.Envelopes) != had:
				t.Fatal("a frame that was refused left an envelope")
			}
			data = data[size:]
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	e := &Envelope{
		From:   3,
		Packet: Packet{Kind: 1, Limit: 1, Hops: 3, Messages: []Message{{ID: ID{8, 1, 4711}, Body: bytes.Repeat([]byte("x"), 256), Sent: time.Now()}}},
		Routes: []Route{{8, 11, 2, 3}},
	}
	frame, _ := AppendFrame(nil, e)
	b.Run("encode", func(b *testing.B) {
		dst := make([]byte, 0, 1024)
		for b.Loop() {
			dst, _ = AppendFrame(dst[:0], e)
		}
	})
	b.Run("decode", func(b *testing.B) {
		var batch Batch
		for b.Loop() {
			batch.Reset()
			if err := batch.DecodeFrame(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
}
