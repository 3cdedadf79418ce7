// Command embed is a chat between programs: each runs a gossip node inside itself, finds the others in
// a folder, publishes the lines of its standard input, and prints what the others publish.
//
//	mkdir -m 700 peers; head -c 32 /dev/urandom > secret
//	go run ./examples/embed -id 1    # and -id 2, -id 3 … in other terminals
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"

	"gossipctl/gossip"
	"gossipctl/node/live"
	"gossipctl/protocol"
)

func main() {
	id := flag.Int("id", 1, "number of this node; no two may have the same")
	peers := flag.String("peers", "peers", "folder where the nodes find each other; nobody else may write to it")
	secret := flag.String("secret", "secret", "file with 16 bytes or more that all nodes share")
	flag.Parse()
	if err := chat(gossip.NodeID(*id), folder(*peers), *secret); err != nil {
		log.Fatal(err)
	}
}

func chat(id gossip.NodeID, peers folder, secretFile string) error {
	secret, err := os.ReadFile(secretFile)
	if err != nil {
		return err
	}
	env := protocol.Environment{Self: id, Rand: protocol.Generator(rand.Uint64(), id)}
	flood, err := protocol.New("flood", env, nil)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	n, err := live.Start(ctx, live.Options{ID: id, Network: "chat", Secret: secret, Protocol: flood, Discovery: peers})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "node %d listens on %s\n", n.ID(), n.Addr())
	go func() { // ends with the program: nothing else ends the wait for a line
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			if _, err := n.Publish(ctx, lines.Bytes(), 0); err != nil {
				log.Print(err)
			}
		}
		if err := lines.Err(); err != nil {
			log.Print(err)
		}
	}()
	for m := range n.Messages() { // until Ctrl-C
		if m.ID.Origin != n.ID() {
			fmt.Printf("%d: %q\n", m.ID.Origin, m.Body)
		}
	}
	return n.Close(context.Background())
}
