package api

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
)

// MetricsType is the media type of [WriteMetrics]: the text format of Prometheus, version 0.0.4.
const MetricsType = "text/plain; version=0.0.4; charset=utf-8"

// WriteMetrics writes the counters of nodes for Prometheus. It is written by hand, because the client
// library of Prometheus takes 2.8 MiB of memory in every node's process. Only numbers and reasons of this
// project become labels, so none of them needs to be escaped.
func WriteMetrics(w io.Writer, nodes []Stats) error {
	m := metrics{bufio.NewWriter(w), nodes}
	m.family("gossip_packets_sent_total", counter, "Packets handed to the link to a peer.", links(func(l *Link) uint64 { return l.Sent }))
	m.family("gossip_packets_repeated_total", counter, "Second copies of packets that a fault made.", links(func(l *Link) uint64 { return l.Repeated }))
	m.family("gossip_packets_passed", gauge, "Packets written to the present life of a peer.", links(func(l *Link) uint64 { return l.Passed }))
	m.family("gossip_packets_in_flight", gauge, "Packets that wait, or of which a broken connection leaves open whether they came.", links(func(l *Link) uint64 { return l.InFlight }))
	m.family("gossip_queue_depth", gauge, "Packets that wait in the queue to a peer, or for their time.", links(func(l *Link) uint64 { return l.Depth }))
	m.family("gossip_queue_bytes", gauge, "Bytes that wait for a peer.", links(func(l *Link) uint64 { return uint64(l.Queued) }))
	m.family("gossip_peer_stalled", gauge, "1 when something waits and the peer takes nothing.", links(func(l *Link) uint64 { return one(l.Stalled) }))
	m.family("gossip_packets_dropped_total", counter, "Packets that a link lost, by reason.", func(s *Stats, sample sampler) {
		for _, l := range slices.Concat(s.Links, s.FormerLinks) {
			for _, reason := range slices.Sorted(maps.Keys(l.Drops)) {
				sample(l.Drops[reason], `,peer="%d",reason="%s"`, l.ID, reason)
			}
		}
	})
	m.family("gossip_packets_received_total", counter, "Packets that came from a node, good ones.", heard(func(h *Heard) uint64 { return h.Received + h.EarlierReceived }))
	m.family("gossip_packets_corrupt_total", counter, "Packets that came damaged, were noticed and thrown away.", heard(func(h *Heard) uint64 { return h.Corrupt + h.EarlierCorrupt }))
	m.family("gossip_dropped_total", counter, "Everything a node turned away or lost: copies, packets, streams and requests, by reason.", func(s *Stats, sample sampler) {
		for _, reason := range slices.Sorted(maps.Keys(s.Dropped)) {
			sample(s.Dropped[reason], `,reason="%s"`, reason)
		}
	})
	for _, f := range []struct {
		name, kind, help string
		value            func(s *Stats) uint64
	}{
		{"gossip_messages_published_total", counter, "Messages given to the node.", func(s *Stats) uint64 { return s.Published }},
		{"gossip_messages_delivered_total", counter, "Messages new in the inbox, its own included.", func(s *Stats) uint64 { return s.Delivered }},
		{"gossip_messages_sent_total", counter, "Copies of messages sent in packets.", func(s *Stats) uint64 { return s.Sent }},
		{"gossip_messages_received_total", counter, "Copies of messages that came in packets.", func(s *Stats) uint64 { return s.Received }},
		{"gossip_duplicates_total", counter, "Copies of what the inbox had already.", func(s *Stats) uint64 { return s.Duplicates }},
		{"gossip_repaired_total", counter, "Messages delivered that the protocol had missed.", func(s *Stats) uint64 { return s.Repaired }},
		{"gossip_messages_expired_total", counter, "Messages that made room for newer ones.", func(s *Stats) uint64 { return s.Expired }},
		{"gossip_inbox_messages", gauge, "Messages in the inbox.", func(s *Stats) uint64 { return uint64(s.Inbox.Messages) }},
		{"gossip_inbox_unread", gauge, "Messages in the inbox that nobody has read.", func(s *Stats) uint64 { return uint64(s.Inbox.Unread) }},
		{"gossip_values_owners", gauge, "Nodes whose maps of values the node has.", func(s *Stats) uint64 { return uint64(s.Values.Owners) }},
		{"gossip_values_keys", gauge, "Keys in all maps, those that are gone included.", func(s *Stats) uint64 { return uint64(s.Values.Keys) }},
		{"gossip_values_applied_total", counter, "Changes of the node's picture of all values.", func(s *Stats) uint64 { return s.Values.Applied }},
		{"gossip_values_reconciled_total", counter, "Of them, those that came by reconciliation.", func(s *Stats) uint64 { return s.Values.Reconciled }},
		{"gossip_values_ignored_total", counter, "Updates of values that were no news.", func(s *Stats) uint64 { return s.Values.Ignored }},
		{"gossip_values_refused_total", counter, "Updates of values beyond a bound, or not from their owner.", func(s *Stats) uint64 { return s.Values.Refused }},
		{"gossip_peers", gauge, "Peers of the node.", func(s *Stats) uint64 { return uint64(len(s.Links)) }},
		{"gossip_faults", gauge, "Faults in force at the node.", func(s *Stats) uint64 { return uint64(s.Faults) }},
		{"gossip_run", gauge, "Which life of the node this is.", func(s *Stats) uint64 { return uint64(s.Run) }},
	} {
		m.family(f.name, f.kind, f.help, func(s *Stats, sample sampler) { sample(f.value(s), "") })
	}
	return m.out.Flush()
}

// AnswerMetrics answers a request with them.
func AnswerMetrics(w http.ResponseWriter, nodes []Stats) {
	w.Header().Set("Content-Type", MetricsType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	WriteMetrics(w, nodes)
}

const (
	counter = "counter"
	gauge   = "gauge"
)

// metrics writes families, each of all nodes together, as the format wants it.
type metrics struct {
	out   *bufio.Writer
	nodes []Stats
}

// sampler writes one number, with labels behind that of the node.
type sampler func(value uint64, labels string, args ...any)

func (m *metrics) family(name, kind, help string, each func(s *Stats, sample sampler)) {
	fmt.Fprintf(m.out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	for i := range m.nodes {
		s := &m.nodes[i]
		each(s, func(value uint64, labels string, args ...any) {
			fmt.Fprintf(m.out, "%s{node=\"%d\"%s} %d\n", name, s.Node, fmt.Sprintf(labels, args...), value)
		})
	}
}

// links gives one number of every link.
func links(value func(l *Link) uint64) func(*Stats, sampler) {
	return func(s *Stats, sample sampler) {
		for _, l := range slices.Concat(s.Links, s.FormerLinks) {
			sample(value(&l), `,peer="%d"`, l.ID)
		}
	}
}

// heard gives one number of every node that was heard.
func heard(value func(h *Heard) uint64) func(*Stats, sampler) {
	return func(s *Stats, sample sampler) {
		for _, h := range s.Heard {
			sample(value(&h), `,peer="%d"`, h.Peer)
		}
	}
}

func one(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}
