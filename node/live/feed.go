package live

import (
	"bytes"
	"context"
	"sync/atomic"

	"gossipctl/gossip"
	"gossipctl/node"
)

// What a feed takes from the inbox at once. While the program is busy with a message, a feed holds
// back no more than that from an inbox that has to make room.
const (
	feedMessages = 64
	feedBytes    = 256 << 10 // one larger message, or as many small ones as feedMessages
)

// feed hands over what arrives, by the numbers of the inbox. The inbox is its only queue: a program
// that reads slowly is behind, and nothing waits for it.
type feed struct {
	messages chan gossip.Message // without a buffer, so that handed is what was read

	handed atomic.Uint64

	// Touched only while nothing else touches the node.
	fetched uint64 // number of the newest entry taken from the inbox, or missed
	missed  uint64
}

// Messages returns the channel of everything that is delivered at this node, in the order in which it
// came: each message once, those the node itself published included (their m.ID.Origin is
// [Node.ID]). There is one channel, and each message comes out of it once, whoever reads. It is closed
// when the node ends; what was not read by then is not handed over any more.
//
// The channel has no buffer, the inbox is one: a message waits there until it is read, and a program
// that reads slowly, or never, holds up neither the node nor its peers. Only when the inbox is full do
// messages go unread, and are counted: see RefuseWhenFull in [Options], and Pending and Missed in
// [Stats]. Reading from the channel marks nothing as read for clients of the HTTP API, nor do they
// take anything from it. Bodies are the reader's own.
func (n *Node) Messages() <-chan gossip.Message { return n.feed.messages }

// run feeds the channel until ctx ends, and closes it.
func (f *feed) run(ctx context.Context, a *Agent) {
	defer close(f.messages)
	for {
		var page []node.Entry
		err := a.Wait(ctx, func(n *node.Node) bool {
			page = f.fetch(n)
			return len(page) > 0
		})
		if err != nil {
			return
		}
		for i := range page {
			m := page[i].Message
			m.Body = bytes.Clone(m.Body) // the inbox's must not change: peers may be sent it later
			select {
			case f.messages <- m:
				f.handed.Add(1)
			case <-ctx.Done():
				return
			}
		}
	}
}

// fetch takes the next messages from the inbox.
func (f *feed) fetch(n *node.Node) []node.Entry {
	page, _ := n.Messages(node.Query{Status: node.All, Peek: true, After: f.fetched, Limit: feedMessages, Bytes: feedBytes})
	if len(page) > 0 {
		f.missed += page[0].Number - f.fetched - 1
		f.fetched = page[len(page)-1].Number
	}
	return page
}

// stand returns how many messages are still to be handed over, and how many never can be.
func (f *feed) stand(n *node.Node) (pending, missed uint64) {
	messages, _, last := n.Size()
	gone := last - uint64(messages) // number of the newest entry that is not in the inbox any more
	missed = f.missed + max(gone, f.fetched) - f.fetched
	return last - missed - f.handed.Load(), missed
}
