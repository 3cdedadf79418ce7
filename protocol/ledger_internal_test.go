package protocol

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gossipctl/gossip"
)

// book is a ledger without any cleverness: true is held, false is forgotten.
type book struct {
	held  map[gossip.ID]bool
	order []gossip.ID
}

func (b *book) enter(id gossip.ID, most int) {
	for len(b.order) >= most {
		b.held[b.order[0]] = false
		b.order = b.order[1:]
	}
	b.held[id] = true
	b.order = append(b.order, id)
}

// spread writes stretches out name by name.
func spread(l list) map[gossip.ID]bool {
	names := make(map[gossip.ID]bool)
	for i := range l.len() {
		s := l.at(i)
		for id := s.begin(); id.Seq <= s.last; id.Seq++ {
			names[id] = s.held
		}
	}
	return names
}

// someNames are names of a few lives, so that they often touch.
func someNames(rng *rand.Rand) gossip.ID {
	return gossip.ID{Origin: gossip.NodeID(1 + rng.IntN(3)), Run: uint32(1 + rng.IntN(2)), Seq: uint32(1 + rng.IntN(12))}
}

func same(a, b map[gossip.ID]bool) bool {
	for id, held := range a {
		if other, is := b[id]; !is || other != held {
			return false
		}
	}
	return len(a) == len(b)
}

// random fills a ledger and a book with the same.
func random(rng *rand.Rand, steps, most int) (*ledger, *book) {
	l, b := new(ledger), &book{held: make(map[gossip.ID]bool)}
	for range steps {
		if id := someNames(rng); !l.knows(id) {
			l.enter(time.Unix(1, 0), gossip.Message{ID: id, Body: []byte(id.String())}, most)
			b.enter(id, most)
		}
	}
	return l, b
}

func TestLedgerIsABook(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		l, b := random(rng, rng.IntN(80), 1+rng.IntN(12))
		if got := spread(l.names); !same(got, b.held) {
			t.Fatalf("seed %d: has %v, should have %v", seed, got, b.held)
		}
		sum := uint64(0)
		for id, held := range b.held {
			sum += nameSum(id)
			m, is := l.message(id, time.Unix(2, 0))
			if is != held || is && string(m.Body) != id.String() {
				t.Errorf("seed %d: %v is held: %v, has %v", seed, id, held, m)
			}
			if _, is := l.message(id, time.Unix(1, 0)); is {
				t.Errorf("seed %d: %v is handed out in the instant in which it came", seed, id)
			}
		}
		if l.sum != sum {
			t.Errorf("seed %d: sum %d, should be %d", seed, l.sum, sum)
		}
		for i := range l.names {
			if i > 0 && l.names[i-1].leads(l.names[i]) {
				t.Errorf("seed %d: %v and %v should be one", seed, l.names[i-1], l.names[i])
			}
		}
		if !ordered(l.names) {
			t.Errorf("seed %d: %v is not in order", seed, l.names)
		}
		for range 20 { // a name fits if it is next to another one
			id := someNames(rng)
			if l.knows(id) {
				continue
			}
			before, after := id, id
			before.Seq, after.Seq = id.Seq-1, id.Seq+1
			if fits := l.knows(before) || l.knows(after); l.names.fits(id, len(l.names)) != fits || !l.names.fits(id, len(l.names)+1) {
				t.Errorf("seed %d: %v into %v: %v", seed, id, l.names, !fits)
			}
		}
	}
}

// TestPagesTellAll writes ledgers page by page, begins anywhere, and reads them again.
func TestPagesTellAll(t *testing.T) {
	var out gossip.Outbox
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 6))
		l, b := random(rng, rng.IntN(80), 1+rng.IntN(12))
		from, size := firstName, 1+rng.IntN(4)
		if rng.IntN(2) == 0 {
			from = someNames(rng)
		}
		told := make(map[gossip.ID]bool)
		next := from
		for range 100 {
			ids, after := writePage(l.names, next, size, &out)
			p, is := readPage(ids)
			if !is || p.low != next || p.len() > size || after != firstName && after != nextName(p.high) || after == firstName && p.high != lastName {
				t.Fatalf("seed %d: from %v on, page %v, then %v", seed, next, ids, after)
			}
			for id, held := range spread(p) {
				told[id] = held
			}
			if next = after; next == firstName {
				break
			}
		}
		for id := range b.held {
			if id.Compare(from) < 0 {
				delete(b.held, id)
			}
		}
		if !same(told, b.held) {
			t.Errorf("seed %d: from %v on, told %v, should be %v", seed, from, told, b.held)
		}
	}
}

// TestDifferences compares what two ledgers can give each other with their books.
func TestDifferences(t *testing.T) {
	var out gossip.Outbox
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 7))
		l, b := random(rng, rng.IntN(60), 1+rng.IntN(20))
		other, otherBook := random(rng, rng.IntN(60), 1+rng.IntN(20))
		ids, _ := writePage(other.names, someNames(rng), 1+rng.IntN(8), &out)
		theirs, _ := readPage(ids)
		want := make(map[gossip.ID]bool)
		for id, held := range b.held {
			if _, known := otherBook.held[id]; held && !known && id.Compare(theirs.low) >= 0 && id.Compare(theirs.high) <= 0 {
				want[id] = true
			}
		}
		var lacks stretches
		ids = nil
		for s := range lacking(l.names, theirs, theirs.low, theirs.high) {
			lacks = append(lacks, s)
			ids = append(ids, s.begin(), s.end())
		}
		if got := spread(lacks); !same(got, want) || !ordered(lacks) {
			t.Fatalf("seed %d: %v lacks %v, should be %v", seed, theirs, got, want)
		}
		wanted, is := readWants(ids)
		if !is || !same(spread(wanted), want) {
			t.Fatalf("seed %d: %v read as %v", seed, lacks, wanted)
		}
		third, thirdBook := random(rng, rng.IntN(60), 1+rng.IntN(20))
		var both stretches
		for s := range common(third.names, wanted) {
			both = append(both, s)
		}
		for id := range want {
			if !thirdBook.held[id] {
				delete(want, id)
			}
		}
		if got := spread(both); !same(got, want) || !ordered(both) {
			t.Fatalf("seed %d: of %v, %v has %v, should be %v", seed, wanted, third.names, got, want)
		}
	}
}

func TestNumbersAsNames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 8))
	for i := range 1000 {
		n := rng.Uint64() >> (i % 64)
		switch i {
		case 0:
			n = 0
		case 1:
			n = math.MaxUint64
		}
		id := writeNumber(n)
		if got, is := readNumber(id); !is || got != n || !isName(id) {
			t.Fatalf("%d is %v, read as %d, %v", n, id, got, is)
		}
	}
	for _, id := range []gossip.ID{{}, {Origin: 1}, {Origin: 1, Run: 1}, {Run: 1, Seq: 1}, {Origin: 1 << 23, Run: 1, Seq: 1},
		{Origin: 1, Run: 1 << 22, Seq: 1}, {Origin: 1, Run: 1, Seq: 1<<21 + 1}, {Origin: -1, Run: 1, Seq: 1}, {Origin: 1, Run: 1, Seq: math.MaxUint32}} {
		if n, is := readNumber(id); is {
			t.Errorf("%v is read as %d", id, n)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ id, next gossip.ID }{
		{firstName, gossip.ID{Origin: 1, Run: 1, Seq: 2}},
		{gossip.ID{Origin: 1, Run: 1, Seq: math.MaxInt32}, gossip.ID{Origin: 1, Run: 2, Seq: 1}},
		{gossip.ID{Origin: 1, Run: math.MaxInt32, Seq: math.MaxInt32}, gossip.ID{Origin: 2, Run: 1, Seq: 1}},
		{lastName, firstName},
	} {
		if got := nextName(c.id); got != c.next || !isName(c.id) {
			t.Errorf("after %v comes %v, is a name: %v", c.id, got, isName(c.id))
		}
	}
	for _, id := range []gossip.ID{{}, {Origin: 1, Run: 1}, {Origin: 1, Seq: 1}, {Run: 1, Seq: 1}, {Origin: -1, Run: 1, Seq: 1},
		{Origin: 1, Run: 1, Seq: math.MaxInt32 + 1}, {Origin: 1, Run: math.MaxUint32, Seq: 1}} {
		if isName(id) {
			t.Errorf("%v is taken for a name", id)
		}
	}
}

// TestStrangePages are pages and wants that nobody writes.
func TestStrangePages(t *testing.T) {
	name := func(origin gossip.NodeID, run, seq uint32) gossip.ID {
		return gossip.ID{Origin: origin, Run: run, Seq: seq}
	}
	page := func(pairs ...gossip.ID) []gossip.ID {
		return append([]gossip.ID{name(2, 1, 1), name(4, 1, 9)}, pairs...)
	}
	for what, ids := range map[string][]gossip.ID{
		"nothing":             nil,
		"one end":             {firstName},
		"half a pair":         page(name(2, 1, 1)),
		"ends the wrong way":  {lastName, firstName},
		"an end that is none": {name(0, 0, 0), lastName},
		"an unknown state":    page(name(2, 1, 1), name(3, 1, 4)),
		"a strange second":    page(name(2, 1, 1), name(1, 2, 4)),
		"a backward stretch":  page(name(2, 1, 5), name(1, 1, 4)),
		"a name that is none": page(name(2, 1, 0), name(1, 1, 4)),
		"an endless stretch":  page(name(2, 1, 1), name(1, 1, math.MaxUint32)),
		"before the page":     page(name(1, 1, 1), name(1, 1, 4)),
		"behind the page":     page(name(4, 1, 1), name(1, 1, 10)),
		"the same twice":      page(name(2, 1, 1), name(1, 1, 4), name(2, 1, 4), name(1, 1, 5)),
		"out of order":        page(name(3, 1, 1), name(1, 1, 4), name(2, 1, 4), name(1, 1, 5)),
	} {
		if p, is := readPage(ids); is {
			t.Errorf("%s is read as %v", what, p)
		}
	}
	for what, ids := range map[string][]gossip.ID{
		"half a pair":        {firstName},
		"over two lives":     {name(1, 1, 1), name(1, 2, 3)},
		"over two origins":   {name(1, 1, 1), name(2, 1, 3)},
		"a backward stretch": {name(1, 1, 3), name(1, 1, 1)},
		"the same twice":     {name(1, 1, 3), name(1, 1, 4), name(1, 1, 4), name(1, 1, 4)},
	} {
		if w, is := readWants(ids); is {
			t.Errorf("%s is read as %v", what, w)
		}
	}
}
