// Command gossipctl is a laboratory for gossip protocols: it starts networks of real node processes
// on this machine, spreads messages through them, and shows who got what, when and by which path.
package main

import (
	"os"

	"gossipctl/cmd"
)

func main() { os.Exit(cmd.Main()) }
