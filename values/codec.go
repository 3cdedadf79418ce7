package values

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"gossipctl/gossip"
)

// An update is a message with this body; numbers are unsigned varints, a stamp 8 bytes, big-endian:
//
//	body = flags(1 byte) [ttl] [stamp] length key… value…
//
// Owner, life and version are its name, and the moment of the change by the owner's clock its sending time.
const (
	flagDeleted  = 1 << iota // the key is gone; there is no value
	flagRegister             // it is a register; there is a stamp
	flagTTL                  // it travels only so far; there is a ttl
	allFlags     = 1<<iota - 1
)

// content is what the body of an update says.
type content struct {
	flags byte
	ttl   int
	stamp uint64
	key   []byte
	value []byte
}

// appendBody writes the body of an update.
func appendBody(dst []byte, key string, value []byte, deleted, register bool, stamp uint64, ttl int) []byte {
	at, flags := len(dst), byte(0)
	dst = append(dst, 0)
	if ttl > 0 {
		flags |= flagTTL
		dst = binary.AppendUvarint(dst, uint64(ttl))
	}
	if register {
		flags |= flagRegister
		dst = binary.BigEndian.AppendUint64(dst, stamp)
	}
	dst = append(binary.AppendUvarint(dst, uint64(len(key))), key...)
	if deleted {
		flags |= flagDeleted
		value = nil
	}
	dst[at] = flags
	return append(dst, value...)
}

// parseBody reads one; what it returns points into body.
func parseBody(body []byte) (c content, ok bool) {
	c.ttl, body, ok = parseTTL(body, &c.flags)
	if !ok {
		return c, false
	}
	if c.flags&flagRegister != 0 {
		if len(body) < 8 {
			return c, false
		}
		c.stamp, body = binary.BigEndian.Uint64(body), body[8:]
		if c.stamp == 0 || c.stamp > MaxStamp {
			return c, false
		}
	}
	size, n := binary.Uvarint(body)
	if n <= 0 || size > MaxKey || uint64(len(body)-n) < size {
		return c, false
	}
	c.key, c.value = body[n:n+int(size)], body[n+int(size):]
	return c, goodKey(c.key) && len(c.value) <= MaxValue && (c.flags&flagDeleted == 0 || len(c.value) == 0)
}

// parseTTL reads the beginning of a body.
func parseTTL(body []byte, flags *byte) (ttl int, rest []byte, ok bool) {
	if len(body) == 0 || body[0] > allFlags {
		return 0, nil, false
	}
	*flags, rest = body[0], body[1:]
	if *flags&flagTTL == 0 {
		return 0, rest, true
	}
	v, n := binary.Uvarint(rest)
	if n <= 0 || v == 0 || v > gossip.MaxHops {
		return 0, nil, false
	}
	return int(v), rest[n:], true
}

// TTL is how many edges an update may travel by the protocol, as its body says; 0: any number.
func TTL(body []byte) int {
	var flags byte
	ttl, _, _ := parseTTL(body, &flags)
	return ttl
}

// goodKey reports whether something can be a key: text of a line, that people can type and print.
func goodKey(key []byte) bool {
	if len(key) == 0 || len(key) > MaxKey || !utf8.Valid(key) {
		return false
	}
	for _, b := range key {
		if b < ' ' || b == 0x7f {
			return false
		}
	}
	return true
}

var errEntry = errors.New("no entry of a map")

// AppendEntry writes an entry down as it is kept in files:
//
//	entry = owner run version updated(8 bytes, Unix nanoseconds, big-endian) received(8 bytes) body…
func AppendEntry(dst []byte, e *Entry) []byte {
	dst = binary.AppendUvarint(dst, uint64(e.Owner))
	dst = binary.AppendUvarint(dst, uint64(e.Run))
	dst = binary.AppendUvarint(dst, uint64(e.Version))
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Updated.UnixNano()))
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Received.UnixNano()))
	return appendBody(dst, e.Key, e.Value, e.Deleted, e.Register, e.Stamp, e.TTL)
}

// ParseEntry reads what [AppendEntry] has written. The value points into data.
func ParseEntry(data []byte) (Entry, error) {
	var head [3]uint64
	for i := range head {
		number, n := binary.Uvarint(data)
		if n <= 0 || number < 1 || number > 1<<31-1 {
			return Entry{}, fmt.Errorf("%w: it names nobody's version", errEntry)
		}
		head[i], data = number, data[n:]
	}
	if len(data) < 16 || head[1] > gossip.MaxRun || head[2] > MaxVersion {
		return Entry{}, fmt.Errorf("%w: it is cut short, or of version %d of life %d", errEntry, head[2], head[1])
	}
	e := Entry{
		Owner: gossip.NodeID(head[0]), Run: uint32(head[1]), Version: uint32(head[2]),
		Updated:  time.Unix(0, int64(binary.BigEndian.Uint64(data))),
		Received: time.Unix(0, int64(binary.BigEndian.Uint64(data[8:]))),
	}
	c, ok := parseBody(data[16:])
	if !ok {
		return Entry{}, fmt.Errorf("%w: version %d of life %d makes no sense", errEntry, e.Version, e.Run)
	}
	e.Key, e.Value, e.Stamp, e.TTL = string(c.key), c.value, c.stamp, c.ttl
	e.Deleted, e.Register = c.flags&flagDeleted != 0, c.flags&flagRegister != 0
	return e, nil
}
