package netctl

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"reflect"
	"slices"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/topology"
	"gossipctl/trace"
)

// Paces of a final read.
const (
	// restPoll is the pause between two looks at whether anything still happens.
	restPoll = 20 * time.Millisecond
	// restTime is how long the network may take to come to rest. Nodes start nothing of their own
	// meanwhile, so it takes as long as packets are under way: milliseconds, or the latency that was asked
	// for. What stands still for stuckTime is at rest, whatever the accounts say.
	restTime  = 15 * time.Second
	stuckTime = 2 * time.Second
)

// FinalRequest asks for the final read of a network.
type FinalRequest struct{}

// Final is what a final read has found: every node that lives has written down what it has and what it
// counted, at a moment at which nothing was on its way.
type Final struct {
	Nodes  []gossip.NodeID `json:"nodes"`  // that were read
	Parts  [][]int         `json:"parts"`  // into which they fall, when they do not hang together
	Events uint64          `json:"events"` // that they have written down in this life
	Lost   uint64          `json:"lost"`   // of them, those that could not be
	Logs   []LogSize       `json:"logs"`   // how long the logs were at the end of it
}

// LogSize is the length of a log at the moment of a final read: what follows is not part of it.
type LogSize struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// final reads the network for the last time. Its nodes go on afterwards.
func (c *controller) final(ctx context.Context, _ FinalRequest) (Final, error) {
	c.change.Lock()
	defer c.change.Unlock()
	out := Final{Nodes: []gossip.NodeID{}, Parts: [][]int{}, Logs: []LogSize{}}
	if c.recording == nil {
		return out, api.NewError(api.CodeNotFound, fmt.Sprintf("network %q does not record what happens: there is no run to look at", c.state.Spec.Network), "start it with gossipctl start-network --record")
	}
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	answers, err := c.readAll(ctx)
	if err != nil {
		return out, err
	}
	g := c.liveGraph()
	for _, id := range g.Nodes() {
		if !slices.ContainsFunc(answers, func(a api.FinalAnswer) bool { return int(a.Node) == id }) {
			g.RemoveNode(id) // it is paused, and passes nothing on
		}
	}
	lines := uint64(0)
	for _, a := range answers {
		out.Nodes = append(out.Nodes, a.Node)
		out.Events += a.Events
		out.Lost += a.Lost
		lines += a.Lines
		out.Logs = append(out.Logs, LogSize{check.NodeLog(a.Node), a.Bytes})
	}
	// That nodes hang together which find each other is their own business.
	if parts := topology.Components(g); len(parts) > 1 && !c.state.Spec.Assembles() {
		out.Parts = parts
	}
	if err := c.note(out.Parts); err != nil {
		return out, err
	}
	c.record(trace.Event{Kind: trace.End, Counts: map[string]uint64{trace.CountNodes: uint64(len(answers)), trace.CountLines: lines}})
	c.recording.mu.Lock()
	out.Logs = append(out.Logs, LogSize{check.ControllerName, c.recording.size})
	c.recording.mu.Unlock()
	return out, nil
}

// readAll waits until the network is at rest, and has every node that lives write down how it stands.
func (c *controller) readAll(ctx context.Context) ([]api.FinalAnswer, error) {
	defer c.sweep(context.WithoutCancel(ctx), api.FinalRequest{Hold: 1}) // let them go on
	tick := time.NewTicker(restPoll)
	defer tick.Stop()
	var before []api.FinalAnswer
	var since time.Time // when the last thing was seen to happen
	var last error
	for {
		now, err := c.sweep(ctx, api.FinalRequest{Hold: api.MaxHold})
		switch {
		case ctx.Err() != nil:
		case err != nil:
			before, last = nil, err
		case before == nil || !same(before, now):
			before, since = now, time.Now()
		case settled(now) || time.Since(since) > stuckTime:
			written, err := c.sweep(ctx, api.FinalRequest{Hold: api.MaxHold, Write: true})
			if err == nil && same(now, written) {
				// Between this look and the one before nothing has happened, so all that was written is
				// about one moment.
				if after, err := c.sweep(ctx, api.FinalRequest{Hold: api.MaxHold}); err == nil && same(now, after) {
					return written, nil
				}
			}
			before, last = nil, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if last != nil {
				return nil, last
			}
			return nil, api.NewError(api.CodeTimeout, "the network did not come to rest: there was no final read", "stop sending messages, or try again later")
		}
	}
}

// sweep asks every node that lives, and notes which do not because they are paused.
func (c *controller) sweep(ctx context.Context, req api.FinalRequest) ([]api.FinalAnswer, error) {
	c.mu.Lock()
	nodes := make([]NodeState, 0, len(c.state.Nodes))
	for _, n := range c.state.Nodes {
		if !n.Removed && n.Ended == nil {
			nodes = append(nodes, n)
		}
	}
	c.mu.Unlock()
	var live []gossip.NodeID
	for i := range nodes {
		n := &nodes[i]
		e := trace.Event{Kind: trace.Pause, Node: n.ID, Run: n.Run}
		if liveStatus(n) != Paused { // somebody else may have sent the signal, either of them
			live = append(live, n.ID)
			e.Kind = trace.Resume
		}
		c.record(e)
	}
	answers, errs := Each(live, func(id gossip.NodeID) (api.FinalAnswer, error) {
		ctx, cancel := context.WithTimeout(ctx, tellTimeout)
		defer cancel()
		return c.client(id).Final(ctx, req)
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// same reports whether nothing has happened between two looks.
func same(a, b []api.FinalAnswer) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		x.Bytes, y.Bytes, x.Lines, y.Lines, x.Lost, y.Lost, x.Why, y.Why = 0, 0, 0, 0, 0, 0, "", "" // which a final read itself changes
		if !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

// settled reports whether everything that was sent from one live node to another has arrived.
func settled(answers []api.FinalAnswer) bool {
	type end struct{ from, to gossip.NodeID }
	run := make(map[gossip.NodeID]uint32, len(answers))
	heard := make(map[end]uint64)
	for _, a := range answers {
		run[a.Node] = a.Run
	}
	for _, a := range answers {
		for _, h := range a.Heard {
			if run[h.Peer] == h.Run {
				heard[end{h.Peer, a.Node}] = h.Received + h.Corrupt
			}
		}
	}
	for _, a := range answers {
		for _, l := range a.Sent {
			if life, live := run[l.Peer]; live && (l.InFlight > 0 || life == l.Run && l.Passed != heard[end{a.Node, l.Peer}]) {
				return false
			}
		}
	}
	return true
}

// Final has every node that lives write down what it has and what it counted, once nothing is on its way
// any more. It is an error of its own when the network does not record what happens.
func (n *Network) Final(ctx context.Context) (Final, error) {
	var out Final
	if err := n.needsController(); err != nil {
		return out, err
	}
	if err := n.controller().Do(ctx, http.MethodPost, "/v1/final", FinalRequest{}, &out); err != nil {
		return out, n.Explain(err)
	}
	return out, nil
}

// Recorded reports whether the network writes down what happens.
func (n *Network) Recorded() bool { return n.state.Spec.Record }

// Run opens what the network has written down: run.json, events and logs. With what a final read
// returned, no event after it is seen. The caller closes it.
func (n *Network) Run(read Final) (*Run, error) {
	root, err := os.OpenRoot(n.dir.Path())
	if err != nil {
		return nil, fmt.Errorf("opening the run: %w", err)
	}
	r := &Run{root: root, until: make(map[string]int64, len(read.Logs))}
	for _, l := range read.Logs {
		r.until[path.Join(check.EventsFolder, l.Name)] = l.Bytes
	}
	return r, nil
}

// Run is the folder of a recorded run, for reading. It shows run.json, events and logs, and nothing else
// of the state folder: there is a secret in it.
type Run struct {
	root  *os.Root
	until map[string]int64 // of a file that grows, what is to be seen of it
}

// Close lets go of the folder.
func (r *Run) Close() error { return r.root.Close() }

// shown are the names at the top of a run.
func shown(name string) bool {
	first := name
	for i := range len(name) {
		if name[i] == '/' {
			first = name[:i]
			break
		}
	}
	return name == check.ManifestName || first == check.EventsFolder || first == logFolder
}

// Open implements fs.FS.
func (r *Run) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) || !shown(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f, err := openRegular(r.root, name)
	if err != nil {
		return nil, err
	}
	if end, grows := r.until[name]; grows {
		return &ended{f, io.LimitReader(f, end), end}, nil
	}
	return f, nil
}

// ended is a file that seems to have stopped growing.
type ended struct {
	*os.File
	rest io.Reader
	size int64
}

func (e *ended) Read(p []byte) (int, error) { return e.rest.Read(p) }

func (e *ended) Stat() (fs.FileInfo, error) {
	info, err := e.File.Stat()
	if err != nil {
		return nil, err
	}
	return sized{info, min(e.size, info.Size())}, nil
}

type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }
