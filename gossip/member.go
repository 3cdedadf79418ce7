package gossip

import "time"

// Standing is how a member stands in somebody's view.
type Standing uint8

// What a member can be. Of two statements about the same incarnation of the same life the later one here counts.
const (
	Alive   Standing = iota
	Suspect          // does not answer, and may still prove that it lives
	Dead             // did not prove it in time
	Left             // has said goodbye
)

var standings = [...]string{"alive", "suspect", "dead", "left"}

func (s Standing) String() string {
	if int(s) < len(standings) {
		return standings[s]
	}
	return "?"
}

// Member is one node as another one sees it.
type Member struct {
	Node        NodeID
	Run         uint32 // which life of it
	Incarnation uint32 // which of its own statements about that life, from 0
	Standing    Standing
	Since       time.Time // when the view became so
}

// Membership is a protocol that finds out who is there, and stands around another that it tells its peers. What
// Peers hands it are contacts: nodes to begin with. There may be more of them at any time, and fewer; nobody is
// forgotten because they go.
type Membership interface {
	Protocol
	// Members is the node's own view of everybody else it knows of, those that are dead or have left included,
	// sorted by number.
	Members() []Member
	// Neighbours are the peers of the protocol within.
	Neighbours() Peers
	// Leave says goodbye. Afterwards the node takes part in nothing any more.
	Leave(now time.Time, out *Outbox)
}

// Layer is a protocol that stands around another one.
type Layer interface {
	Protocol
	Under() Protocol
}

// Find returns the first protocol of type T in a stack of layers, from the outside.
func Find[T Protocol](p Protocol) (found T, is bool) {
	for p != nil {
		if found, is = p.(T); is {
			return found, true
		}
		layer, more := p.(Layer)
		if !more {
			break
		}
		p = layer.Under()
	}
	return found, false
}

// Applied is a change of a node's picture of all values, its own included.
type Applied struct {
	ID         ID // of the update, see [UpdateID]
	Key        string
	Value      []byte // lent
	Deleted    bool   // the value is gone
	Reconciled bool   // it came by reconciliation, and not by the protocol
	// Vanished says that no update says so: ID names the one that is not there any more. Its owner has begun a new
	// life without it, or has deleted it so long ago that nobody has kept the mark.
	Vanished bool
}
