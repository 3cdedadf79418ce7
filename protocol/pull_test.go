package protocol_test

import (
	"testing"

	"gossipctl/gossip"
)

// TestPullDrains lets a node that knows nothing ask one that has a whole burst. It asks again at once as long as there is
// more: until it would have to name more than fits a request, and from then on until it has a share of them each round. No
// message comes twice.
func TestPullDrains(t *testing.T) {
	const burst = 10_000
	teller, asker := newMachine(t, "pull", 1, nil), newMachine(t, "pull", 1, nil)
	teller.publish(burst, 50)
	if _, is := teller.round(); !is {
		t.Fatal("has no alarm")
	}
	requests, _ := asker.round()
	request := requests[0].Packet
	got, packets := make(map[gossip.ID]int), 0
	for {
		answers := teller.receive(2, clone(request))
		if len(answers) == 0 {
			break
		}
		packets++
		answer := clone(answers[0].Packet)
		if len(answers) > 1 || len(answer.Messages) > 256 {
			t.Fatalf("%d packets with %d messages in answer to one request", len(answers), len(answer.Messages))
		}
		for _, m := range answer.Messages {
			got[m.ID]++
		}
		again := asker.receive(2, answer)
		if len(again) == 0 {
			break
		}
		if len(again) > 1 || len(again[0].Packet.IDs) > gossip.MaxIDs {
			t.Fatalf("%d requests with %d names", len(again), len(again[0].Packet.IDs))
		}
		request = clone(again[0].Packet)
	}
	for id, times := range got {
		if times > 1 {
			t.Fatalf("%v came %d times", id, times)
		}
	}
	if len(got) < gossip.MaxIDs || packets > len(got)/256+2 {
		t.Errorf("%d messages came in the first instant, in %d packets", len(got), packets)
	}
	// What belongs to other shares of the names comes in the rounds of those shares.
	for range 8 {
		teller.round()
		sends, _ := asker.round()
		for len(sends) > 0 {
			answers := teller.receive(2, clone(sends[0].Packet))
			if len(answers) == 0 {
				break
			}
			for _, m := range answers[0].Packet.Messages {
				if got[m.ID]++; got[m.ID] > 1 {
					t.Fatalf("%v came again", m.ID)
				}
			}
			sends = asker.receive(2, clone(answers[0].Packet))
		}
	}
	if len(got) != burst {
		t.Errorf("%d of %d messages came", len(got), burst)
	}
}

// clone copies a packet, as a wire does.
func clone(p gossip.Packet) gossip.Packet { return lend(p) }

// TestPullNamesEverythingInTurn looks at the requests of a node that has more to name than fits one: over so
// many rounds as there are shares, everything is named once.
func TestPullNamesEverythingInTurn(t *testing.T) {
	for _, n := range []int{1, gossip.MaxIDs, gossip.MaxIDs + 1, 20_000} {
		m := newMachine(t, "pull", 1, nil)
		m.publish(n, 1)
		named, shares := make(map[gossip.ID]bool), 1
		for k := 0; k < shares; k++ {
			sends, _ := m.round()
			p := sends[0].Packet
			if len(p.IDs) > gossip.MaxIDs {
				t.Fatalf("%d names in one packet", len(p.IDs))
			}
			shares = max(1, p.Limit)
			for _, id := range p.IDs {
				if named[id] {
					t.Fatalf("%d messages: %v is named twice", n, id)
				}
				named[id] = true
			}
		}
		if len(named) != n || shares > 1+n/1024 {
			t.Errorf("%d of %d messages were named in %d requests", len(named), n, shares)
		}
		// All have been asked about everything once: that was one of the 32 rounds for which a message is told.
		passed := shares
		for m.Protocol.(gossip.Restless).Infective() && passed < 40*shares {
			m.round()
			passed++
		}
		if passed < 32*shares || passed > 33*shares {
			t.Errorf("%d messages in %d shares were told for %d rounds", n, shares, passed)
		}
	}
}

// TestPullKeepsWhatItCouldNotTell has a node asked by one slow peer, that takes one answer a round. Nothing
// may go cold before it was told, however many rounds that takes.
func TestPullKeepsWhatItCouldNotTell(t *testing.T) {
	const messages = 3000
	m := newMachine(t, "pull", 1, map[string]string{"rounds": "2"})
	m.publish(messages, 1)
	var have []gossip.ID
	for range 40 {
		m.round()
		recent := have[max(0, len(have)-gossip.MaxIDs):]
		for _, s := range m.receive(2, gossip.Packet{Kind: 2, IDs: recent}) {
			for _, message := range s.Packet.Messages {
				have = append(have, message.ID)
			}
		}
	}
	if len(have) != messages {
		t.Errorf("%d of %d messages were told", len(have), messages)
	}
	if m.Protocol.(gossip.Restless).Infective() {
		t.Error("infective still")
	}
}
