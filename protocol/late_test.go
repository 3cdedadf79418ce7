package protocol_test

import (
	"fmt"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// TestLateAlarmGivesNoRoundMore: a message is passed on in as many rounds whether it comes before a round is
// due or, as happens in processes, between then and the alarm that is late.
func TestLateAlarmGivesNoRoundMore(t *testing.T) {
	for _, name := range []string{"push", "push-pull", "quasirandom"} {
		for _, rounds := range []int{1, 5} {
			set := map[string]string{"rounds": fmt.Sprint(rounds)}
			early, late := passedOn(t, name, set, -time.Millisecond), passedOn(t, name, set, time.Millisecond)
			if early != rounds || late != rounds {
				t.Errorf("%s with %d rounds passed on what came in time %d times, and what came late %d times", name, rounds, early, late)
			}
		}
	}
}

// passedOn is how often a node with two peers sends a message that came so long after its first round was due.
// All its alarms are 2 ms late.
func passedOn(t *testing.T, name string, set map[string]string, after time.Duration) (times int) {
	t.Helper()
	p, err := protocol.New(name, protocol.Environment{Self: 1, Rand: protocol.Generator(1, 1)}, set)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	own := gossip.Message{ID: gossip.ID{Origin: 1, Run: 1, Seq: 1}, Sent: now}
	heard := gossip.Message{ID: gossip.ID{Origin: 2, Run: 1, Seq: 1}, Sent: now}
	var out gossip.Outbox
	var alarms []gossip.Alarm
	take := func() {
		for _, s := range out.Sends {
			for _, m := range s.Packet.Messages {
				if m.ID == heard.ID {
					times++
				}
			}
		}
		alarms = append(alarms, out.Alarms...)
		out.Reset()
	}
	p.Peers(now, gossip.NewPeers([]gossip.NodeID{2, 3}), &out)
	take()
	p.Publish(now, own, 0, &out)
	take()
	for k := 0; len(alarms) > 0 && k < 50; k++ {
		a := alarms[0]
		alarms = alarms[1:]
		if k == 0 {
			p.Receive(a.At.Add(after), 2, gossip.Packet{Kind: 1, Messages: []gossip.Message{heard}}, &out)
			take()
		}
		p.Wake(a.At.Add(2*time.Millisecond), a.Timer, &out)
		take()
	}
	return times
}
