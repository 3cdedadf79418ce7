package membership

import (
	"math"
	"time"

	"gossipctl/protocol"
)

// limit is how often an update is transmitted among n members.
func (r *rules) limit(n int) int {
	digits := 0
	for power := 1; power < n+1; power *= 10 {
		digits++
	}
	return r.lambda * digits
}

// confirmations is how many others have to share a suspicion to make it as short as it can be, among n members:
// memberlist's k. None are waited for where there are not as many.
func (r *rules) confirmations(n int) int {
	k := r.suspicion - 2
	if !r.lhaSuspicion || k < 1 || n-2 < k {
		return 0
	}
	return k
}

// suspected is how long a member is suspected, among n, when so many others of k share the suspicion (Lifeguard,
// section IV.B): max − (max−min)·ln(c+1)/ln(k+1).
func (r *rules) suspected(n, c, k int) time.Duration {
	least := time.Duration(float64(r.suspicion) * max(1, math.Log10(float64(max(n, 1)))) * float64(r.period))
	least = least.Round(time.Millisecond) // the last digits of logarithms are not the same on all processors
	if c >= k {
		return least
	}
	most := least * time.Duration(r.patience)
	share := math.Log(float64(c+1)) / math.Log(float64(k+1))
	return max(least, (most - time.Duration(float64(most-least)*share)).Round(time.Millisecond))
}

// DeadWithin bounds how long it takes, with settings of swim, until all of n nodes know that one of them has ended:
// in a network that is otherwise well, but for about one in 10,000 such ends.
//
//   - Somebody probes it: within 10 periods, for e^-10 is the chance that none of n−1 nodes does which each choose
//     one of n−1, and within 2n−1 by taking turns (SWIM, sections 3.1 and 4.3). The probe takes one more.
//   - It is suspected until two more agree, which takes 12 periods by the same reckoning, and for no less than the
//     shortest and no more than the longest time that a suspicion lasts.
//   - The news takes no longer than it is told: as many gossips as there are transmissions of it.
func DeadWithin(n int, settings protocol.Values) time.Duration {
	r := readRules(settings)
	turns := max(2*n-1, 1)
	k := r.confirmations(n)
	suspected := r.suspected(n, k, k)
	if k > 0 {
		suspected = max(suspected, min(r.suspected(n, 0, k), time.Duration(min(12, turns))*r.period))
	}
	return time.Duration(min(10, turns)+1)*r.period + suspected + time.Duration(r.limit(n))*r.gossip
}
