package transport

import (
	"bytes"
	"errors"
	"testing"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

// What a connection that broke leaves open is settled by what the peer says when the next one begins.
func TestGreeting(t *testing.T) {
	here, later := life{1, 7}, life{2, 9}
	for name, c := range map[string]struct {
		is          life
		taken, kept uint64
		from        uint64 // the first frame that is written then
		passed      uint64
		again       uint64 // frames that wait again
		dropped     map[string]uint64
	}{
		"has all":                       {here, 30, 25, 30, 30, 0, nil},
		"lacks what is kept":            {here, 26, 25, 26, 26, 4, nil},
		"lacks what is not kept":        {here, 22, 25, 25, 22, 5, map[string]uint64{DropConnectionLost: 3}},
		"lacks it, and nothing is kept": {here, 22, 30, 30, 22, 0, map[string]uint64{DropConnectionLost: 8}},
		"another life":                  {later, 0, 25, 30, 0, 0, map[string]uint64{DropPeerEnded: 30}},
		"says too much":                 {here, 99, 25, 30, 30, 0, nil},
		"has forgotten":                 {here, 3, 25, 25, 20, 5, map[string]uint64{DropConnectionLost: 5}},
	} {
		a := account{peer: 2, sent: 33, queued: 3, passed: 30, life: here, first: 20, wrote: 30, broken: true}
		if s := a.stats(); s.Passed != 20 || s.InFlight != 13 || s.Waiting != 3 {
			t.Errorf("%s: before: %+v", name, s)
		}
		from := a.greet(c.is, c.taken, c.kept)
		s := a.stats()
		balanced(t, s)
		want := c.dropped
		if want == nil {
			want = map[string]uint64{}
		}
		if from != c.from || s.Passed != c.passed || s.Waiting != 3+c.again || s.InFlight != s.Waiting || !cmp.Equal(s.Dropped, want) {
			t.Errorf("%s: from %d, %+v", name, from, s)
		}
	}
}

// Of an account that is given up nothing is lost.
func TestAccountsAreAddedUp(t *testing.T) {
	gone := account{peer: 2, sent: 33, repeated: 1, queued: 1, held: 2, passed: 31, first: 20, wrote: 30, broken: true}
	gone.drop(DropQueueFull, 0)
	before := gone.stats()
	var others account
	others.add(&gone)
	others.add(&gone)
	s := others.stats()
	balanced(t, s)
	if s.Sent != 2*before.Sent || s.Passed != 2*before.Passed || s.InFlight != 2*before.InFlight {
		t.Errorf("%+v twice is %+v", before, s)
	}
}

func TestNumberOfPeersIsBounded(t *testing.T) {
	n := NewHTTP(HTTPConfig{Self: 1})
	for id := gossip.NodeID(2); id < maxAccounts+100; id += 50 {
		var peers []Peer
		for k := range gossip.NodeID(50) {
			peers = append(peers, Peer{id + k, "127.0.0.1:1"})
		}
		n.SetPeers(peers)
		n.Send(id, message(1, 1, nil)) // too early, and counted
	}
	sent := uint64(0)
	for _, l := range n.Links() {
		balanced(t, l)
		sent += l.Sent
	}
	if len(n.accounts) > maxAccounts || len(n.last) > maxAccounts || sent != (maxAccounts+100-2+49)/50 {
		t.Errorf("%d accounts, %d links that were, %d sent", len(n.accounts), len(n.last), sent)
	}
	for id := gossip.NodeID(2); id < maxAccounts+100; id++ {
		n.hear(id)
	}
	if len(n.heard) > maxAccounts {
		t.Errorf("%d nodes were heard", len(n.heard))
	}
}

// Any frame is noticed to be damaged, and its length stays whole.
func TestDamage(t *testing.T) {
	for size := range 300 {
		frame, err := gossip.AppendFrame(nil, message(1, size+1, make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(frame)
		damage(frame)
		var b gossip.Batch
		if err := b.DecodeFrame(frame); !errors.Is(err, gossip.ErrCorrupt) || !bytes.Equal(before[:4], frame[:4]) {
			t.Fatalf("size %d: %v", size, err)
		}
	}
}

func FuzzLife(f *testing.F) {
	f.Add("1-00000000000000ff")
	f.Add("4294967296-00000000000000ff")
	f.Add("1-0x000000000000ff ")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLife(text)
		if err == nil && l.String() != text {
			t.Errorf("%q is read as %v", text, l)
		}
	})
}
