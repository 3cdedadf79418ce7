package live_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"gossipctl/gossip"
	"gossipctl/node/live"
	"gossipctl/protocol"
)

// Two nodes in one program: the second hears what the first publishes.
func ExampleStart() {
	ctx := context.Background()
	secret := make([]byte, 32)
	rand.Read(secret)

	start := func(id gossip.NodeID, peers ...live.Peer) *live.Node {
		env := protocol.Environment{Self: id, Rand: protocol.Generator(1, id)}
		flood, err := protocol.New("flood", env, nil)
		if err != nil {
			log.Fatal(err)
		}
		n, err := live.Start(ctx, live.Options{
			ID: id, Network: "fruit", Secret: secret,
			Protocol: flood, Discovery: live.Static(peers...),
		})
		if err != nil {
			log.Fatal(err)
		}
		return n
	}
	second := start(2)
	defer second.Close(ctx)
	first := start(1, live.Peer{Addr: second.Addr()})
	defer first.Close(ctx)

	if err := first.WaitPeers(ctx, 1); err != nil {
		log.Fatal(err)
	}
	if _, err := first.Publish(ctx, []byte("banana"), 0); err != nil {
		log.Fatal(err)
	}
	m := <-second.Messages()
	fmt.Printf("%s, from node %d\n", m.Body, m.ID.Origin)
	// Output: banana, from node 1
}
