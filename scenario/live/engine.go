// Package live carries out scenarios on real processes: in a network of its own, with a state folder of
// its own, which is ended whatever happens.
package live

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/scenario"
	"gossipctl/trace"
)

const (
	// name is that of the network: its state folder is its own, so it meets no other.
	name = "scenario"
	// publishTime is how long a node may take to accept a message. One with a slow disk takes
	// milliseconds; one that just died takes none.
	publishTime = 5 * time.Second
	// endTime is how long everything may take to end: the grace of processes and a bit.
	endTime = 15 * time.Second
	// finalTime is longer than the network may take to come to rest.
	finalTime = 30 * time.Second
	// portTries is how often another block of ports is tried.
	portTries = 30
)

// Engine is a network of processes. It implements [scenario.Engine].
type Engine struct {
	// StartTime is how long the network may take to start; 0 = netctl.DefaultTimeout.
	StartTime time.Duration
	// BasePort is the controller's port, node k has BasePort + k; 0: a free block is looked for.
	BasePort int
	// Command and Version are written into the record of the run. May be empty.
	Command []string
	Version string
	// Note is told what a person should know. May be nil.
	Note func(string)

	folder  string
	plan    *scenario.Plan
	tell    func(*trace.Event)
	started *netctl.Started
	net     *netctl.Network
	began   time.Time
	run     *netctl.Run
	ended   bool
}

// Name is live.
func (e *Engine) Name() string { return "live" }

// Start starts the network.
func (e *Engine) Start(ctx context.Context, p *scenario.Plan, tell func(*trace.Event)) error {
	folder, err := os.MkdirTemp("", "gossipctl-scenario-")
	if err != nil {
		return fmt.Errorf("making a folder for the network: %w", err)
	}
	e.folder, e.plan, e.tell = folder, p, tell
	n := &p.Network
	spec := netctl.Spec{
		Network: name, Topology: n.Topology, Parameter: n.Parameter, Nodes: n.Nodes, Seed: p.Seed, Protocol: n.Protocol, Settings: n.Set, BasePort: e.BasePort,
		Latency: n.Latency, Repair: n.Repair, RepairEvery: n.RepairEvery, Durable: n.Durable, Record: true, Reconnect: n.Reconnect,
		Membership: n.Membership, MembershipSettings: n.MembershipSet, ValuesEvery: n.ValuesEvery, ValuesKeep: n.ValuesKeep,
	}
	if n.Discovery == api.DiscoverBootstrap {
		spec.Topology, spec.Parameter, spec.Discovery, spec.Contacts = netctl.TopologyBootstrap, 0, n.Discovery, n.Contacts
	}
	opts := netctl.StartOptions{Root: folder, Timeout: e.StartTime, Foreground: true, Version: e.Version, Command: e.Command, Note: func(string) {}, Progress: func(int) {}}
	if opts.Timeout == 0 {
		opts.Timeout = netctl.DefaultTimeout
	}
	for try := 1; ; try++ {
		if e.BasePort == 0 {
			spec.BasePort = somePort(n.Nodes)
		}
		e.started, err = netctl.Start(ctx, spec, opts)
		if err == nil {
			break
		}
		if e.BasePort != 0 || api.CodeOf(err) != api.CodePortInUse || try == portTries {
			return err
		}
	}
	if e.Note != nil {
		e.Note(fmt.Sprintf("%d nodes run on ports %d to %d", n.Nodes, spec.BasePort+1, spec.BasePort+n.Nodes))
	}
	e.began = time.Now()
	return e.reopen()
}

// somePort draws the first of a block of ports, below those that systems give out by themselves.
func somePort(nodes int) int {
	const low, high = 10_000, 32_000
	return low + 10*rand.IntN(max((high-low-nodes)/10, 1))
}

// reopen reads the state of the network anew: it says which nodes are alive.
func (e *Engine) reopen() (err error) {
	e.net, err = netctl.Open(e.folder, name)
	return err
}

// Wait lets real time pass.
func (e *Engine) Wait(ctx context.Context, until time.Duration) error {
	timer := time.NewTimer(time.Until(e.began.Add(until)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-e.started.Attached:
		e.ended = true
		return errors.Join(errors.New("the network has ended by itself"), err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Do carries out one action.
func (e *Engine) Do(ctx context.Context, a *scenario.Action) (err error) {
	switch a.Do {
	case scenario.DoPublish:
		return e.publish(ctx, a.Nodes[0], a.Body)
	case scenario.DoSetValue:
		return e.setValue(ctx, a)
	case scenario.DoStartWorkload:
		w := &a.Workload
		_, err = e.net.StartWorkload(ctx, netctl.WorkloadRequest{Name: w.Name, Every: &w.Every, TTL: &w.TTL, Nodes: a.Nodes})
	case scenario.DoStopWorkload:
		_, err = e.net.StopWorkloads(ctx, []string{a.Workload.Name})
	case scenario.DoSet:
		_, err = e.net.SetFault(ctx, a.Rule, 0)
	case scenario.DoClear:
		_, err = e.net.ClearFaults(ctx, []string{a.Rule.Name})
	case scenario.DoKill:
		_, err = e.net.Kill(ctx, a.Nodes)
	case scenario.DoStart:
		_, err = e.net.Restart(ctx, a.Nodes)
	case scenario.DoPause:
		_, err = e.net.Pause(ctx, a.Nodes)
	case scenario.DoResume:
		_, err = e.net.Resume(ctx, a.Nodes)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", a, err)
	}
	switch a.Do {
	case scenario.DoKill, scenario.DoStart:
		return e.reopen()
	}
	return nil
}

// publish gives a message to a node. One that does not take it is part of the game: what came of it stands
// in the events.
func (e *Engine) publish(ctx context.Context, id gossip.NodeID, body []byte) error {
	client, err := e.net.Node(id)
	if err != nil {
		return fmt.Errorf("%w: %w", scenario.ErrRefused, err)
	}
	slow, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	req, empty := api.PublishRequest{BodyBase64: body}, ""
	if len(body) == 0 {
		req = api.PublishRequest{Body: &empty}
	}
	if _, err := client.Publish(slow, req); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", scenario.ErrRefused, err)
	}
	return context.Cause(ctx)
}

// setValue has nodes change a value of their own, which one after the other may refuse.
func (e *Engine) setValue(ctx context.Context, a *scenario.Action) error {
	slow, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	c := &a.Change
	req := api.SetValueRequest{Key: c.Key, Delete: c.Delete, Register: c.Register, TTL: c.TTL}
	if text := string(c.Value); !c.Delete {
		req.Value = &text
	}
	_, errs := netctl.Each(a.Nodes, func(id gossip.NodeID) (api.SetValueAnswer, error) {
		client, err := e.net.Node(id)
		if err != nil {
			return api.SetValueAnswer{}, err
		}
		return client.SetValue(slow, req)
	})
	for _, err := range errs {
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("%w: %w", scenario.ErrRefused, err)
		}
	}
	return context.Cause(ctx)
}

// Finish has every node write down what it has, and reads what all of them wrote.
func (e *Engine) Finish(ctx context.Context) (scenario.Ending, error) {
	end := scenario.Ending{Began: e.began}
	memory, err := e.memory(ctx)
	if err != nil {
		return end, err
	}
	end.Memory = memory
	slow, cancel := context.WithTimeout(ctx, finalTime)
	defer cancel()
	final, err := e.net.Final(slow)
	if err != nil && ctx.Err() != nil {
		return end, context.Cause(ctx)
	}
	if err != nil {
		end.Incomplete = fmt.Sprintf("there was no final read: %v", err)
	}
	if e.run, err = e.net.Run(final); err != nil {
		return end, err
	}
	m, err := check.ReadManifest(e.run)
	if err != nil {
		return end, err
	}
	end.Conditions, end.Logs = &m.Conditions, e.run
	return end, e.readAll()
}

// readAll tells every event that was written down: those of the controller, then those of each node.
func (e *Engine) readAll() error {
	names := []string{check.ControllerName}
	for _, id := range e.net.Present() {
		names = append(names, check.NodeLog(id))
	}
	for _, name := range names {
		f, err := e.run.Open(path.Join(check.EventsFolder, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the checker says what that means
		}
		if err != nil {
			return err
		}
		err = trace.ReadLog(f, func(_ int, ev *trace.Event) { e.tell(ev) })
		f.Close()
		var damaged *trace.LineError
		if err != nil && !errors.As(err, &damaged) {
			return fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return nil
}

// Close ends the network, also in the middle of its start, and removes its folder.
func (e *Engine) Close() error {
	if e.folder == "" {
		return nil
	}
	var errs []error
	if e.run != nil {
		errs = append(errs, e.run.Close())
	}
	if e.started != nil {
		ctx, cancel := context.WithTimeout(context.Background(), endTime) // whoever waited may have gone
		defer cancel()
		if _, err := netctl.Stop(ctx, e.folder, name); err != nil {
			errs = append(errs, fmt.Errorf("stopping the network of the scenario: %w", err))
		}
		e.started.Detach()
		if !e.ended {
			select {
			case <-e.started.Attached:
			case <-ctx.Done():
				errs = append(errs, errors.New("the controller of the scenario's network did not end in time"))
			}
		}
	}
	if err := os.RemoveAll(e.folder); err != nil {
		errs = append(errs, fmt.Errorf("removing %s: %w", filepath.Base(e.folder), err))
	}
	e.folder = ""
	return errors.Join(errs...)
}
