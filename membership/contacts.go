package membership

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// contact is a node that somebody has told of and that has not been heard of since.
type contact struct {
	node  gossip.NodeID
	at    int64 // when it is asked next
	pause time.Duration
}

const (
	// contactsAtOnce is how many are asked at once: one that answers knows all others in most networks.
	contactsAtOnce = 3
	// contactPause is the longest pause before one is asked again: a node that is started half a minute after those
	// that wait for it is what people see as joining soon.
	contactPause = 30 * time.Second
)

// meet takes in contacts: those that are not known are asked for their view. Nobody is forgotten because they go;
// only those that are no contacts any more and were never heard of are asked no more.
func (c *core) meet(now time.Time, contacts gossip.Peers, out *gossip.Outbox) {
	c.given = contacts
	c.contacts = slices.DeleteFunc(c.contacts, func(k contact) bool { return !contacts.Has(k.node) })
	for _, id := range contacts.All() {
		at, is := c.contactAt(id)
		if is || id == c.me.node || id < 1 || len(c.contacts) >= MaxMembers {
			continue
		}
		if m := c.find(id); m == nil || !m.here() {
			c.contacts = slices.Insert(c.contacts, at, contact{node: id, pause: c.gossip})
		}
	}
	c.askAgain(now, out)
}

func (c *core) contactAt(id gossip.NodeID) (int, bool) {
	return slices.BinarySearchFunc(c.contacts, id, func(k contact, id gossip.NodeID) int { return int(k.node) - int(id) })
}

// heard is told of who sends: it is a contact no more, but a member.
func (c *core) heard(id gossip.NodeID) {
	if at, is := c.contactAt(id); is {
		c.contacts = slices.Delete(c.contacts, at, at+1)
	}
}

// miss is told of a member that has gone. If it is one of the contacts, it is asked now and then, also when it has left:
// its next life may be the contact of others, and would otherwise begin a network of its own with them.
func (c *core) miss(now time.Time, id gossip.NodeID, out *gossip.Outbox) {
	at, is := c.contactAt(id)
	if is || !c.given.Has(id) {
		return
	}
	due := now.UnixNano() + int64(contactPause)
	c.contacts = slices.Insert(c.contacts, at, contact{node: id, at: due, pause: contactPause})
	if !c.agenda.wants(askContacts) {
		c.agenda.set(askContacts, due, now, out)
	}
}

// askAgain asks a few of the contacts whose time has come, each less and less often.
func (c *core) askAgain(now time.Time, out *gossip.Outbox) {
	c.contacts = slices.DeleteFunc(c.contacts, func(k contact) bool {
		m := c.find(k.node)
		return m != nil && m.here() // others have told of it: it is a member
	})
	if len(c.contacts) == 0 {
		c.agenda.clear(askContacts)
		return
	}
	at := now.UnixNano()
	c.drawn = sample(c.env.Rand.IntN, len(c.contacts), contactsAtOnce, func(i int) bool { return c.contacts[i].at <= at }, c.drawn[:0])
	for _, i := range c.drawn {
		k := &c.contacts[i]
		k.at = at + int64(k.pause)
		k.pause = min(2*k.pause, max(contactPause, c.gossip))
		c.ask(k.node, 1, out)
	}
	first := c.contacts[0].at
	for _, k := range c.contacts {
		first = min(first, k.at)
	}
	c.agenda.set(askContacts, max(first, at+int64(c.gossip)), now, out)
}
