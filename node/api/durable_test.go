package api

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gossipctl/node"
)

// An answer comes after the messages it is about are kept, and one wait serves a batch.
func TestPublishingWaitsUntilItIsKept(t *testing.T) {
	d := newDesk(t, node.Config{Capacity: 3})
	for _, body := range []string{`{"body":"a"}`, `{"batch_base64":["eA==","eQ=="]}`, `{"body":"too much"}`} {
		d.call(t, "POST", "/v1/messages", body, nil)
	}
	if want := []int{1, 3}; !slices.Equal(d.syncs, want) {
		t.Errorf("waited with %v messages in the inbox, want %v", d.syncs, want)
	}
	// A batch that was taken in by half is kept by half before that is said.
	d = newDesk(t, node.Config{Capacity: 1})
	status, answer := d.call(t, "POST", "/v1/messages", `{"batch_base64":["eA==","eQ=="]}`, nil)
	if status != 429 || !strings.Contains(answer, "1 messages before it were") || !slices.Equal(d.syncs, []int{1}) {
		t.Errorf("%d %s after %v", status, answer, d.syncs)
	}
	// What may be lost is not said to be accepted, nor that it is not.
	d = newDesk(t, node.Config{})
	d.fail = errors.New("the inbox of node 1 cannot be kept: input/output error")
	status, answer = d.call(t, "POST", "/v1/messages", `{"body":"a"}`, nil)
	if status != 500 || !strings.Contains(answer, "input/output error; the message may have been accepted") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestAFullDiskIsSaid(t *testing.T) {
	full := true
	d := newDesk(t, node.Config{Keep: func(int, int) string {
		if full {
			return "disk_full"
		}
		return ""
	}})
	status, answer := d.call(t, "POST", "/v1/messages", `{"body":"a"}`, nil)
	if status != 507 || !strings.Contains(answer, `"disk_full"`) || !strings.Contains(answer, "inbox of node 1 is full on disk; the message was not sent") {
		t.Errorf("%d %s", status, answer)
	}
	if c := d.node.Counters(); c.Dropped["disk_full"] != 1 || c.Published != 0 || len(d.sent) != 0 {
		t.Errorf("%+v, %d sent", c, len(d.sent))
	}
	full = false
	if status, answer := d.call(t, "POST", "/v1/messages", `{"body":"a"}`, nil); status != 200 || !strings.Contains(answer, "1.1.1") {
		t.Errorf("with room again: %d %s", status, answer)
	}
}

func TestSaving(t *testing.T) {
	d := newDesk(t, node.Config{})
	d.call(t, "POST", "/v1/messages", `{"body":"a"}`, nil)
	var out SaveAnswer
	if status, answer := d.call(t, "POST", "/v1/save", `{}`, &out); status != 200 || out != (SaveAnswer{Node: 1, Messages: 1}) {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ := d.call(t, "GET", "/v1/save", ``, nil); status != 405 {
		t.Errorf("GET saves: %d", status)
	}
	d.fail = errors.New("saving the inbox of node 1: no space left on device")
	if status, answer := d.call(t, "POST", "/v1/save", `{}`, nil); status != 500 || !strings.Contains(answer, "no space left") {
		t.Errorf("%d %s", status, answer)
	}
}
