package netctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/topology"
	"gossipctl/workload"
)

// maxWorkloads is how many bytes all workloads may take as JSON: half of what a node reads of one request.
const maxWorkloads = api.MaxRequest / 2

// Workload is what nodes of the network are to do by themselves, and where: in the state file, and as it is told.
type Workload struct {
	workload.Settings                 // Paused: everywhere
	Nodes             []gossip.NodeID `json:"nodes,omitempty"`   // where it runs; empty: at all, those to come too
	Resting           []gossip.NodeID `json:"resting,omitempty"` // of them, those where it is paused
}

// At reports whether the workload runs at a node, and whether it is paused there.
func (w *Workload) At(id gossip.NodeID) (runs, paused bool) {
	runs = len(w.Nodes) == 0 || slices.Contains(w.Nodes, id)
	return runs, runs && (w.Paused || slices.Contains(w.Resting, id))
}

// validate says what is wrong with the workloads of a state file.
func validateWorkloads(list []Workload) error {
	settings := make([]workload.Settings, len(list))
	for i, w := range list {
		settings[i] = w.Settings
		if len(w.Nodes)+len(w.Resting) > 20*topology.MaxNodes {
			return fmt.Errorf("it names %d nodes", len(w.Nodes)+len(w.Resting))
		}
	}
	return workload.CheckAll(settings)
}

// WorkloadRequest starts a workload, or changes one that runs; what is left out stays as it is, or is as usual.
type WorkloadRequest struct {
	Name  string          `json:"name"`
	Every *time.Duration  `json:"every_ns,omitempty"` // 0: as the table has it
	List  *[]string       `json:"list,omitempty"`     // empty: its own
	TTL   *int            `json:"ttl,omitempty"`
	Nodes []gossip.NodeID `json:"nodes,omitempty"` // where it runs
	All   bool            `json:"all,omitempty"`   // or at all, those to come too
}

// PauseRequest pauses a workload at nodes, or lets it go on there.
type PauseRequest struct {
	Name   string          `json:"name"`
	Nodes  []gossip.NodeID `json:"nodes,omitempty"` // empty: wherever it runs
	Paused bool            `json:"paused"`
}

// StopWorkloadRequest stops workloads everywhere.
type StopWorkloadRequest struct {
	Names []string `json:"names,omitempty"` // empty: all
}

// WorkloadAnswer is what a command about workloads has done.
type WorkloadAnswer struct {
	Workloads []Workload      `json:"workloads"` // those it was about, as they are now
	Stopped   []string        `json:"stopped"`   // names
	Changed   bool            `json:"changed"`   // it ran already
	Untold    []gossip.NodeID `json:"untold"`    // nodes that did not answer and will be told later
}

// workloadsAt are those of one node, as it is told them. It is called with c.mu held.
func (s *State) workloadsAt(id gossip.NodeID) []workload.Settings {
	var list []workload.Settings
	for i := range s.Workloads {
		w := &s.Workloads[i]
		runs, paused := w.At(id)
		if runs {
			settings := w.Settings
			settings.Paused = paused
			list = append(list, settings)
		}
	}
	return list
}

// workloads are those of one node.
func (c *controller) workloads(id gossip.NodeID) []workload.Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.workloadsAt(id)
}

// allWorkloads are those of the network.
func (c *controller) allWorkloads() WorkloadAnswer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return WorkloadAnswer{Workloads: append([]Workload{}, c.state.Workloads...), Stopped: []string{}, Untold: []gossip.NodeID{}}
}

// tellWorkloads makes nodes know what they are to do by themselves: those in ids, and those that could not be told
// before. It returns those that did not answer; keep tries them again. It is called with c.change held.
func (c *controller) tellWorkloads(ctx context.Context, ids []gossip.NodeID) []gossip.NodeID {
	return c.inform(ctx, c.unbidden, ids, func(id gossip.NodeID) wish {
		list := c.state.workloadsAt(id)
		return func(ctx context.Context, node *api.Client) error { return node.SetWorkloads(ctx, list) }
	})
}

// startWorkload starts a workload, or changes one that runs.
func (c *controller) startWorkload(ctx context.Context, req WorkloadRequest) (WorkloadAnswer, error) {
	return c.changeWorkloads(ctx, func(list []Workload) ([]Workload, []string, error) {
		if len(req.Nodes) > 0 && req.All {
			return nil, nil, api.NewError(api.CodeUsage, "a workload runs either at some nodes or at all", "")
		}
		if err := c.state.knows(req.Nodes); err != nil {
			return nil, nil, err
		}
		at := slices.IndexFunc(list, func(w Workload) bool { return w.Name == req.Name })
		if at < 0 {
			list, at = append(list, Workload{Settings: workload.Settings{Name: req.Name}}), len(list)
		}
		w := &list[at]
		if req.Every != nil {
			w.Every = *req.Every
		}
		if req.List != nil {
			w.List = *req.List
		}
		if req.TTL != nil {
			w.TTL = *req.TTL
		}
		if len(req.Nodes) > 0 || req.All {
			w.Nodes = req.Nodes
		}
		if err := w.Check(); err != nil {
			return nil, nil, usage(err, "run gossipctl list-workloads")
		}
		return list, []string{req.Name}, nil
	})
}

// pauseWorkload pauses a workload at nodes, or lets it go on there.
func (c *controller) pauseWorkload(ctx context.Context, req PauseRequest) (WorkloadAnswer, error) {
	return c.changeWorkloads(ctx, func(list []Workload) ([]Workload, []string, error) {
		at := slices.IndexFunc(list, func(w Workload) bool { return w.Name == req.Name })
		if at < 0 {
			return nil, nil, c.state.noWorkload(req.Name)
		}
		if err := c.state.knows(req.Nodes); err != nil {
			return nil, nil, err
		}
		w := &list[at]
		if len(req.Nodes) == 0 {
			w.Paused, w.Resting = req.Paused, nil
			return list, []string{req.Name}, nil
		}
		if w.Paused { // wherever it runs, but from now on not everywhere
			w.Paused = false
			w.Resting = slices.DeleteFunc(c.state.present(), func(id gossip.NodeID) bool { runs, _ := w.At(id); return !runs })
		}
		for _, id := range req.Nodes {
			if runs, _ := w.At(id); !runs {
				return nil, nil, api.NewError(api.CodeNotFound, fmt.Sprintf("%s does not run at node %d", req.Name, id), "run gossipctl list-workloads to see where it does")
			}
			w.Resting = slices.DeleteFunc(w.Resting, func(other gossip.NodeID) bool { return other == id })
			if req.Paused {
				w.Resting = append(w.Resting, id)
			}
		}
		slices.Sort(w.Resting)
		return list, []string{req.Name}, nil
	})
}

// stopWorkloads stops workloads everywhere; that one does not run is no error.
func (c *controller) stopWorkloads(ctx context.Context, req StopWorkloadRequest) (WorkloadAnswer, error) {
	stopped := []string{}
	out, err := c.changeWorkloads(ctx, func(list []Workload) ([]Workload, []string, error) {
		for _, name := range req.Names {
			if _, err := workload.Find(name); err != nil {
				return nil, nil, usage(err, "run gossipctl list-workloads")
			}
		}
		return slices.DeleteFunc(list, func(w Workload) bool {
			stop := len(req.Names) == 0 || slices.Contains(req.Names, w.Name)
			if stop {
				stopped = append(stopped, w.Name)
			}
			return stop
		}), nil, nil
	})
	out.Stopped = stopped
	return out, err
}

// changeWorkloads changes the list of workloads, tells the nodes, and saves. Change is called with c.mu held; it
// gets a list of its own and returns it with the names of those it was about.
func (c *controller) changeWorkloads(ctx context.Context, change func([]Workload) ([]Workload, []string, error)) (WorkloadAnswer, error) {
	c.change.Lock()
	defer c.change.Unlock()
	out := WorkloadAnswer{Workloads: []Workload{}, Stopped: []string{}, Untold: []gossip.NodeID{}}
	c.mu.Lock()
	before := c.state.Workloads
	next := make([]Workload, len(before))
	for i, w := range before {
		next[i] = w
		next[i].Resting = slices.Clone(w.Resting)
	}
	next, about, err := change(next)
	if err == nil && len(next) > workload.Max {
		err = api.NewError(api.CodeConflict, fmt.Sprintf("%d workloads run, and more are not possible", workload.Max), "run gossipctl stop-workload")
	}
	if data, encodeErr := json.Marshal(next); err == nil && (encodeErr != nil || len(data) > maxWorkloads) {
		err = api.NewError(api.CodeUsage, fmt.Sprintf("the lists of all workloads together are larger than %d bytes", maxWorkloads), "give them shorter lists")
	}
	if err != nil {
		c.mu.Unlock()
		return out, err
	}
	c.state.Workloads = next
	for _, w := range next {
		if slices.Contains(about, w.Name) {
			out.Workloads = append(out.Workloads, w)
			out.Changed = slices.ContainsFunc(before, func(b Workload) bool { return b.Name == w.Name })
		}
	}
	c.mu.Unlock()
	c.log.Info("workloads changed", "workloads", len(next))
	concerned := func(id gossip.NodeID) bool {
		return slices.ContainsFunc(slices.Concat(before, next), func(w Workload) bool {
			runs, _ := w.At(id)
			gone := !slices.ContainsFunc(next, func(o Workload) bool { return o.Name == w.Name })
			return runs && (gone || slices.Contains(about, w.Name))
		})
	}
	out.Untold = slices.DeleteFunc(c.tellWorkloads(ctx, c.present()), func(id gossip.NodeID) bool { return !concerned(id) })
	if err := c.save(); err != nil {
		return out, fmt.Errorf("the workloads were changed, but the state of the network could not be saved: %w", err)
	}
	return out, nil
}

// knows makes sure that nodes are in the network.
func (s *State) knows(ids []gossip.NodeID) error {
	for _, id := range ids {
		if n := s.node(id); n == nil || n.Removed {
			return s.unknownNode(id)
		}
	}
	return nil
}

// noWorkload is the error about a workload that does not run.
func (s *State) noWorkload(name string) error {
	if _, err := workload.Find(name); err != nil {
		return usage(err, "run gossipctl list-workloads")
	}
	return api.NewError(api.CodeNotFound, fmt.Sprintf("%s does not run in network %q", name, s.Spec.Network), "start it with gossipctl start-workload "+name)
}

// StartWorkload starts a workload, or changes one that runs.
func (n *Network) StartWorkload(ctx context.Context, req WorkloadRequest) (WorkloadAnswer, error) {
	return post[WorkloadAnswer](ctx, n, "/v1/workloads", req)
}

// PauseWorkload pauses a workload at nodes, or lets it go on there.
func (n *Network) PauseWorkload(ctx context.Context, req PauseRequest) (WorkloadAnswer, error) {
	return post[WorkloadAnswer](ctx, n, "/v1/workloads/pause", req)
}

// StopWorkloads stops workloads everywhere; without names all of them.
func (n *Network) StopWorkloads(ctx context.Context, names []string) (WorkloadAnswer, error) {
	return post[WorkloadAnswer](ctx, n, "/v1/workloads/stop", StopWorkloadRequest{names})
}

// Workloads are what nodes of the network are to do by themselves.
func (n *Network) Workloads(ctx context.Context) ([]Workload, error) {
	var out WorkloadAnswer
	if err := n.needsController(); err != nil {
		return nil, err
	}
	err := n.controller().Do(ctx, http.MethodGet, "/v1/workloads", nil, &out)
	if err == nil {
		if err = validateWorkloads(out.Workloads); err != nil {
			err = errors.Join(errors.New("the controller gave an answer that makes no sense"), err)
		}
	}
	return out.Workloads, n.Explain(err)
}

// WorkloadNames are the names of the workloads that run, as of the state file.
func (n *Network) WorkloadNames() []string {
	var names []string
	for _, w := range n.state.Workloads {
		names = append(names, w.Name)
	}
	return names
}
