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
// Nodes listen, and look for peers, on the loopback interface only. A token is shown to whoever
// listens at the address of a peer, so a Discovery must not name addresses that others can take.
package live
