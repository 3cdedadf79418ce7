package live_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"gossipctl/gossip"
	"gossipctl/layers"
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

// Three nodes find each other: the second and the third know one address. Each then sees the others, and notices
// who leaves and who dies.
func ExampleBootstrap() {
	ctx := context.Background()
	secret := make([]byte, 32)
	rand.Read(secret)
	maker, err := layers.New(layers.Spec{Protocol: "flood", Membership: "swim"})
	if err != nil {
		log.Fatal(err)
	}

	start := func(id gossip.NodeID, contacts ...string) *live.Node {
		n, err := live.Start(ctx, live.Options{
			ID: id, Network: "fruit", Secret: secret, Discovery: live.Bootstrap(0, contacts...),
			Make: func(run uint32) (gossip.Protocol, error) { return maker.Make(1, id, run), nil },
		})
		if err != nil {
			log.Fatal(err)
		}
		return n
	}
	first := start(1)
	defer first.Close(ctx)
	second := start(2, first.Addr())
	defer second.Close(ctx)
	third := start(3, first.Addr())
	defer third.Close(ctx)

	if err := third.WaitMembers(ctx, 2); err != nil {
		log.Fatal(err)
	}
	for _, m := range third.Members() {
		fmt.Println("node", m.ID, "is", m.State)
	}
	// Output:
	// node 1 is alive
	// node 2 is alive
}
