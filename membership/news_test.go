package membership

import (
	"slices"
	"testing"

	"gossipctl/gossip"
)

// While all is well news goes to neighbours, for which no link has to be opened, and now and then to somebody else.
func TestNewsGoesToNeighbours(t *testing.T) {
	for _, kind := range []Kind{acquaintKind, swimKind} {
		w := settled(t, trialSpec{kind: kind, n: 64, seed: 4})
		beside, strange := 0, 0
		w.seen = func(from, to gossip.NodeID, p gossip.Packet) {
			switch {
			case p.Kind != kindNews:
			case slices.Contains(w.cores[from].told, to):
				beside++
			default:
				strange++
			}
		}
		w.run(w.Now() + w.Now())
		if t.Logf("%s: %d packets of news to neighbours, %d to others", kind.Name, beside, strange); strange == 0 || beside < 5*strange {
			t.Errorf("%s: %d packets of news went to neighbours, %d to others", kind.Name, beside, strange)
		}
	}
}
