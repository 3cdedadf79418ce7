package api

import (
	"bytes"
	"net/http/httptest"
	"testing"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

func TestBatchRoundTrip(t *testing.T) {
	for name, bodies := range map[string][][]byte{
		"none": {}, "empty message": {{}}, "several": {[]byte("a"), {}, {0, 0xff}, bytes.Repeat([]byte("x"), gossip.MaxBody)},
	} {
		r := httptest.NewRequest("POST", "/v1/messages?relays=7", bytes.NewReader(appendBatch(nil, bodies)))
		got, err := readBatch(httptest.NewRecorder(), r)
		if err != nil || got.Relays != 7 {
			t.Errorf("%s: relays %d, %v", name, got.Relays, err)
		}
		if diff := cmp.Diff(bodies, got.Batch); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func FuzzBatch(f *testing.F) {
	f.Add(appendBatch(nil, [][]byte{[]byte("banana"), {}}), int64(8))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, int64(10))
	f.Fuzz(func(t *testing.T, data []byte, declared int64) {
		r := httptest.NewRequest("POST", "/v1/messages", bytes.NewReader(data))
		r.ContentLength = declared
		got, err := readBatch(httptest.NewRecorder(), r)
		if err != nil {
			return
		}
		total := 0
		for _, body := range got.Batch {
			total += len(body)
		}
		if total > len(data) || len(got.Batch) > len(data) {
			t.Errorf("%d messages of %d bytes out of %d", len(got.Batch), total, len(data))
		}
	})
}
