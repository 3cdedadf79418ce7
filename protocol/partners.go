package protocol

import (
	"math/rand/v2"
	"slices"

	"gossipctl/gossip"
)

// drawPartners appends up to k different peers to a list, each as likely as any other, but none of
// those in except. There are fewer only if there are not more.
func drawPartners(rng *rand.Rand, peers gossip.Peers, k int, except, list []gossip.NodeID) []gossip.NodeID {
	barred := 0
	for i, id := range except {
		if peers.Has(id) && !slices.Contains(except[:i], id) {
			barred++
		}
	}
	k = min(k, peers.Len()-barred)
	first := len(list)
	if 2*(barred+k) <= peers.Len() && k <= few {
		// Most draws hit somebody who is neither barred nor drawn yet, however many peers there are.
		for len(list) < first+k {
			id := peers.At(rng.IntN(peers.Len()))
			if !slices.Contains(except, id) && !slices.Contains(list[first:], id) {
				list = append(list, id)
			}
		}
		return list
	}
	for _, id := range peers.All() {
		if !slices.Contains(except, id) {
			list = append(list, id)
		}
	}
	open := list[first:]
	for i := range k {
		j := i + rng.IntN(len(open)-i)
		open[i], open[j] = open[j], open[i]
	}
	return list[:first+k]
}

// few is up to how many partners each is compared with those already drawn; for more of them it is
// cheaper to list all peers.
const few = 64
