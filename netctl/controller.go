package netctl

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/topology"
	"gossipctl/trace"
)

const (
	// tellTimeout bounds telling one node its peers. A node that is stopped or gone does not
	// answer; it is told again when it does.
	tellTimeout = 2 * time.Second
	// tellAtOnce bounds how many nodes are told at the same time.
	tellAtOnce = 64
	// settle is how long a change of state may wait for others before the file is written: a
	// thousand nodes killed at once are then written down once.
	settle = 50 * time.Millisecond
	// retell is how often nodes that could not be told their peers are tried again.
	retell = time.Second
	// wordLines at the end of a log tell most often why a process ended, and can still be read in one go.
	wordLines = 5
)

// controller owns the processes of one network.
type controller struct {
	dir       *store.Dir
	logs      *os.Root // the folder of logs in dir
	keys      keys
	log       *slog.Logger
	launch    *launcher
	shared    *http.Transport
	cores     int        // processors for each node; 0 = as many as there are
	recording *recording // nil: nothing is written down
	overlay   overlay    // the edges that nodes have chosen, where they do

	change sync.Mutex // held by whoever changes the network, one at a time

	mu       sync.Mutex
	state    State
	graph    *topology.Graph // of all nodes that were not removed
	children map[gossip.NodeID]*child
	joining  map[gossip.NodeID]*place // kept for nodes that are being started by hand
	began    map[gossip.NodeID]logSizes
	unbidden map[gossip.NodeID]bool            // have not been told what to do by themselves yet
	contacts map[gossip.NodeID][]gossip.NodeID // whom each node is given to begin with, where nodes find each other
	listed   string                            // what the list for discovery by file holds
	untold   map[gossip.NodeID]bool            // have not been told their peers yet
	unruled  map[gossip.NodeID]bool            // have not been told the faults in force yet
	// Nodes that have died since somebody last saw to those they leave behind; nobody does unless
	// Spec.Reconnect.
	orphaning []gossip.NodeID
	ending    bool
	kept      bool          // it was stopped, and its state says so
	resumed   bool          // it is a network that was there before
	dirty     chan struct{} // a token when the state file is behind
	sooner    chan struct{} // a token when a fault was set that ends by itself
}

func newController(dir *store.Dir, logs *os.Root, secret []byte, spec Spec, g *topology.Graph, log *slog.Logger) (*controller, error) {
	k, err := deriveKeys(secret)
	if err != nil {
		return nil, err
	}
	self, err := proc.Self()
	if err != nil {
		return nil, fmt.Errorf("identifying the controller: %w", err)
	}
	id := make([]byte, 8)
	rand.Read(id)
	c := &controller{
		dir: dir, logs: logs, keys: k, log: log, shared: api.NewTransport(),
		state:    State{FileVersion: StateVersion, NetworkID: hex.EncodeToString(id), Spec: spec, Controller: self},
		graph:    g,
		children: make(map[gossip.NodeID]*child),
		joining:  make(map[gossip.NodeID]*place),
		began:    make(map[gossip.NodeID]logSizes),
		contacts: make(map[gossip.NodeID][]gossip.NodeID),
		untold:   make(map[gossip.NodeID]bool),
		unruled:  make(map[gossip.NodeID]bool),
		unbidden: make(map[gossip.NodeID]bool),
		sooner:   make(chan struct{}, 1),
		dirty:    make(chan struct{}, 1),
	}
	if spec.Nodes > runtime.NumCPU() {
		c.cores = 1
	}
	c.launch, err = newLauncher(c.childBorn, c.childEnded)
	return c, err
}

// startAll forks every node and waits until each is ready. On error the caller ends what runs.
func (c *controller) startAll(ctx context.Context, ids []gossip.NodeID, listeners []*net.TCPListener, report func(done int)) error {
	if err := c.fork(ctx, ids, listeners, report); err != nil {
		return err
	}
	c.state.Started = time.Now()
	return nil
}

// fork starts nodes on bound listeners, which it closes, and waits until they are ready.
func (c *controller) fork(ctx context.Context, ids []gossip.NodeID, listeners []*net.TCPListener, report func(done int)) error {
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return limitError(err)
	}
	defer readyR.Close()
	defer readyW.Close()
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
	}()
	c.begin(ids)
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := c.forkOne(id, listeners[i], readyW); err != nil {
			e := limitError(err)
			e.Message = fmt.Sprintf("cannot start %s: %s; nothing was started", count(len(ids), "node"), e.Message)
			return e
		}
	}
	readyW.Close() // the nodes hold it now; when they have all let go of it, the pipe ends
	missing, err := awaitReady(ctx, readyR, ids, report)
	if len(missing) == 0 && err == nil {
		missing = c.ended(ids) // ready is not enough: some may have died of what came next
	}
	if len(missing) > 0 {
		return c.notReady(missing, err)
	}
	return err
}

// ended are those of ids whose processes have ended.
func (c *controller) ended(ids []gossip.NodeID) []gossip.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(ids), func(id gossip.NodeID) bool { return c.children[id] != nil })
}

func (c *controller) forkOne(id gossip.NodeID, listener *net.TCPListener, ready *os.File) error {
	stderr, err := c.logs.OpenFile(stderrName(id), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return &store.AccessError{Verb: "write", Path: filepath.Join(c.dir.Path(), logFolder, stderrName(id)), Err: err}
	}
	defer stderr.Close()
	sizes := sizesOf(c.logs, id)
	c.mu.Lock()
	c.began[id] = sizes
	c.mu.Unlock()
	cfg := c.configOf(id)
	cfg.Silent = true // remove-node has it say goodbye; who is started again does not leave
	return c.launch.start(cfg, listener, ready, stderr, c.cores)
}

// configOf is what a node is told at its next birth.
func (c *controller) configOf(id gossip.NodeID) api.NodeConfig {
	s := &c.state.Spec
	cfg := api.NodeConfig{
		Network: s.Network, NetworkID: c.state.NetworkID, ID: id, Run: c.nextRun(id), Seed: s.Seed,
		Protocol: s.Protocol, Settings: s.Settings, Peers: c.peersOf(id),
		ControlToken: c.keys.control, PeerToken: c.keys.peer, GuestToken: c.keys.guest,
		LogFile: filepath.Join(c.dir.Path(), logFolder, logName(id)), LogLevel: s.LogLevel,
		Capacity: s.Capacity, DropOldest: s.DropOldest, Latency: s.Latency, Rules: c.rules(),
		Workloads: c.workloads(id),
		Repair:    s.Repair, RepairEvery: s.RepairEvery,
		EventFile: c.eventFile(id),
		DataFile:  filepath.Join(c.dir.Path(), dataFolder, dataName(id)), Durable: s.Durable,
		ValuesEvery: s.ValuesEvery, ValuesKeep: s.ValuesKeep,
	}
	c.assemble(&cfg)
	return cfg
}

// notReady says why nodes did not become ready, in the words of the first of them.
func (c *controller) notReady(missing []gossip.NodeID, cause error) error {
	id := missing[0]
	what := c.howEnded(id, cause)
	if len(missing) > 1 {
		what += fmt.Sprintf(" (and %d more did not start)", len(missing)-1)
	}
	switch {
	case errors.Is(cause, errCancelled):
		return errCancelled
	case cause != nil:
		return api.NewError(api.CodeTimeout, fmt.Sprintf("node %d was not ready in time: %s; nothing was started", id, what), "give it longer with --timeout")
	}
	hint := "start with --retain to keep the logs"
	if c.resumed {
		hint = fmt.Sprintf("its logs stay in %s", filepath.Join(c.dir.Path(), logFolder))
		if strings.Contains(what, "cannot be restored") {
			hint = fmt.Sprintf("if %s cannot be mended, move it elsewhere and resume again: node %d then begins empty, and %s",
				filepath.Join(c.dir.Path(), dataFolder, dataName(id)), id, refill(&c.state.Spec))
		}
	}
	return api.NewError(api.CodeFailed, fmt.Sprintf("node %d did not start: %s; nothing was started", id, what), hint)
}

// refill says what becomes of messages that a node has lost and others have.
func refill(spec *Spec) string {
	if spec.Repairs() {
		return "its peers refill it by repair"
	}
	return "without repair its peers do not refill it"
}

// howEnded says in the words of a node why it did not become ready. Cause is why nobody waited any
// longer; nil when its pipe has ended.
func (c *controller) howEnded(id gossip.NodeID, cause error) string {
	c.mu.Lock()
	ch := c.children[id] // nil when its end has been noted
	c.mu.Unlock()
	if ch != nil && cause == nil { // its pipe has ended, so its exit is at hand
		select {
		case <-ch.gone:
		case <-time.After(stopGrace):
		}
	}
	c.mu.Lock()
	what := ""
	if n := c.state.node(id); n != nil {
		what = n.Exit
	}
	began := c.began[id]
	c.mu.Unlock()
	if what == "" {
		what = "it did not report in time"
	}
	if lines := lastWords(c.logs, id, wordLines, began); lines != "" {
		what += ": " + lines
	}
	return what
}

// nextRun is the number of a node's next life, from 1.
func (c *controller) nextRun(id gossip.NodeID) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.state.node(id); n != nil {
		return n.Run + 1
	}
	return 1
}

// childBorn notes that a node has a process.
func (c *controller) childBorn(ch *child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.children[ch.node] = ch
	if n := c.state.node(ch.node); n != nil { // it had a life before
		n.Run, n.Process, n.Exit, n.Ended, n.Contacts = ch.run, ch.id, "", nil, c.contacts[ch.node]
		return
	}
	c.state.Nodes = append(c.state.Nodes, NodeState{
		ID: ch.node, Run: ch.run, Process: ch.id, Peers: nodeIDs(c.graph.Peers(int(ch.node))), Contacts: c.contacts[ch.node],
	})
}

// childEnded notes the death of a node.
func (c *controller) childEnded(ch *child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.children[ch.node] != ch {
		return // it had given its place back
	}
	delete(c.children, ch.node)
	c.overlay.forget()
	if c.joining[ch.node] != nil { // it never got as far as being a node
		delete(c.joining, ch.node)
		return
	}
	n := c.state.node(ch.node)
	if n != nil && !c.ending {
		c.record(trace.Event{At: ch.exit.At, Kind: trace.Kill, Node: ch.node, Run: n.Run, Reason: ch.exit.What})
	}
	if n == nil || n.Removed || c.ending {
		return
	}
	n.Exit, n.Ended = ch.exit.What, &ch.exit.At
	if c.state.Spec.Reconnect {
		c.orphaning = append(c.orphaning, ch.node)
	}
	if n.Joined {
		c.guard(n.ID, c.state.addr(n.ID))
	}
	c.log.Warn("node ended", "node", ch.node, "how", ch.exit.What)
	c.touch()
}

// touch says that the state file is behind.
func (c *controller) touch() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

// save writes the state file.
func (c *controller) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending {
		return nil
	}
	if err := c.writeList(); err != nil {
		return err
	}
	return store.WriteState(c.dir, StateVersion, c.state)
}

// keep writes the state file when it is behind and tells nodes what they could not be told, until
// ctx ends.
func (c *controller) keep(ctx context.Context) {
	again := time.NewTicker(retell)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.dirty:
			pause := time.NewTimer(settle)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return
			}
			if err := c.settled(ctx); err != nil {
				c.log.Error("writing the state file", "error", err)
				c.touch()
			}
		case <-again.C:
			c.mu.Lock()
			waiting := len(c.untold)+len(c.unruled)+len(c.unbidden) > 0
			c.mu.Unlock()
			if waiting {
				c.change.Lock()
				c.tell(ctx, nil)
				c.tellFaults(ctx, nil)
				c.tellWorkloads(ctx, nil)
				c.change.Unlock()
			}
		}
	}
}

// settled writes down what has changed, once nothing more changes for a moment, and joins those whom
// dead nodes have left behind where that was asked for.
func (c *controller) settled(ctx context.Context) error {
	c.mu.Lock()
	orphans := len(c.orphaning) > 0
	c.mu.Unlock()
	if !orphans {
		return c.save()
	}
	c.change.Lock()
	defer c.change.Unlock()
	dead := c.unmended()
	if ctx.Err() != nil || len(dead) == 0 {
		return c.save()
	}
	change, err := c.mend(ctx, dead)
	c.log.Info("reconnected", "edges", fmt.Sprint(change.Joined))
	return err
}

// view is the network as it is now.
func (c *controller) view() View {
	c.mu.Lock()
	state := c.state
	state.Nodes = slices.Clone(c.state.Nodes)
	c.mu.Unlock()
	if state.Spec.Assembles() {
		c.chosen(&state)
	}
	return state.view(liveStatus)
}

// liveStatus looks at a node's process. A node is dead once its end has been noted, with how and
// when; in the moment before it still counts as running.
func liveStatus(n *NodeState) NodeStatus {
	switch {
	case n.Removed:
		return Removed
	case n.Ended != nil:
		return Dead
	}
	if p, err := proc.Open(n.Process); err == nil {
		defer p.Close()
		if p.State() == proc.Stopped {
			return Paused
		}
	}
	return Running
}

// stopAll ends every node and says how many had to be killed.
func (c *controller) stopAll() (stopped, killed int) {
	c.mu.Lock()
	c.ending = true
	c.launch.ending.Store(true)
	all := make([]*child, 0, len(c.children))
	for _, ch := range c.children {
		all = append(all, ch)
	}
	c.mu.Unlock()
	return len(all), c.launch.end(all)
}

// client asks a node.
func (c *controller) client(id gossip.NodeID) *api.Client {
	c.mu.Lock()
	addr := c.state.addr(id)
	c.mu.Unlock()
	return api.NewClient(c.shared, "http://"+addr, c.state.NetworkID, c.keys.control, fmt.Sprintf("node %d", id))
}

func (c *controller) peersOf(id gossip.NodeID) []api.Peer {
	peers := []api.Peer{}
	for _, p := range c.graph.Peers(int(id)) {
		peers = append(peers, api.Peer{ID: gossip.NodeID(p), Addr: c.state.addr(gossip.NodeID(p))})
	}
	return peers
}

func nodeIDs(list []int) []gossip.NodeID {
	ids := make([]gossip.NodeID, len(list))
	for i, v := range list {
		ids[i] = gossip.NodeID(v)
	}
	return ids
}
