package face

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"gossipctl/gossip"
	"gossipctl/values"
)

// Bounds of one piece of gossip.
const (
	// MaxPayload is the largest payload in bytes: with what is around it, it fits a value.
	MaxPayload = 24 << 10
	// MaxTTL is the most edges a piece may travel: the longest way through the largest ring.
	MaxTTL = 5000
	// maxVersion is the largest number that every JSON library reads exactly.
	maxVersion = 1<<53 - 1
)

// TTL is how many edges what nodes tell guests may travel on: enough for any network of guests whose members know
// a few others each, as its diameter grows with the logarithm of their number.
const TTL = 8

// Gossip is one piece of news, in the form in which programs tell it each other.
type Gossip struct {
	// UUID names the piece: one that was heard before is no news.
	UUID string `json:"uuid"`
	// Origin is the port at which its author listens; it is who that is.
	Origin int `json:"origin"`
	// Version is the author's own count: of two pieces by one author the larger one is the newer.
	Version int64 `json:"version"`
	// TTL is how many more edges the piece may travel, this one included.
	TTL int `json:"ttl"`
	// Payload is what it says. Those of nodes are objects: {"key", "value"} or {"key", "deleted": true} of a value,
	// and {"message", "id"} of a message; what is no UTF-8 stands as value_base64 and message_base64.
	Payload json.RawMessage `json:"payload"`
}

// check says what is wrong with a piece that was received.
func (g *Gossip) check() error {
	switch {
	case !isUUID(g.UUID):
		return fmt.Errorf("uuid %.60q is no UUID, such as 123e4567-e89b-42d3-a456-426614174000", g.UUID)
	case g.Origin < 1 || g.Origin > 65535:
		return fmt.Errorf("origin %d is no port: it is where the author listens, 1 to 65535", g.Origin)
	case g.Version < 1 || g.Version > maxVersion:
		return fmt.Errorf("version %d is not from 1 to %d", g.Version, int64(maxVersion))
	case g.TTL < 1 || g.TTL > MaxTTL:
		return fmt.Errorf("ttl %d is not from 1 to %d: a piece that may travel no further must not be sent", g.TTL, MaxTTL)
	case len(g.Payload) == 0:
		return errors.New("payload is missing")
	case len(g.Payload) > MaxPayload:
		return fmt.Errorf("the payload has %d bytes, the limit is %d", len(g.Payload), MaxPayload)
	}
	return nil
}

// isUUID reports whether s is 8-4-4-4-12 hexadecimal digits.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
			continue
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// uuidOf names what a node tells: all nodes of the network give it the same UUID (version 8, RFC 9562), so that
// guests of several hear it once.
func uuidOf(network string, id gossip.ID) string {
	var name [12]byte
	binary.BigEndian.PutUint32(name[0:], uint32(id.Origin))
	binary.BigEndian.PutUint32(name[4:], id.Run)
	binary.BigEndian.PutUint32(name[8:], id.Seq)
	h := sha256.New()
	h.Write([]byte(network))
	h.Write(name[:])
	u := h.Sum(nil)[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// guestKey begins the keys of the registers that guests' gossip is kept in. A port follows.
const guestKey = "port/"

// keyOf is the register of one guest.
func keyOf(port int) string { return fmt.Sprintf("%s%d", guestKey, port) }

// changeOf is the change of a node's map that a guest's gossip is: a register, because the guest may tell it to any
// node, in the order of the guest's versions.
func changeOf(g *Gossip) (values.Change, error) {
	var flat bytes.Buffer
	if err := json.Compact(&flat, g.Payload); err != nil {
		return values.Change{}, fmt.Errorf("payload: %w", err)
	}
	kept := *g
	kept.Payload = flat.Bytes()
	text, err := plainJSON(kept)
	if err != nil {
		return values.Change{}, fmt.Errorf("payload: %w", err)
	}
	return values.Change{
		Key: keyOf(g.Origin), Value: text, Register: true, Stamp: uint64(g.Version), TTL: max(1, g.TTL-1),
	}, nil
}

// speaker knows how nodes' news is told.
type speaker struct {
	network string // identity
	base    int    // node k listens on base + k
}

// value tells a value. What was a guest's is told as that guest has told it.
func (s *speaker) value(e *values.Entry) (g Gossip, ok bool) {
	if e.Register && len(e.Key) > len(guestKey) && e.Key[:len(guestKey)] == guestKey {
		if json.Unmarshal(e.Value, &g) == nil && g.check() == nil && keyOf(g.Origin) == e.Key {
			g.TTL--
			return g, g.TTL > 0 && !e.Deleted
		}
	}
	type text struct {
		Node    gossip.NodeID `json:"node"`
		Key     string        `json:"key"`
		Value   *string       `json:"value,omitempty"`
		Base64  []byte        `json:"value_base64,omitempty"`
		Deleted bool          `json:"deleted,omitempty"`
	}
	t := text{Node: e.Owner, Key: e.Key, Deleted: e.Deleted}
	switch whole := string(e.Value); {
	case e.Deleted:
	case utf8.ValidString(whole):
		t.Value = &whole
	default:
		t.Base64 = e.Value
	}
	return s.speak(gossip.UpdateID(e.Owner, e.Run, e.Version), count(e.Run, e.Version), t)
}

// message tells a message.
func (s *speaker) message(m *gossip.Message) (Gossip, bool) {
	type text struct {
		Node    gossip.NodeID `json:"node"`
		ID      string        `json:"id"`
		Message *string       `json:"message,omitempty"`
		Base64  []byte        `json:"message_base64,omitempty"`
	}
	t := text{Node: m.ID.Origin, ID: m.ID.String()}
	if whole := string(m.Body); utf8.ValidString(whole) {
		t.Message = &whole
	} else {
		t.Base64 = m.Body
	}
	return s.speak(m.ID, count(m.ID.Run, m.ID.Seq), t)
}

// count is the version of what a node says: its own number in the first life, and larger ones in each life after it.
// With 23 bits for the number, any life fits the 53 bits that every JSON library reads exactly; nobody in a
// laboratory says eight million things.
func count(run, number uint32) int64 { return int64(run-1)<<23 + int64(min(number, 1<<23-1)) }

func (s *speaker) speak(id gossip.ID, version int64, payload any) (Gossip, bool) {
	port := s.base + int(id.Origin)
	text, err := plainJSON(payload)
	if err != nil || port < 1 || port > 65535 {
		return Gossip{}, false
	}
	return Gossip{UUID: uuidOf(s.network, id), Origin: port, Version: version, TTL: TTL, Payload: text}, true
}
