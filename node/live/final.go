package live

import (
	"fmt"
	"maps"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/trace"
)

// Accepted implements api.Recording.
func (s *server) Accepted(ids []gossip.ID, relays int) { s.record.accepted(ids, relays) }

// Hold lets no timer come due for a while.
func (a *Agent) Hold(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.held = now.Add(d)
	a.arm(now) // later, or sooner when it was held for longer before
}

// Hold implements api.Recording: nothing that the node does by itself comes due either, and it goes on as soon as it may.
func (s *server) Hold(d time.Duration) {
	s.Agent.Hold(d)
	s.work.look()
}

// finalPage is how many entries of an inbox are looked at, and written down, at once.
const finalPage = 1000

// Final implements api.Recording.
func (s *server) Final(write bool) (api.FinalAnswer, error) {
	out := api.FinalAnswer{Node: s.cfg.ID, Run: s.cfg.Run}
	s.mu.Lock() // nothing happens at the node meanwhile
	defer s.mu.Unlock()
	out.Sent, out.Heard = s.accounts()
	_, _, out.Last = s.node.Size()
	s.record.tally(&out)
	if !write {
		return out, nil
	}
	entries := uint64(0)
	for query := (node.Query{Status: node.All, Peek: true, Limit: finalPage}); ; {
		page, more := s.node.Messages(query)
		events := make([]trace.Event, len(page))
		now := time.Now()
		for i := range page {
			e := &page[i]
			events[i] = trace.Event{At: now, Kind: trace.Inbox, Message: e.Message.ID, Digest: trace.Digest(e.Message.Body), Size: len(e.Message.Body), Count: e.Number}
			query.After = e.Number
		}
		s.record.final(events)
		entries += uint64(len(page))
		if !more {
			break
		}
	}
	s.record.final(s.ends(&out, entries, s.shared()))
	s.record.tally(&out)
	if err := s.record.sync(); err != nil {
		return out, fmt.Errorf("writing the final read of node %d: %w", s.cfg.ID, err)
	}
	return out, nil
}

// shared writes down the node's values and how it sees others, and says how many lines these are.
func (s *server) shared() map[string]uint64 {
	lines := make(map[trace.Kind]uint64)
	now := time.Now()
	events := make([]trace.Event, 0, finalPage)
	for e := range s.node.Shared() {
		e.At = now
		lines[e.Kind]++
		if events = append(events, e); len(events) == finalPage {
			s.record.final(events)
			events = events[:0]
		}
	}
	s.record.final(events)
	return trace.Shared(lines)
}

// ends are the events of a final read behind the inbox and what nodes share.
func (s *server) ends(out *api.FinalAnswer, entries uint64, shared map[string]uint64) []trace.Event {
	now := time.Now()
	var events []trace.Event
	for _, l := range out.Sent {
		counts := map[string]uint64{trace.CountSent: l.Sent, trace.CountRepeated: l.Repeated, trace.CountPassed: l.Passed, trace.CountInFlight: l.InFlight}
		maps.Copy(counts, l.Dropped)
		events = append(events, trace.Event{At: now, Kind: trace.Link, Peer: l.Peer, PeerRun: l.Run, Counts: counts})
	}
	for _, h := range out.Heard {
		counts := map[string]uint64{trace.CountReceived: h.Received, trace.CountCorrupt: h.Corrupt}
		events = append(events, trace.Event{At: now, Kind: trace.Heard, Peer: h.Peer, PeerRun: h.Run, Counts: counts})
	}
	return append(events, trace.Event{At: now, Kind: trace.End, Count: entries, Counts: shared})
}

// final writes down events of a final read, which are not counted: what happens at the node is.
func (r *recorder) final(events []trace.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.events
	r.append(events)
	r.events = before
}

// accounts are what the links have counted.
func (s *server) accounts() ([]api.LinkCount, []api.HeardCount) {
	links, heard := []api.LinkCount{}, []api.HeardCount{}
	for _, l := range s.faulty.Links() {
		links = append(links, api.LinkCount{
			Peer: l.Peer, Run: l.PeerRun, Sent: l.Sent, Repeated: l.Repeated, Passed: l.Passed, InFlight: l.InFlight, Dropped: l.Dropped,
		})
	}
	for _, h := range s.faulty.Heard() {
		heard = append(heard, api.HeardCount{Peer: h.Peer, Run: h.Run, Received: h.Received, Corrupt: h.Corrupt})
	}
	return links, heard
}
