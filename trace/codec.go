package trace

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"gossipctl/gossip"
)

// MaxLine is the longest line of a log in bytes. The longest there is, a link event with every reason
// of a drop, stays below a kilobyte; a longer one than this is no event.
const MaxLine = 64 << 10

// kinds are all there are, so that a parsed event shares their text.
var kinds = func() map[string]Kind {
	all := make(map[string]Kind)
	for _, k := range []Kind{
		Publish, Accept, Send, Receive, Deliver, Drop, Start, Stop, Kill, Pause, Resume, Sync, Fault, Heal, Inbox, Link, Heard, End, Cut,
		Apply, Member, Value, View,
	} {
		all[string(k)] = k
	}
	return all
}()

// AppendJSON appends the event to dst as one JSON object without a newline. The same event always
// gives the same bytes: keys stand in one order, those of Counts sorted, and what is empty is left
// out. A time is written in UTC with nanoseconds, a digest as 16 hexadecimal digits. Text that is not
// UTF-8 is made so.
func AppendJSON(dst []byte, e *Event) []byte {
	dst = append(dst, '{')
	first := len(dst)
	key := func(name string) {
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, '"', ':')
	}
	number := func(name string, v uint64) {
		if v != 0 {
			key(name)
			dst = strconv.AppendUint(dst, v, 10)
		}
	}
	text := func(name, v string) {
		if v != "" {
			key(name)
			dst = appendText(dst, v)
		}
	}
	if y := e.At.Year(); !e.At.IsZero() && y >= 0 && y <= 9999 {
		key("at")
		dst = append(dst, '"')
		dst = e.At.UTC().AppendFormat(dst, time.RFC3339Nano)
		dst = append(dst, '"')
	}
	number("node", uint64(max(e.Node, 0)))
	number("run", uint64(e.Run))
	text("kind", string(e.Kind))
	if e.Message != (gossip.ID{}) {
		key("message")
		dst = append(dst, '"')
		dst = strconv.AppendUint(dst, uint64(max(e.Message.Origin, 0)), 10)
		dst = append(dst, '.')
		run, seq, update := e.Message.Update()
		dst = strconv.AppendUint(dst, uint64(run), 10)
		dst = append(dst, '.')
		if update {
			dst = append(dst, 'v')
		}
		dst = strconv.AppendUint(dst, uint64(seq), 10)
		dst = append(dst, '"')
	}
	number("peer", uint64(max(e.Peer, 0)))
	number("peer_run", uint64(e.PeerRun))
	number("hops", uint64(max(e.Hops, 0)))
	text("reason", e.Reason)
	text("name", e.Name)
	if e.Digest != 0 {
		key("digest")
		var raw [8]byte
		for i := range raw {
			raw[i] = byte(e.Digest >> (56 - 8*i))
		}
		dst = append(dst, '"')
		dst = hex.AppendEncode(dst, raw[:])
		dst = append(dst, '"')
	}
	number("size", uint64(max(e.Size, 0)))
	number("count", e.Count)
	if len(e.Counts) > 0 {
		key("counts")
		dst = appendCounts(dst, e.Counts)
	}
	return append(dst, '}')
}

func appendCounts(dst []byte, counts map[string]uint64) []byte {
	var room [16]string
	names := room[:0]
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, name), ':')
		dst = strconv.AppendUint(dst, counts[name], 10)
	}
	return append(dst, '}')
}

// plain reports whether a text stands in JSON as it is.
func plain[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendText(dst []byte, s string) []byte {
	if plain(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	quoted, _ := json.Marshal(s) // a string always has a form
	return append(dst, quoted...)
}

// ParseEvent reads what [AppendJSON] writes: one object with the keys of an event, each at most once
// and in any order, blanks between its parts allowed. Anything else is an error: an unknown key or
// kind, a value of another form, more behind the object.
func ParseEvent(line []byte) (Event, error) {
	if len(line) > MaxLine {
		return Event{}, fmt.Errorf("an event of %d bytes, the limit is %d", len(line), MaxLine)
	}
	p := parser{rest: line}
	var e Event
	var seen [len(keys)]bool
	p.object(func(name []byte) {
		at := slices.Index(keys[:], string(name))
		switch {
		case at < 0:
			p.fail("unknown key %.40q", name)
			return
		case seen[at]:
			p.fail("%s comes twice", name)
			return
		}
		seen[at] = true
		p.field(&e, keys[at])
	})
	p.blank()
	if len(p.rest) > 0 {
		p.fail("more behind the event")
	}
	if e.Kind == "" {
		p.fail("no kind")
	}
	if p.err != nil {
		return Event{}, p.err
	}
	return e, nil
}

// keys of an event, in the order in which they are written.
var keys = [...]string{
	"at", "node", "run", "kind", "message", "peer", "peer_run", "hops", "reason", "name", "digest", "size", "count", "counts",
}

func (p *parser) field(e *Event, name string) {
	switch name {
	case "at":
		e.At = p.time()
	case "node":
		e.Node = gossip.NodeID(p.number(math.MaxInt32))
	case "run":
		e.Run = uint32(p.number(math.MaxUint32))
	case "kind":
		text := p.text()
		if e.Kind = kinds[string(text)]; e.Kind == "" {
			p.fail("unknown kind %.40q", text)
		}
	case "message":
		e.Message = p.message()
	case "peer":
		e.Peer = gossip.NodeID(p.number(math.MaxInt32))
	case "peer_run":
		e.PeerRun = uint32(p.number(math.MaxUint32))
	case "hops":
		e.Hops = int(p.number(math.MaxInt32))
	case "reason":
		e.Reason = string(p.text())
	case "name":
		e.Name = string(p.text())
	case "digest":
		e.Digest = p.digest()
	case "size":
		e.Size = int(p.number(math.MaxInt32))
	case "count":
		e.Count = p.number(math.MaxUint64)
	case "counts":
		e.Counts = make(map[string]uint64)
		p.object(func(name []byte) {
			if _, twice := e.Counts[string(name)]; twice {
				p.fail("%.40s comes twice in counts", name)
			}
			e.Counts[string(name)] = p.number(math.MaxUint64)
		})
	}
}

// parser takes an event apart. After the first error it does nothing.
type parser struct {
	rest []byte
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	p.rest = nil
}

func (p *parser) blank() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\t') {
		p.rest = p.rest[1:]
	}
}

// take takes one character and reports whether it was there.
func (p *parser) take(c byte) bool {
	p.blank()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) need(c byte) {
	if !p.take(c) {
		p.fail("%q is missing", c)
	}
}

func (p *parser) object(field func(name []byte)) {
	p.need('{')
	if p.take('}') {
		return
	}
	for p.err == nil {
		name := p.text()
		p.need(':')
		if p.err != nil {
			return
		}
		field(name)
		if p.take('}') {
			return
		}
		p.need(',')
	}
}

// text takes a string. What it returns may share memory with the line.
func (p *parser) text() []byte {
	p.need('"')
	for i := 0; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case '"':
			raw := p.rest[:i]
			p.rest = p.rest[i+1:]
			if plain(raw) {
				return raw
			}
			var s string
			if err := json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &s); err != nil || !utf8.Valid(raw) {
				p.fail("a text that is none")
			}
			return []byte(s)
		}
	}
	p.fail("a text without an end")
	return nil
}

func (p *parser) number(most uint64) uint64 {
	p.blank()
	n := 0
	for n < len(p.rest) && p.rest[n] >= '0' && p.rest[n] <= '9' {
		n++
	}
	digits := p.rest[:n]
	v, err := decimal(digits, most)
	if err != nil {
		p.fail("%.40q: %w", digits, err)
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

var errNumber = errors.New("not a whole number in range")

// decimal reads digits without leading zeros.
func decimal(digits []byte, most uint64) (uint64, error) {
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' {
		return 0, errNumber
	}
	var v uint64
	for _, c := range digits {
		d := uint64(c) - '0'
		if d > 9 || v > (most-d)/10 {
			return 0, errNumber
		}
		v = 10*v + d
	}
	return v, nil
}

func (p *parser) time() time.Time {
	text := p.text()
	if n := len(text); n < len("2006-01-02T15:04:05Z") || text[n-1] != 'Z' {
		p.fail("%.40q is not a time in UTC", text)
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || len(text) > len("2006-01-02T15:04:05.123456789Z") {
		p.fail("%.40q is not a time", text)
	}
	return t
}

func (p *parser) message() gossip.ID {
	text := p.text()
	var part [3]uint64
	rest, update := text, false
	for i, most := range [3]uint64{math.MaxInt32, gossip.MaxRun, math.MaxUint32} {
		digits := rest
		if i < 2 {
			dot := slices.Index(rest, '.')
			if dot < 0 {
				p.fail("%.40q is not the name of a message", text)
				return gossip.ID{}
			}
			digits, rest = rest[:dot], rest[dot+1:]
		} else if len(digits) > 0 && digits[0] == 'v' {
			digits, update = digits[1:], true
		}
		v, err := decimal(digits, most)
		if err != nil {
			p.fail("%.40q is not the name of a message", text)
			return gossip.ID{}
		}
		part[i] = v
	}
	if update {
		return gossip.UpdateID(gossip.NodeID(part[0]), uint32(part[1]), uint32(part[2]))
	}
	return gossip.ID{Origin: gossip.NodeID(part[0]), Run: uint32(part[1]), Seq: uint32(part[2])}
}

func (p *parser) digest() uint64 {
	text := p.text()
	var raw [8]byte
	if len(text) != 16 {
		p.fail("%.40q is not a digest of 16 digits", text)
		return 0
	}
	if _, err := hex.Decode(raw[:], text); err != nil {
		p.fail("%.40q is not a digest", text)
	}
	var v uint64
	for _, b := range raw {
		v = v<<8 | uint64(b)
	}
	return v
}
