// Package live runs nodes in real time. A node works in the process that [Child] makes of a program,
// and just as well inside any other Go program: that is what [Start] is for.
//
// # A node in a program
//
// A program names the node, hands it a protocol, and says where its peers come from:
//
//	env := protocol.Environment{Self: 1, Rand: protocol.Generator(seed, 1)}
//	flood, err := protocol.New("flood", env, nil)
//	…
//	n, err := live.Start(ctx, live.Options{
//		ID: 1, Network: "fruit", Secret: secret, Protocol: flood,
//		Discovery: live.Static(live.Peer{Addr: "127.0.0.1:7002"}),
//	})
//	…
//	defer n.Close(context.Background())
//	id, err := n.Publish(ctx, []byte("banana"), 0)
//	…
//	for m := range n.Messages() {
//		fmt.Printf("%v: %s\n", m.ID, m.Body)
//	}
//
// Any number of nodes may run in one program: nothing here is global. The folder examples/embed holds
// a whole program with a [Discovery] of its own.
//
// # Peers
//
// Peers are whom a node sends to. A [Discovery] supplies them and may change its mind at any time.
// Two nodes that should hear each other must each find the other. Until the first list has come, a
// node has nobody to send to, and with most protocols a message is sent once: programs that publish
// at once wait for [Node.WaitPeers].
//
// # Nodes that find each other
//
// A protocol with a membership around it (package layers makes such stacks) needs no list of peers. What its
// Discovery finds are contacts: nodes to begin with, of which one that answers is enough. The node comes to know the
// others by itself, chooses its peers among them, and notices who has left and who is dead: [Node.Members] tells.
// Close says goodbye. Such a protocol must know which life of the node it serves, so it is made by Options.Make.
//
//	maker, err := layers.New(layers.Spec{Protocol: "flood", Membership: "swim"})
//	…
//	n, err := live.Start(ctx, live.Options{
//		ID: 2, Network: "fruit", Secret: secret,
//		Discovery: live.Bootstrap(0, "127.0.0.1:7001"),
//		Make:      func(run uint32) (gossip.Protocol, error) { return maker.Make(seed, 2, run), nil },
//	})
//
// Besides [Static] and [Bootstrap] there are [Scan] over ranges of ports, [DNS] and [File], for nodes with a
// membership and without. Where the others listen is learned from contacts and from packets on links, whose senders
// have shown the token; what a node says of itself counts more than what others say of it, and nobody is moved away
// from where it was found as long as it lives. A link to a node that is no peer is closed when nothing has used it
// for 10 seconds.
//
// # What arrives
//
// Every message goes into the node's inbox, and from there, in the order in which it came, to the
// channel of [Node.Messages]. A program that reads slowly holds nobody up and loses nothing while
// the inbox has room; what it has missed after that is counted. See [Options] for the bounds.
//
// # Trust
//
// Whoever has the secret belongs to the network. Two tokens are derived from it ([Tokens]): every
// link between peers is opened with one of them, and a caller without it is refused and counted.
// The other opens the node's HTTP API, which is that of every node of gossipctl: the client of
// package node/api can ask an embedded node for paths, peers and counters.
//
// Nodes listen, and look for peers, on the loopback interface only. Whoever is asked for its number, and whoever a
// node with a membership calls, must first prove to know the token, by answering a challenge that tells nothing of
// it. Without a membership a token is shown to whoever listens at the address of a peer, so a Discovery that names
// numbers must not name addresses that others can take.
package live
