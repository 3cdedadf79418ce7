package protocol

import "gossipctl/gossip"

// memory keeps what a protocol knows of each message, under the message's name and in the order in
// which the messages came. It is made for both ends of the scale: a node that heard nothing allocates
// nothing, because there may be ten million of them, and a node in a burst finds each of a hundred
// thousand at once. The zero value is empty.
type memory[T any] struct {
	items []item[T] // oldest first; those before head are gone
	*index
}

// index is what only a memory of more than a few messages needs, and one that has forgotten some.
type index struct {
	head      int
	dropped   uint64 // how many were taken out, ever
	numbers   *gossip.IDMap
	forgotten *gossip.IDSet // the names of those taken out
}

type item[T any] struct {
	id    gossip.ID
	value T
}

// scanned is up to how many items are found by looking through them; more are looked up.
const scanned = 8

// len is how many messages it keeps.
func (m *memory[T]) len() int { return len(m.items) - m.begin() }

// begin is the place of the oldest.
func (m *memory[T]) begin() int {
	if m.index == nil {
		return 0
	}
	return m.head
}

// find returns what is known of a message, or nil. It stays where it is until the next learn.
func (m *memory[T]) find(id gossip.ID) *T {
	if m.index != nil && m.numbers != nil {
		if number := m.numbers.Get(id); number > 0 {
			_, value := m.at(number)
			return value
		}
		return nil
	}
	for i := m.begin(); i < len(m.items); i++ {
		if m.items[i].id == id {
			return &m.items[i].value
		}
	}
	return nil
}

// forgot reports whether a message was taken out again.
func (m *memory[T]) forgot(id gossip.ID) bool {
	return m.index != nil && m.forgotten != nil && m.forgotten.Has(id)
}

// learn makes a place for a message that is neither known nor forgotten. When there are most already,
// the oldest is forgotten. The value is the caller's to fill in.
func (m *memory[T]) learn(id gossip.ID, most int) *T {
	for m.len() >= most {
		m.forget()
	}
	if head := m.begin(); head > 0 && head >= len(m.items)/2 {
		kept := copy(m.items, m.items[head:])
		clear(m.items[kept:])
		m.items, m.head = m.items[:kept], 0
	}
	m.items = append(m.items, item[T]{id: id})
	if m.index != nil && m.numbers != nil {
		m.numbers.Set(id, m.last())
	} else if m.len() > scanned {
		m.more().numbers = new(gossip.IDMap)
		for number := m.first(); number <= m.last(); number++ {
			known, _ := m.at(number)
			m.numbers.Set(known, number)
		}
	}
	return &m.items[len(m.items)-1].value
}

// more makes the index.
func (m *memory[T]) more() *index {
	if m.index == nil {
		m.index = new(index)
	}
	return m.index
}

// forget takes the oldest out, and remembers its name.
func (m *memory[T]) forget() {
	m.more()
	oldest := &m.items[m.head]
	if m.forgotten == nil {
		m.forgotten = new(gossip.IDSet)
	}
	m.forgotten.Add(oldest.id)
	if m.numbers != nil {
		m.numbers.Delete(oldest.id)
	}
	*oldest = item[T]{}
	m.head++
	m.dropped++
}

// first and last are the numbers of the oldest and the newest message, which count from 1 as they
// come and never change. With an empty memory first is above last.
func (m *memory[T]) first() uint64 {
	if m.index == nil {
		return 1
	}
	return m.dropped + 1
}

func (m *memory[T]) last() uint64 {
	if m.index == nil {
		return uint64(len(m.items))
	}
	return m.dropped + uint64(len(m.items)-m.head)
}

// at returns the message of a number from first to last.
func (m *memory[T]) at(number uint64) (gossip.ID, *T) {
	it := &m.items[m.begin()+int(number-m.first())]
	return it.id, &it.value
}
