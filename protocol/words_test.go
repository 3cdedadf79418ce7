package protocol_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
)

// tell says what a node did, in words.
func (s *script) tell(st step) {
	if s.quiet || s.world == nil {
		return
	}
	said := len(s.out)
	for _, e := range st.Events {
		switch e.Kind {
		case trace.Receive:
			s.tellCopy(st, e.Message)
		case trace.Deliver:
			s.say("%d delivers %v%s", st.node, e.Message, sender(st))
		case trace.Drop:
			s.say("%d refuses %v%s: %s", st.node, e.Message, sender(st), e.Reason)
		}
	}
	for _, send := range st.Sends {
		s.say("%d → %d  %s", st.node, send.To, packetWords(send.Packet))
	}
	for _, a := range st.Alarms {
		s.say("%d will wake at %v", st.node, a.At.Sub(start))
	}
	if st.from != 0 && len(s.out) == said {
		s.say("%d does nothing with what it got%s", st.node, sender(st))
	}
}

// tellCopy says that a message came, if nothing else in the same step tells it.
func (s *script) tellCopy(st step, id gossip.ID) {
	for _, e := range st.Events {
		if e.Message == id && (e.Kind == trace.Deliver || e.Kind == trace.Drop) {
			return
		}
	}
	if _, has := s.world.nodes[st.node].Message(id); has {
		s.say("%d takes another copy of %v%s", st.node, id, sender(st))
	} else {
		s.say("%d holds %v%s back", st.node, id, sender(st))
	}
}

func sender(st step) string {
	if st.from == 0 {
		return ""
	}
	return fmt.Sprintf(" from %d", st.from)
}

func packetWords(p gossip.Packet) string {
	var words []string
	if p.Kind != 1 {
		words = append(words, fmt.Sprintf("kind %d", p.Kind))
	}
	for _, m := range p.Messages {
		words = append(words, fmt.Sprintf("%v %q", m.ID, m.Body))
	}
	if len(p.IDs) > 0 {
		words = append(words, "names "+list(p.IDs, " "))
	}
	if p.Limit != 0 {
		words = append(words, fmt.Sprintf("limit %d", p.Limit))
	}
	if p.Hops != 0 {
		words = append(words, fmt.Sprintf("hop %d", p.Hops))
	}
	return strings.Join(words, " ")
}

func flightWords(f flight) string {
	var batch gossip.Batch
	if err := batch.Decode(f.wire); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d → %d  %s", f.from, f.to, packetWords(batch.Envelopes[0].Packet))
}

func list[T any](items []T, between string) string {
	if len(items) == 0 {
		return "nobody"
	}
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = fmt.Sprint(item)
	}
	return strings.Join(words, between)
}

func (s *script) inject(args []string, options map[string]string) error {
	to, err := s.only(args)
	if err != nil {
		return err
	}
	e, err := envelope(options)
	if err != nil {
		return err
	}
	wire, err := gossip.AppendEnvelope(nil, &e)
	if err != nil {
		s.say("no wire carries it: %v", err)
		return nil
	}
	return s.world.receive(to, wire)
}

// envelope makes what the options of an inject describe. What is left out looks honest.
func envelope(options map[string]string) (gossip.Envelope, error) {
	from, err := number(options["from"])
	if err != nil {
		return gossip.Envelope{}, err
	}
	field := map[string]int{"kind": 1, "limit": 1, "hop": 1}
	for name := range field {
		if options[name] != "" {
			if field[name], err = strconv.Atoi(options[name]); err != nil {
				return gossip.Envelope{}, err
			}
		}
	}
	e := gossip.Envelope{From: from, Packet: gossip.Packet{
		Kind: gossip.Kind(field["kind"]), Limit: field["limit"], Hops: field["hop"]}}
	if e.Packet.IDs, err = names(options["ids"]); err != nil {
		return e, err
	}
	ids, err := names(options["messages"])
	if err != nil {
		return e, err
	}
	for _, id := range ids {
		e.Packet.Messages = append(e.Packet.Messages, gossip.Message{ID: id, Body: []byte(options["text"]), Sent: start})
		route := gossip.Route{id.Origin}
		if id.Origin != from {
			route = append(route, from)
		}
		if options["route"] != "" {
			route = nil
			for _, arg := range strings.Split(options["route"], ",") {
				at, err := number(arg)
				if err != nil {
					return e, err
				}
				route = append(route, at)
			}
		}
		e.Routes = append(e.Routes, route)
	}
	return e, nil
}

func names(arg string) ([]gossip.ID, error) {
	var ids []gossip.ID
	for _, word := range strings.FieldsFunc(arg, func(r rune) bool { return r == ',' }) {
		id, err := gossip.ParseID(word)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// entries are all messages of a node, without marking them read.
func entries(n *node.Node) []node.Entry {
	all, _ := n.Messages(node.Query{Status: node.All, Peek: true})
	return all
}

func (s *script) inbox(args []string, _ map[string]string) error {
	id, err := s.only(args)
	if err != nil {
		return err
	}
	all := entries(s.world.nodes[id])
	for _, e := range all {
		s.say("%v %q copies %d", e.Message.ID, e.Message.Body, e.FromPeers())
	}
	if len(all) == 0 {
		s.say("empty")
	}
	return nil
}

func (s *script) paths(args []string, _ map[string]string) error {
	id, err := s.only(args)
	if err != nil {
		return err
	}
	for _, e := range entries(s.world.nodes[id]) {
		for _, c := range e.Copies {
			s.say("%v  %s", e.Message.ID, list(c.Route, " ➜ "))
		}
	}
	return nil
}

func (s *script) count([]string, map[string]string) error {
	type spread struct{ nodes, sent, copies int }
	messages := make(map[gossip.ID]spread)
	refused := uint64(0)
	for _, id := range s.world.ids {
		n := s.world.nodes[id]
		for _, times := range n.Counters().Dropped {
			refused += times
		}
		for _, e := range entries(n) {
			sum := messages[e.Message.ID]
			messages[e.Message.ID] = spread{sum.nodes + 1, sum.sent + e.Sent, sum.copies + e.FromPeers()}
		}
	}
	s.say("packets sent %d, lost %d, under way %d; copies refused %d", s.world.sent, s.world.lost, len(s.world.flights), refused)
	for _, id := range slices.SortedFunc(maps.Keys(messages), gossip.ID.Compare) {
		sum := messages[id]
		s.say("%v at %d of %d nodes, sent %d, copies taken %d", id, sum.nodes, len(s.world.ids), sum.sent, sum.copies)
	}
	return nil
}
