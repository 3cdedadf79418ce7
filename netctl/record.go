package netctl

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/netctl/store"
	"gossipctl/protocol"
	"gossipctl/trace"
)

// maxControlLog bounds what a controller writes down: half a million faults and deaths of nodes.
const maxControlLog = 64 << 20

// maxManifest bounds run.json, which has some words about each node.
const maxManifest = 16 << 20

// recording is what a controller writes down about a run: what was done to the network and its nodes, in
// events/controller.ndjson, and what the run is judged by, in run.json. A nil one writes nothing.
type recording struct {
	mu       sync.Mutex
	file     *os.File
	size     int64
	lines    uint64
	cut      bool // no more is written, and the log says so
	paused   map[gossip.NodeID]bool
	manifest check.Manifest
}

// beginRecord begins the recording of a network, if that was asked for.
func (c *controller) beginRecord(o *order) error {
	if !o.Spec.Record {
		return nil
	}
	events, err := c.dir.Subfolder(check.EventsFolder)
	if err != nil {
		return storeError(err)
	}
	defer events.Close()
	f, err := events.OpenFile(check.ControllerName, os.O_CREATE|os.O_APPEND|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return storeError(&store.AccessError{Verb: "write", Path: filepath.Join(c.dir.Path(), check.EventsFolder, check.ControllerName), Err: err})
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("looking at the event log: %w", err)
	}
	lines, err := trace.CountLog(io.LimitReader(f, maxControlLog+1))
	if err != nil {
		f.Close()
		return fmt.Errorf("reading the event log: %w", err)
	}
	spec, err := json.Marshal(o.Spec)
	if err != nil {
		f.Close()
		return fmt.Errorf("encoding the spec: %w", err)
	}
	c.recording = &recording{file: f, size: info.Size(), lines: lines, paused: make(map[gossip.NodeID]bool), manifest: check.Manifest{
		FileVersion: check.ManifestVersion, Version: o.Version, Command: slices.Concat([]string{}, o.Command), Seed: o.Spec.Seed, Started: time.Now().UTC(), Spec: spec,
		Conditions: check.Conditions{
			Durable: o.Spec.Durable, DropOldest: o.Spec.DropOldest, Order: check.NoOrder, Controlled: true,
			Work: max(check.DefaultWork, 4*meanDegree(o)) * float64(max(relaysOf(&o.Spec), 1)), // four times what flooding costs
		},
	}}
	// A network that is brought back goes on with the run that was begun.
	if before, err := c.dir.ReadBounded(check.ManifestName, maxManifest); err == nil {
		var m check.Manifest
		if json.Unmarshal(before, &m) == nil && len(m.Command) > 0 {
			now := &c.recording.manifest
			now.Version, now.Command, now.Started = m.Version, m.Command, m.Started
		}
	}
	if way := o.Spec.Repair; way != "" && way != protocol.RepairNone { // else nobody promises when all agree
		every := cmp.Or(o.Spec.RepairEvery, protocol.RepairEvery)
		c.recording.manifest.Conditions.Converge = max(check.DefaultConverge(o.Spec.Nodes), 10*every)
	}
	if err := o.Spec.promised(&c.recording.manifest.Conditions); err != nil {
		c.recording = nil
		f.Close()
		return err
	}
	c.record(trace.Event{Kind: trace.Start})
	return nil
}

// promised puts into conditions what the network promises of who is there and of values.
func (s *Spec) promised(c *check.Conditions) error {
	spec := layers.Spec{Membership: s.Membership, MembershipSettings: s.MembershipSettings, Assembles: s.Assembles(), ValuesEvery: s.ValuesEvery}
	p, err := spec.Promise(s.Nodes)
	if err != nil {
		return fmt.Errorf("what the network promises of its members: %w", err)
	}
	c.Membership, c.DeadWithin, c.AliveWithin = p.Membership, p.DeadWithin, p.AliveWithin
	c.ValuesWithin = max(check.DefaultConverge(s.Nodes), p.ValuesRounds)
	return nil
}

func meanDegree(o *order) float64 {
	if o.Spec.Assembles() {
		return float64(o.Spec.chosenDegree())
	}
	return 2 * float64(len(o.Edges)) / float64(max(o.Spec.Nodes, 1))
}

// eventFile is where a node writes its events; empty: it does not.
func (c *controller) eventFile(id gossip.NodeID) string {
	if c.recording == nil {
		return ""
	}
	return filepath.Join(c.dir.Path(), check.EventsFolder, check.NodeLog(id))
}

// record writes down something that is about to be done to the network or a node, or that has happened to
// one; a pause or a resumption of what is so already is none. It may be called with or without c.mu.
func (c *controller) record(e trace.Event) {
	r := c.recording
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case trace.Pause:
		if r.paused[e.Node] {
			return
		}
		r.paused[e.Node] = true
	case trace.Resume:
		if !r.paused[e.Node] {
			return
		}
		delete(r.paused, e.Node)
	case trace.Kill:
		delete(r.paused, e.Node)
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if r.cut {
		return
	}
	if e.Kind == trace.End {
		e.Count = r.lines // whoever reads the log can tell whether all are there
	}
	line := append(trace.AppendJSON(nil, &e), '\n')
	err := r.write(line)
	if err == nil {
		return
	}
	// A log with a gap proves nothing. That nothing follows has to be said in it, or the end of the run
	// is missing in it, which says the same.
	c.log.Error("what is done to the network is not written down any more", "error", err)
	r.cut = true
	r.write(append(trace.AppendJSON(nil, &trace.Event{At: e.At, Kind: trace.Cut, Reason: err.Error()}), '\n'))
}

var errControlLog = fmt.Errorf("the log has reached its bound of %d MB", maxControlLog>>20)

// write appends a line, or leaves the log as it was.
func (r *recording) write(line []byte) error {
	if r.size+int64(len(line)) > maxControlLog && !r.cut {
		return errControlLog
	}
	n, err := r.file.Write(line)
	if err != nil {
		return errors.Join(err, r.file.Truncate(r.size))
	}
	r.size += int64(n)
	r.lines++
	return nil
}

// note brings run.json up to date: with the nodes there are, and, after a final read, with the parts into
// which those that live have fallen. It is called without c.mu.
func (c *controller) note(parts [][]int) error {
	r := c.recording
	if r == nil {
		return nil
	}
	var nodes []gossip.NodeID
	runs := make(map[gossip.NodeID]uint32)
	c.mu.Lock()
	for _, n := range c.state.Nodes {
		nodes = append(nodes, n.ID)
		if n.Run > 1 {
			runs[n.ID] = n.Run
		}
	}
	c.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	conditions := &r.manifest.Conditions
	conditions.Nodes, conditions.Runs, conditions.Parts = nodes, runs, nil
	spec := c.state.Spec
	spec.Nodes = max(spec.Nodes, len(nodes)) // with those that were added: news takes longer among more
	if err := spec.promised(conditions); err != nil {
		return err
	}
	if len(parts) > 1 {
		for _, part := range parts {
			conditions.Parts = append(conditions.Parts, nodeIDs(part))
		}
	}
	data, err := json.MarshalIndent(&r.manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", check.ManifestName, err)
	}
	return storeError(c.dir.WriteAtomic(check.ManifestName, append(data, '\n'), 0o600))
}

// endRecord ends the recording with the network.
func (c *controller) endRecord() {
	if c.recording == nil {
		return
	}
	c.record(trace.Event{Kind: trace.Stop})
	r := c.recording
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	if err := errors.Join(r.file.Sync(), r.file.Close()); err != nil {
		c.log.Error("closing the event log", "error", err)
	}
}
