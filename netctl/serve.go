package netctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/topology"

	"gopkg.in/natefinch/lumberjack.v2"
)

// ControllerCommand is the first argument of a controller process.
const ControllerCommand = "controller"

// Descriptors a controller is born with.
const (
	fdOrder    = 3 + iota // a pipe with the order as JSON
	fdReport              // a pipe for reports, one JSON object a line
	fdLifeline            // a pipe nobody writes to; its end means that whoever ordered is gone
)

// order is what a controller is told at its birth.
type order struct {
	Root       string          `json:"root"` // of all state folders
	Spec       Spec            `json:"spec"`
	Edges      []topology.Edge `json:"edges"`
	Prior      *State          `json:"prior,omitempty"` // of a network that is resumed
	Deadline   time.Time       `json:"deadline"`
	NoWait     bool            `json:"no_wait,omitempty"` // do not wait until the nodes have found each other
	Foreground bool            `json:"foreground"`        // the network ends with whoever ordered it
	Version    string          `json:"version"`           // of the program, for the record
	Command    []string        `json:"command"`           // that was typed, for the record
}

// report is what a controller says while it starts a network. The last one holds a View or an Error.
type report struct {
	Ready int        `json:"ready,omitempty"`
	View  *View      `json:"view,omitempty"`
	Error *api.Error `json:"error,omitempty"`
}

var errCancelled = api.NewError(api.CodeInterrupted, "cancelled, nothing left running", "")

// Controller makes this process the controller of a network and returns when the network has ended.
// What goes wrong at the start is reported on the pipe; the error is for the log of the process.
func Controller() error {
	if err := proc.CloseOnExec(); err != nil {
		return fmt.Errorf("closing inherited descriptors: %w", err)
	}
	reportPipe := os.NewFile(fdReport, "report")
	reports := json.NewEncoder(reportPipe)
	syscall.SetNonblock(fdLifeline, true)
	lifeline := os.NewFile(fdLifeline, "lifeline")
	var o order
	f := os.NewFile(fdOrder, "order")
	err := json.NewDecoder(f).Decode(&o)
	f.Close()
	if err != nil {
		return fmt.Errorf("reading the order: %w (a controller is started by start-network, not by hand)", err)
	}
	// Whoever ordered this may go while it is being done: that cancels it. Once the network exists
	// only a network in the foreground ends with it.
	orderer, gone := context.WithCancelCause(context.Background())
	defer gone(nil)
	var group sync.WaitGroup
	group.Go(func() {
		io.Copy(io.Discard, lifeline)
		gone(errCancelled)
	})
	defer group.Wait()
	defer lifeline.Close()

	c, listener, err := establish(orderer, o, reports)
	if err != nil {
		var told *api.Error
		if !errors.As(err, &told) {
			told = limitError(err)
		}
		return reports.Encode(report{Error: told})
	}
	defer c.launch.close()
	if !o.Foreground {
		orderer = context.Background()
	}
	return c.run(orderer, listener, func(v View) {
		reports.Encode(report{View: &v}) // when this fails nobody is there to be told
		if !o.Foreground {
			reportPipe.Close()
			lifeline.Close()
		}
	})
}

// establish binds, forks, waits and commits. When it fails nothing is left.
func establish(ctx context.Context, o order, reports *json.Encoder) (c *controller, l net.Listener, err error) {
	ctx, cancel := context.WithDeadlineCause(ctx, o.Deadline, tooLate(o.Spec.Network))
	defer cancel()
	g := topology.New(o.Spec.Nodes)
	if o.Prior != nil {
		g = o.Prior.graph()
	}
	for _, e := range o.Edges {
		g.AddEdge(e.A, e.B)
	}
	ids := nodeIDs(g.Nodes())
	contacts := o.Spec.firstContacts(g)
	if o.Spec.Assembles() {
		g = topology.NewNodes(g.Nodes()) // the edges are their own affair
	}
	dir, err := store.Open(o.Root, o.Spec.Network, true)
	if err != nil {
		return nil, nil, storeError(err)
	}
	listeners, err := bindAll(o.Spec.BasePort, ids, o.Prior != nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
		}
	}()
	logs, err := dir.Subfolder(logFolder)
	if err != nil {
		return nil, nil, storeError(err)
	}
	data, err := dir.Subfolder(dataFolder)
	if err != nil {
		return nil, nil, storeError(err)
	}
	data.Close() // nodes are told their files by name
	if o.Prior == nil {
		if err := beginStart(dir); err != nil {
			return nil, nil, storeError(err)
		}
	}
	secret, err := dir.NewSecret()
	if err != nil {
		return nil, nil, storeError(err)
	}
	file := &lumberjack.Logger{Filename: filepath.Join(dir.Path(), logFolder, controllerLog), MaxSize: 5, MaxBackups: 3}
	log := slog.New(slog.NewTextHandler(file, nil)).With("node", "controller")
	c, err = newController(dir, logs, secret, o.Spec, g, log)
	if err != nil {
		return nil, nil, err
	}
	if o.Spec.Assembles() {
		c.contacts = contacts
	}
	if o.Prior != nil {
		err = c.comeBack(o.Prior)
	}
	if err == nil {
		err = c.writeList()
	}
	if err == nil {
		err = c.beginRecord(&o)
	}
	if err != nil {
		c.launch.close()
		if o.Prior == nil {
			c.cleanUp()
		}
		return nil, nil, err
	}
	step := max(1, len(ids)/50)
	began := time.Now()
	err = c.startAll(ctx, ids, listeners[1:], func(done int) {
		if done%step == 0 {
			reports.Encode(report{Ready: done})
		}
	})
	if err == nil && o.Spec.Assembles() && !o.NoWait {
		err = c.awaitAssembly(ctx, ids, began)
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = c.note(nil)
	}
	if err == nil {
		err = storeError(endStart(dir)) // before the commit: a crash in between keeps too much, and not too little
	}
	if err == nil {
		err = storeError(c.save()) // the commit: from here on the network exists
	}
	if err != nil {
		c.stopAll()
		c.launch.close()
		if o.Prior == nil {
			c.cleanUp()
		}
		return nil, nil, err
	}
	return c, listeners[0], nil
}

// run serves the controller's API until the network is told to end, and ends it.
func (c *controller) run(orderer context.Context, l net.Listener, ready func(View)) error {
	ctx, stop := signal.NotifyContext(orderer, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	guard := &api.Guard{Network: c.state.NetworkID, Tokens: [][]byte{[]byte(c.keys.control)}, Open: map[string]bool{"/v1/health": true}}
	stopped := make(chan struct{})                          // closed when an asked-for stop has been answered
	life, cease := context.WithCancel(context.Background()) // of changes; a stop does not wait for them
	defer cease()
	server := api.NewServer(guard.Protect(l.Addr(), c.routes(life, cease, func() { close(stopped) })))

	var group sync.WaitGroup
	group.Go(func() { c.keep(ctx) })
	group.Go(func() { c.expire(ctx) })
	failed := make(chan error, 1)
	group.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	})
	ready(c.view())
	c.log.Info("network started", "nodes", len(c.state.Nodes), "seed", c.state.Spec.Seed)
	var err error
	asked := false
	select {
	case <-ctx.Done():
	case <-stopped:
		asked = true
	case err = <-failed:
		c.log.Error("serving", "error", err)
	}
	end()
	cease()
	c.change.Lock()                     // let a change under way come to its end
	if !asked && c.state.Spec.Durable { // by a signal, as when the machine goes down, or with the terminal
		c.keepState()
		c.kept = true // if that could not be written: it can be resumed like one whose controller died
	}
	n, killed := c.stopAll()
	c.change.Unlock()
	c.log.Info("network stopped", "nodes", n, "killed", killed)
	shutdown, cancel := context.WithTimeout(context.Background(), time.Second)
	server.Shutdown(shutdown) // the answer to the stop still goes out
	cancel()
	group.Wait()
	c.endRecord()
	if !c.kept {
		c.cleanUp()
	}
	return err
}

// cleanUp removes the state folder, unless somebody holds its lock: they are about to. Nor does it
// touch the state of a network that was started since.
func (c *controller) cleanUp() {
	release, err := c.dir.Lock()
	if err != nil {
		return
	}
	defer release()
	state, err := store.ReadState[State](c.dir, StateVersion)
	if errors.Is(err, os.ErrNotExist) || err == nil && state.NetworkID == c.state.NetworkID {
		c.dir.Remove()
	}
}

// routes serves the controller's API. Changes last no longer than life, which a stop ends with cease;
// stopped is called once everything has ended and the answer is written.
func (c *controller) routes(life context.Context, cease, stopped func()) http.Handler {
	mux := http.NewServeMux()
	var once sync.Once
	mux.HandleFunc("GET /v1/health", func(w http.ResponseWriter, r *http.Request) {
		api.WriteJSON(w, api.Health{Service: "gossipctl", Network: c.state.Spec.Network})
	})
	mux.HandleFunc("GET /v1/network", func(w http.ResponseWriter, r *http.Request) { api.WriteJSON(w, c.view()) })
	mux.HandleFunc("POST /v1/stop", func(w http.ResponseWriter, r *http.Request) {
		var req StopRequest
		err := api.DecodeRequest(w, r, &req)
		var out StopAnswer
		if err == nil {
			out, err = c.stop(r.Context(), req, cease)
		}
		if err != nil {
			api.WriteError(w, err)
			return
		}
		api.WriteJSON(w, out)
		once.Do(stopped)
	})
	mux.HandleFunc("POST /v1/nodes", changes(life, c.add))
	mux.HandleFunc("POST /v1/nodes/remove", changes(life, c.remove))
	mux.HandleFunc("POST /v1/nodes/join", changes(life, c.join))
	mux.HandleFunc("POST /v1/nodes/serving", changes(life, c.serving))
	mux.HandleFunc("POST /v1/nodes/leave", changes(life, c.leave))
	mux.HandleFunc("POST /v1/edges", changes(life, c.connect))
	mux.HandleFunc("POST /v1/edges/cut", changes(life, c.disconnect))
	mux.HandleFunc("POST /v1/rewire", changes(life, c.rewire))
	mux.HandleFunc("GET /metrics", c.metrics)
	mux.HandleFunc("POST /v1/final", changes(life, c.final))
	mux.HandleFunc("POST /v1/nodes/kill", changes(life, c.kill))
	mux.HandleFunc("POST /v1/nodes/pause", changes(life, c.pause))
	mux.HandleFunc("POST /v1/nodes/resume", changes(life, c.wake))
	mux.HandleFunc("POST /v1/nodes/restart", changes(life, c.restart))
	mux.HandleFunc("GET /v1/faults", func(w http.ResponseWriter, r *http.Request) { api.WriteJSON(w, c.faults()) })
	mux.HandleFunc("POST /v1/faults", changes(life, c.setFault))
	mux.HandleFunc("POST /v1/faults/clear", changes(life, c.clearFaults))
	mux.HandleFunc("GET /v1/workloads", func(w http.ResponseWriter, r *http.Request) { api.WriteJSON(w, c.allWorkloads()) })
	mux.HandleFunc("POST /v1/workloads", changes(life, c.startWorkload))
	mux.HandleFunc("POST /v1/workloads/pause", changes(life, c.pauseWorkload))
	mux.HandleFunc("POST /v1/workloads/stop", changes(life, c.stopWorkloads))
	mux.HandleFunc("/", api.NotFound(mux))
	return mux
}

// changeTime bounds one change. A node starts in milliseconds, and those that do not answer are told
// later; after 30 s the server would not let the answer out any more.
const changeTime = 25 * time.Second

// changes makes a handler of a change. The change is finished even when whoever asked goes away.
func changes[Request, Answer any](life context.Context, do func(context.Context, Request) (Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req Request
		err := api.DecodeRequest(w, r, &req)
		if err == nil {
			ctx, cancel := context.WithTimeout(life, changeTime)
			defer cancel()
			var answer Answer
			if answer, err = do(ctx, req); err == nil {
				api.WriteJSON(w, answer)
				return
			}
			if life.Err() != nil {
				err = api.NewError(api.CodeNotRunning, "the network is being stopped", "")
			}
		}
		api.WriteError(w, err)
	}
}
