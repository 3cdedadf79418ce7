package protocol_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// FuzzReceive puts law 8 to every protocol: whatever comes, nothing panics, an answer to one packet
// has at most one packet for each message and peer, and what is kept by message name stays within
// the setting that bounds it. The laws a witness sees are kept as well.
func FuzzReceive(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 4))
	for range 64 {
		data := make([]byte, 1+rng.IntN(1500))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range protocol.Table() {
			harass(t, kind, data)
		}
		harass(t, repairedKind(protocol.Table()[0]), data)
	})
}

// chooser makes choices out of bytes; when they are used up it always takes the first.
type chooser []byte

func (c *chooser) below(n int) int {
	if len(*c) == 0 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	return int(b) % n
}

func choose[T any](c *chooser, from ...T) T { return from[c.below(len(from))] }

// harass does to one node what the bytes say.
func harass(t *testing.T, kind protocol.Kind, data []byte) {
	c := chooser(data)
	settings := make(map[string]string)
	for _, s := range kind.Settings {
		settings[s.Name] = small(s, c.below(4))
	}
	values, err := kind.Values(agreeing(kind, settings))
	if err != nil {
		t.Fatal(err)
	}
	broken := func(complaint string) { t.Errorf("%s: %s", kind.Name, complaint) }
	w := newWitness(kind, values, 1, 1, nil, broken)
	peers := []gossip.NodeID{2, 3, 4}
	now, published, alarms := start, uint32(0), []gossip.Alarm(nil)
	var out gossip.Outbox
	w.Peers(now, gossip.NewPeers(slices.Clone(peers)), &out)
	for len(c) > 0 {
		now = now.Add(time.Duration(c.below(256)) * 10 * time.Millisecond)
		out.Reset()
		switch c.below(16) {
		case 0:
			peers = peers[:0]
			for id := range gossip.NodeID(7) {
				if id != 1 && id != 0 && c.below(2) == 0 {
					peers = append(peers, id)
				}
			}
			w.Peers(now, gossip.NewPeers(slices.Clone(peers)), &out)
		case 1: // in a life of its own, because a node never gives a name twice
			published++
			m := gossip.Message{ID: gossip.ID{Origin: 1, Run: 1 << 30, Seq: published}, Body: []byte("mine"), Sent: now}
			w.Publish(now, m, choose(&c, 0, 1, 2, gossip.MaxRelays), &out)
		case 2:
			w.Wake(now, gossip.Timer(c.below(256)), &out)
		case 3:
			if len(alarms) > 0 {
				due := alarms[0]
				alarms = alarms[1:]
				if due.At.After(now) {
					now = due.At
				}
				w.Wake(now, due.Timer, &out)
			}
		default:
			p := strange(&c)
			w.Receive(now, gossip.NodeID(c.below(8)), p, &out)
			if most := len(peers) * max(1, len(p.Messages)); len(out.Sends) > most {
				t.Errorf("%s: %d sends because of one packet, at most %d are due:\n%+v", kind.Name, len(out.Sends), most, p)
			}
			if most := max(1, len(p.Messages)+len(p.IDs)); len(out.Alarms) > most {
				t.Errorf("%s: %d alarms because of one packet, at most %d are due:\n%+v", kind.Name, len(out.Alarms), most, p)
			}
			if carried(p) {
				for _, send := range out.Sends {
					if !carried(send.Packet) {
						t.Errorf("%s: answers with what no wire carries:\n%+v", kind.Name, send.Packet)
					}
				}
			}
		}
		alarms = append(alarms, out.Alarms...)
		if named := collections(w.one).named; named > 0 && named > values.Int("remember") {
			t.Fatalf("%s: keeps %d names, remember=%d", kind.Name, named, values.Int("remember"))
		}
	}
}

// small is the i-th smallest value of a setting, or so: the corners are there.
func small(s protocol.Setting, i int) string {
	switch s.Type {
	case protocol.Whole:
		return s.Text(min(s.Max.(int), s.Min.(int)+i))
	case protocol.Decimal:
		least, most := s.Min.(float64), s.Max.(float64)
		return s.Text(least + (most-least)*float64(i)/16)
	case protocol.Duration: // not shorter than 50ms, lest a trial take a day
		return s.Text(min(s.Max.(time.Duration), max(s.Min.(time.Duration), 50*time.Millisecond)<<i))
	case protocol.Switch:
		return s.Text(i%2 == 1)
	}
	return s.Choices[i%len(s.Choices)]
}

// strange makes a packet that is now and then an ordinary one.
func strange(c *chooser) gossip.Packet {
	p := gossip.Packet{
		Kind:  gossip.Kind(choose(c, 1, 1, 1, 1, 2, 3, 4, 5, 0, 255)),
		Limit: choose(c, 1, 1, 2, 3, gossip.MaxRelays, 0, -1, gossip.MaxRelays+1, math.MaxInt),
		Hops:  choose(c, 1, 2, 3, 0, gossip.MaxHops-1, gossip.MaxHops, gossip.MaxHops+1, math.MaxInt, math.MinInt),
	}
	id := func() gossip.ID {
		return gossip.ID{Origin: gossip.NodeID(c.below(8)), Run: uint32(c.below(3)), Seq: choose[uint32](c, 1, 2, 3, 4, 5, 0, math.MaxUint32)}
	}
	for range choose(c, 1, 1, 1, 1, 0, 2, 3) {
		p.Messages = append(p.Messages, gossip.Message{ID: id(), Body: []byte(choose(c, "", "plum", "lie")), Sent: start})
	}
	for range choose(c, 0, 0, 1, 2, 40) {
		p.IDs = append(p.IDs, id())
	}
	return p
}

// carried tells whether the numbers of a packet are such that a wire takes them.
func carried(p gossip.Packet) bool {
	return p.Limit >= 0 && p.Limit <= gossip.MaxRelays && p.Hops >= 0 && p.Hops <= gossip.MaxHops &&
		len(p.Messages) <= gossip.MaxMessages && len(p.IDs) <= gossip.MaxIDs
}

// TestMemoryIsBounded sends each protocol far more messages than it may remember.
func TestMemoryIsBounded(t *testing.T) {
	const remember, most = 16, 2048 // the latter leaves room for memory cut into pieces
	for _, kind := range protocol.Table() {
		settings := make(map[string]string)
		for _, s := range kind.Settings {
			if s.Name == "remember" {
				settings[s.Name] = fmt.Sprint(remember)
			}
		}
		p, err := protocol.New(kind.Name, protocol.Environment{Self: 1, Rand: protocol.Generator(1, 1)}, settings)
		if err != nil {
			t.Fatal(err)
		}
		var out gossip.Outbox
		p.Peers(start, gossip.NewPeers([]gossip.NodeID{2, 3, 4}), &out)
		for seq := range uint32(20_000) {
			out.Reset()
			m := gossip.Message{ID: gossip.ID{Origin: 2, Run: 1 + seq%5, Seq: seq + 1}, Sent: start}
			p.Receive(start, gossip.NodeID(2+seq%6), gossip.Packet{Kind: 1, Limit: 1, Hops: 1, Messages: []gossip.Message{m}}, &out)
			p.Receive(start, gossip.NodeID(2+seq%6), gossip.Packet{Kind: gossip.Kind(1 + seq%6), IDs: []gossip.ID{m.ID, {Origin: 9, Run: 1, Seq: seq + 1}}}, &out)
		}
		held := collections(p)
		if held.named > remember {
			t.Errorf("%s: keeps %d names, remember=%d", kind.Name, held.named, remember)
		}
		if held.largest > most {
			t.Errorf("%s: %s holds %d entries after 20,000 messages", kind.Name, held.where, held.largest)
		}
	}
}

// held says how much is in the largest collection of a machine, and in the largest that is looked up
// by message name. The sets of all names there ever were have bounds of their own and are left out.
type held struct {
	largest, named int
	where          string
}

func collections(p gossip.Protocol) held {
	var h held
	h.look(reflect.ValueOf(p), "it")
	return h
}

func (h *held) look(v reflect.Value, where string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && strings.HasPrefix(reflect.Indirect(v.Elem()).Type().PkgPath(), "gossipctl/") {
			h.look(v.Elem(), where)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[gossip.IDSet]() || !strings.HasPrefix(v.Type().PkgPath(), "gossipctl/") {
			return
		}
		for i := range v.NumField() {
			h.look(v.Field(i), where+"."+v.Type().Field(i).Name)
		}
	case reflect.Map:
		if v.Type().Key() == reflect.TypeFor[gossip.ID]() {
			h.named = max(h.named, v.Len())
		}
		h.count(v, where)
		for it := v.MapRange(); it.Next(); {
			h.look(it.Value(), where+"[]")
		}
	case reflect.Slice:
		h.count(v, where)
		for i := range v.Len() {
			if i == 0 && !holds(v.Type().Elem()) {
				break
			}
			h.look(v.Index(i), where+"[]")
		}
	}
}

// holds tells whether there can be a collection in a value of the type.
func holds(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return true
	case reflect.Struct:
		for i := range t.NumField() {
			if holds(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

func (h *held) count(v reflect.Value, where string) {
	if v.Len() > h.largest {
		h.largest, h.where = v.Len(), where
	}
}
