package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
)

// MaxPeers is how many peers a node takes from its Discovery, unless its Options say otherwise: as
// many as the largest network that gossipctl starts has nodes.
const MaxPeers = 5000

// Options say what a node is. ID, Network, Secret and Protocol must be given.
type Options struct {
	// ID is the node's number in its network, from 1. No two nodes may have the same.
	ID gossip.NodeID
	// Run tells the lives of one node apart: it is part of the names of its messages, so it must grow
	// whenever a node with this ID is started anew. 0 takes it from the clock; the first message
	// then waits until no later start can get the same Run, a quarter of a second at most. Give one
	// of your own where the clock may be set back.
	Run uint32
	// Network is the network's name: 1 to 32 of a-z, 0-9 and -, and not - first. Nodes of other
	// networks are refused.
	Network string
	// Secret is what the nodes of the network share, and nobody else knows: MinSecret bytes or more.
	Secret []byte

	// Addr is where to listen: 127.0.0.1 or [::1], with a port. Empty means 127.0.0.1:0, any free port.
	Addr string
	// Listener takes the place of Addr when it is set. Start takes it over and closes it in any case.
	Listener net.Listener

	// Protocol decides who hears of what: one of package protocol, or your own. It serves this node
	// alone and must not be touched any more. None closes every gap that loss, partition or downtime
	// leaves, unless protocol.WithRepair is put around it: with Remember and RememberBytes the same as
	// Capacity and CapacityBytes here, and Refuse as RefuseWhenFull.
	//
	// One with a membership around it (package layers puts it there) makes the node find the others by itself and
	// choose its peers among them; see [Node.Members].
	Protocol gossip.Protocol
	// Make takes the place of Protocol when it is set: it makes the protocol of one life of the node, of which Start
	// says the number. What stands around a protocol must know that: a membership, and values.
	Make func(run uint32) (gossip.Protocol, error)
	// Discovery supplies the peers, or, to a node with a membership, its contacts: one node of the network that
	// answers will do. Without one the node has none, until it is told of some over its HTTP API.
	Discovery Discovery
	// MaxPeers is how many peers are taken from one list of the Discovery; 0 means [MaxPeers]. What a
	// longer list has beyond is refused and counted.
	MaxPeers int

	// Capacity is how many messages the inbox holds; 0 means 100,000, which of small ones are about
	// 70 MB. CapacityBytes bounds their bodies; 0 means 256 MiB.
	Capacity, CapacityBytes int
	// RefuseWhenFull decides what becomes of new messages when the inbox is full. Unless it is set,
	// the oldest make room, so that a node can run for ever; one that Messages had not handed over
	// by then counts as missed. If it is set, new ones are refused, whether their own program
	// publishes them ([ErrFull]) or peers send them, and count as dropped.
	RefuseWhenFull bool

	// Log is told of peers and failures, and at debug level of every packet; nil means nobody. No
	// message's body and no secret is ever logged.
	Log *slog.Logger
}

// check tells everything that is wrong with the options at once.
func (o *Options) check() error {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if o.ID < 1 {
		bad("ID must be 1 or more, not %d", o.ID)
	}
	if o.Run > gossip.MaxRun {
		bad("Run must be at most %d, not %d", gossip.MaxRun, o.Run)
	}
	if !isName(o.Network) {
		bad("Network %.40q must be 1 to %d of a-z, 0-9 and -, and not begin with -", o.Network, maxName)
	}
	if _, _, err := Tokens(o.Network, o.Secret); err != nil {
		wrong = append(wrong, err)
	}
	if o.Protocol == nil && o.Make == nil {
		bad("Protocol is missing")
	}
	if o.Protocol != nil && o.Make != nil {
		bad("Protocol and Make cannot both be given")
	}
	if o.MaxPeers < 0 || o.Capacity < 0 || o.CapacityBytes < 0 {
		bad("MaxPeers, Capacity and CapacityBytes must not be negative")
	}
	return errors.Join(wrong...)
}

// maxName is the length of the longest name of a network.
const maxName = 32

// isName reports whether a network may be called so. A name stands in headers and on terminals.
func isName(name string) bool {
	ok := name != "" && len(name) <= maxName && name[0] != '-'
	for i := range len(name) {
		c := name[i]
		ok = ok && ('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-')
	}
	return ok
}

// listen returns where the node listens.
func (o *Options) listen(ctx context.Context) (net.Listener, error) {
	if o.Listener != nil {
		return o.Listener, checkHome(o.Listener.Addr().String())
	}
	addr := cmp.Or(o.Addr, "127.0.0.1:0")
	if err := checkHome(addr); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", addr)
}

// checkHome refuses addresses under which the guards would answer nobody: they know these two alone.
func checkHome(addr string) error {
	at, err := netip.ParseAddrPort(addr)
	if err != nil || at.Addr() != netip.IPv6Loopback() && at.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		return fmt.Errorf("a node listens on 127.0.0.1 or [::1] and a port, not on %q", addr)
	}
	return nil
}

// node returns the options as those of the node within.
func (o *Options) node(run uint32, log *slog.Logger) node.Config {
	return node.Config{
		ID: o.ID, Run: run, Protocol: o.Protocol,
		Capacity: o.Capacity, CapacityBytes: o.CapacityBytes, DropOldest: !o.RefuseWhenFull,
		Events: log.Enabled(context.Background(), slog.LevelDebug),
	}
}

// A Run taken from the clock counts pieces of this length. A name has 30 bits for it, which last
// from 2025 until 2033.
const runLength = 250 * time.Millisecond

// clockRun returns the run of a node that starts now, and the moment after which no other start
// gets the same.
func clockRun(now time.Time) (run uint32, over time.Time, err error) {
	since := now.Sub(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	n := int64(since/runLength) + 1
	if since < 0 || n > gossip.MaxRun {
		return 0, over, fmt.Errorf("the clock says %v, which makes no Run: give one", now.Format(time.DateTime))
	}
	return uint32(n), now.Add(runLength - since%runLength), nil
}
