package live

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gossipctl/gossip"
)

// Bounds and paces of a scan.
const (
	// maxScan is how many addresses a scan tries: all ports of a large network, or sixteen of 256.
	maxScan = 4096
	// maxRate is the most that may be asked for: a node answers 2,000 strangers a second, all together.
	maxRate = 1000
	// scanRate is how many are tried a second unless it is said otherwise: 64 ports take a third of a second, and
	// 4,096 twenty seconds, which is a hundredth of a core.
	scanRate = 200
	// slower is how much slower it goes on once somebody is known: newcomers look for others themselves.
	slower = 10
	// scanPause lies between two passes over a short range, which would go round and round.
	scanPause = 5 * time.Second
	// scanMisses is how often a node must not answer before it is off the list: one answer can be late.
	scanMisses = 3
)

// Scan returns a Discovery that tries ranges of addresses, such as 127.0.0.1:7001-7064 and
// 127.0.0.1-127.0.0.9:7001: at most 4,096 in all, and rate of them a second (0: 200, at most 1000). Whoever answers
// there must prove to be a node of the network before it is shown a token; strangers and the node itself are skipped.
// Once somebody is known it goes on for newcomers, ten times slower, and with 5 seconds at least between two passes.
func Scan(rate int, ranges ...string) Discovery {
	return &scan{ranges: slices.Clone(ranges), rate: rate}
}

type scan struct {
	ranges []string
	rate   int
	every  time.Duration // 0: scanPause
	access
}

func (s *scan) enter(a access) Discovery {
	return &scan{ranges: s.ranges, rate: s.rate, every: s.every, access: a}
}

// Watch implements [Discovery].
func (s *scan) Watch(ctx context.Context, self Peer, found func([]Peer)) error {
	addrs, err := scanRanges(s.ranges)
	if err != nil {
		return err
	}
	addrs = slices.DeleteFunc(addrs, func(addr string) bool { return addr == self.Addr })
	if len(addrs) == 0 { // nothing to try, and nowhere to rest between two tries
		<-ctx.Done()
		return nil
	}
	if s.rate < 0 || s.rate > maxRate {
		return fmt.Errorf("a scan of %d addresses a second is not possible: at most %d are", s.rate, maxRate)
	}
	if s.ask == nil {
		return fmt.Errorf("only a node can scan")
	}
	rate := cmp.Or(s.rate, scanRate)
	seen := sightings{at: make(map[string]*sighting), found: found}
	var group sync.WaitGroup
	defer group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slots := make(chan struct{}, asking)
	for {
		begun := time.Now()
		// From anywhere, so that nodes that start together do not all knock at the same doors.
		first := rand.IntN(len(addrs))
		for i := range addrs {
			addr := addrs[(first+i)%len(addrs)]
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			group.Go(func() {
				defer func() { <-slots }()
				id, err := s.ask(ctx, addr)
				if ctx.Err() == nil {
					seen.note(addr, id, err)
				}
			})
			pause := time.Second / time.Duration(rate)
			if seen.some() {
				pause *= slower
			}
			if !rest(ctx, pause) {
				return nil
			}
		}
		if least := cmp.Or(s.every, scanPause); seen.some() && !rest(ctx, least-min(time.Since(begun), least)) {
			return nil
		}
	}
}

// sightings are the nodes that a scan has found.
type sightings struct {
	found func([]Peer)

	mu sync.Mutex
	at map[string]*sighting
}

type sighting struct {
	id     gossip.NodeID
	misses int
}

// note takes in the answer of an address.
func (s *sightings) note(addr string, id gossip.NodeID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.at[addr]
	switch {
	case err == nil && old != nil && old.id == id:
		old.misses = 0
		return
	case err == nil:
		s.at[addr] = &sighting{id: id}
	case old == nil:
		return
	default:
		if old.misses++; old.misses < scanMisses {
			return
		}
		delete(s.at, addr)
	}
	list := make([]Peer, 0, len(s.at))
	for addr, n := range s.at {
		list = append(list, Peer{ID: n.id, Addr: addr})
	}
	// Of two addresses of one node the one that has answered lately counts.
	slices.SortFunc(list, func(a, b Peer) int {
		if d := s.at[b.Addr].misses - s.at[a.Addr].misses; d != 0 {
			return d
		}
		return strings.Compare(a.Addr, b.Addr)
	})
	s.found(list)
}

// some reports whether anybody was found.
func (s *sightings) some() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at) > 0
}

// scanRanges writes ranges out, each address once.
func scanRanges(ranges []string) ([]string, error) {
	var all []string
	seen := make(map[string]bool)
	for _, text := range ranges {
		hosts, ports, err := scanRange(text)
		if err != nil {
			return nil, err
		}
		for _, host := range hosts {
			for port := ports[0]; port <= ports[1]; port++ {
				addr := netip.AddrPortFrom(host, uint16(port)).String()
				if seen[addr] {
					continue
				}
				if seen[addr] = true; len(seen) > maxScan {
					return nil, fmt.Errorf("a scan tries at most %d addresses: give smaller ranges than %s", maxScan, strings.Join(ranges, ", "))
				}
				all = append(all, addr)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("a scan needs a range of addresses, such as 127.0.0.1:7001-7064")
	}
	return all, nil
}

// scanRange reads one range: HOST[-HOST]:PORT[-PORT].
func scanRange(text string) (hosts []netip.Addr, ports [2]int, err error) {
	bad := func(why string) ([]netip.Addr, [2]int, error) {
		return nil, ports, fmt.Errorf("%.80q is no range of addresses on this machine, such as 127.0.0.1:7001-7064 or 127.0.0.1-127.0.0.9:7001: %s", text, why)
	}
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return bad("the port is missing")
	}
	low, high, several := strings.Cut(text[colon+1:], "-")
	if !several {
		high = low
	}
	for i, part := range []string{low, high} {
		port, err := strconv.ParseUint(part, 10, 16)
		if err != nil || port == 0 {
			return bad("ports go from 1 to 65535")
		}
		ports[i] = int(port)
	}
	if ports[0] > ports[1] {
		return bad("its last port comes before its first")
	}
	from, to, several := strings.Cut(text[:colon], "-")
	if !several {
		to = from
	}
	first, err := scanHost(from)
	if err != nil {
		return bad(err.Error())
	}
	last, err := scanHost(to)
	if err != nil {
		return bad(err.Error())
	}
	if first.Compare(last) > 0 || first.Is4() != last.Is4() {
		return bad("its last address comes before its first")
	}
	for host := first; ; host = host.Next() {
		if hosts = append(hosts, host); host == last {
			return hosts, ports, nil
		}
		if len(hosts) >= maxScan {
			return bad(fmt.Sprintf("more than %d addresses", maxScan))
		}
	}
}

func scanHost(text string) (netip.Addr, error) {
	if inner, is := strings.CutPrefix(text, "["); is {
		text = strings.TrimSuffix(inner, "]")
	}
	host, err := netip.ParseAddr(text)
	if err != nil || !host.IsLoopback() || host.Zone() != "" {
		return host, fmt.Errorf("%.40q is not a literal address of this machine", text)
	}
	return host, nil
}
