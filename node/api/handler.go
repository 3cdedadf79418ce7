package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/transport"
	"gossipctl/workload"
)

// Bounds of one answer.
const (
	pageMessages = 1000            // messages in a page
	pageBytes    = 1 << 20         // of bodies and paths in a page, but for one larger message
	maxWait      = 8 * time.Second // below the time a request may take to read, which would end it
)

// Backend is the running node behind the handler.
type Backend interface {
	// Step runs do while nothing else touches the node, and carries out what it returns.
	Step(do func(now time.Time, n *node.Node) node.Effects)
	// Room waits until there is room to send more.
	Room(ctx context.Context) error
	// Sync waits until everything the node has taken in is kept as safely as this node keeps anything.
	Sync(ctx context.Context) error
	// Save brings the whole inbox to disk and returns how many messages it has.
	Save(ctx context.Context) (messages int, err error)
	// Wait waits until ready says so; it is asked again whenever something was delivered.
	Wait(ctx context.Context, ready func(n *node.Node) bool) error
	SetPeers(peers []Peer)
	Wires() Wires
	// SetFaults replaces the faults in force; they have passed their check.
	SetFaults(rules []fault.Rule)
	Faults() []fault.Rule
	// Changes waits for changes of the values after the first after of this life, or until ctx ends.
	Changes(ctx context.Context, after uint64) Changes
	// Changed is how many such changes there were.
	Changed() uint64
	// SetWorkloads replaces what the node does by itself; the list has passed its check.
	SetWorkloads(list []workload.Settings)
	Workloads() []WorkloadStatus
}

// Handler serves a node's API. The guard and the link are mounted by the caller.
type Handler struct {
	Network string
	Node    gossip.NodeID
	Run     uint32
	Started time.Time
	Backend Backend
	Refused func() map[Code]uint64 // of the guard
	Record  Recording              // nil: nothing is written down

	Assembly Assembly                      // nil: the node knows its peers, and nobody else
	Prove    func(challenge string) string // that this is a node of its network, see transport.Prove; nil: it does not
}

// Routes returns the handler of every path but the link's.
func (h *Handler) Routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/health", h.health)
	mux.HandleFunc("POST /v1/messages", answer(h.publish))
	mux.HandleFunc("POST /v1/messages/read", answer(h.read))
	mux.HandleFunc("POST /v1/save", answer(h.save))
	mux.HandleFunc("GET /v1/messages/{id}", answer(h.message))
	mux.HandleFunc("GET /v1/inbox", answer(h.inbox))
	mux.HandleFunc("GET /v1/peers", answer(h.peers))
	mux.HandleFunc("PUT /v1/peers", answer(h.setPeers))
	mux.HandleFunc("GET /v1/contacts", answer(h.contacts))
	mux.HandleFunc("GET /v1/members", answer(h.members))
	mux.HandleFunc("POST /v1/leave", answer(h.leave))
	mux.HandleFunc("GET /v1/faults", answer(h.faults))
	mux.HandleFunc("PUT /v1/faults", answer(h.setFaults))
	mux.HandleFunc("GET /v1/values", answer(h.getValues))
	mux.HandleFunc("POST /v1/values", answer(h.setValue))
	mux.HandleFunc("GET /v1/values/watch", answer(h.watch))
	mux.HandleFunc("GET /v1/workloads", answer(h.workloads))
	mux.HandleFunc("PUT /v1/workloads", answer(h.setWorkloads))
	mux.HandleFunc("GET /v1/stats", answer(h.stats))
	mux.HandleFunc("GET /metrics", h.metrics)
	mux.HandleFunc("POST /v1/packets", answer(h.packet))
	mux.HandleFunc("POST /v1/final", answer(h.final))
	mux.HandleFunc("/", NotFound(mux))
	return mux
}

// NotFound answers for paths that are not there, and tells a wrong method from a wrong path.
func NotFound(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			WriteError(w, NewError(CodeNotFound, fmt.Sprintf("there is nothing at %.80q", r.URL.Path), ""))
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		WriteError(w, NewError(CodeMethod, fmt.Sprintf("%.20s is not possible here; possible is %s", r.Method, strings.Join(allowed, ", ")), ""))
	}
}

// answer makes a handler of a function that returns what to answer.
func answer(f func(w http.ResponseWriter, r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(w, r)
		if err != nil {
			WriteError(w, err)
			return
		}
		WriteJSON(w, v)
	}
}

func (h *Handler) health(w http.ResponseWriter, r *http.Request) {
	if challenge := r.Header.Get(transport.HeaderChallenge); h.Prove != nil && transport.IsChallenge(challenge) {
		w.Header().Set(transport.HeaderProof, h.Prove(challenge))
	}
	WriteJSON(w, Health{Service: "gossipctl", Network: h.Network, Node: h.Node})
}

func (h *Handler) publish(w http.ResponseWriter, r *http.Request) (any, error) {
	req, err := ReadPublish(w, r)
	if err != nil {
		return nil, err
	}
	bodies, err := req.bodies()
	if err != nil {
		return nil, err
	}
	first, ids, why := h.publishAll(r.Context(), bodies, req.Relays)
	// What was taken in before the rest was refused is promised as well.
	if len(ids) > 0 {
		if err := h.Backend.Sync(r.Context()); err != nil {
			return nil, WrapError(CodeFailed, fmt.Errorf("%w; the message may have been accepted", err), "")
		}
	}
	if h.Record != nil {
		h.Record.Accepted(ids, req.Relays)
	}
	if why != nil {
		return nil, refused(why, len(ids))
	}
	if len(bodies) == 0 {
		return PublishAnswer{Origin: h.Node}, nil
	}
	return PublishAnswer{ID: first.ID.String(), Origin: h.Node, Sent: first.Sent.UTC(), Accepted: len(bodies)}, nil
}

// publishAll gives messages to the node, one after the other, until one is refused.
func (h *Handler) publishAll(ctx context.Context, bodies [][]byte, relays int) (first gossip.Message, accepted []gossip.ID, why *Error) {
	for i, body := range bodies {
		if err := h.Backend.Room(ctx); err != nil {
			return first, accepted, NewError(CodeBusy, "the node's queues are full", "try again later")
		}
		var m gossip.Message
		var err error
		h.Backend.Step(func(now time.Time, n *node.Node) (fx node.Effects) {
			m, fx, err = n.Publish(now, body, relays)
			return fx
		})
		if err != nil {
			return first, accepted, h.publishError(err)
		}
		accepted = append(accepted, m.ID)
		if i == 0 {
			first = m
		}
	}
	return first, accepted, nil
}

// save brings the inbox to disk, for a network that is to be kept.
func (h *Handler) save(w http.ResponseWriter, r *http.Request) (any, error) {
	var req struct{}
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	messages, err := h.Backend.Save(r.Context())
	if err != nil {
		return nil, WrapError(CodeFailed, err, "")
	}
	return SaveAnswer{Node: h.Node, Messages: messages}, nil
}

// bodies are those of the messages that a request holds, in whichever way it gives them.
func (req *PublishRequest) bodies() ([][]byte, error) {
	bodies, ways := req.Batch, 0
	if req.Batch != nil {
		ways++
	}
	if req.Body != nil {
		bodies, ways = [][]byte{[]byte(*req.Body)}, ways+1
	}
	if req.BodyBase64 != nil {
		bodies, ways = [][]byte{req.BodyBase64}, ways+1
	}
	if ways != 1 {
		return nil, NewError(CodeUsage, "give one of body, body_base64 and batch_base64", "")
	}
	return bodies, nil
}

// refused says of a batch how much of it was taken in before the rest was not.
func refused(e *Error, accepted int) error {
	e.Message += "; the message was not sent"
	if accepted > 0 {
		e.Message = fmt.Sprintf("%s; %d messages before it were", e.Message, accepted)
	}
	return e
}

func (h *Handler) publishError(err error) *Error {
	code := CodeFailed
	if errors.Is(err, node.ErrNotKept) {
		return NewError(CodeDiskFull, fmt.Sprintf("inbox of node %d is full on disk", h.Node), "free some space on the disk of the state folder, and send it again")
	}
	switch {
	case errors.Is(err, node.ErrFull):
		code = CodeInboxFull
	case errors.Is(err, node.ErrTooLarge):
		code = CodeTooLarge
	case errors.Is(err, node.ErrLimit):
		code = CodeUsage
	}
	return WrapError(code, err, "")
}

func (h *Handler) read(w http.ResponseWriter, r *http.Request) (any, error) {
	var req ReadRequest
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	q := node.Query{Status: node.Status(req.Status), Peek: req.Peek, After: req.After, Until: req.Until, Limit: pageMessages, Bytes: pageBytes}
	switch q.Status {
	case node.Unread, node.Read, node.All:
	default:
		return nil, NewError(CodeUsage, "status must be unread, read or all", "")
	}
	var out ReadAnswer
	var page []node.Entry
	h.Backend.Step(func(_ time.Time, n *node.Node) node.Effects {
		page, out.More = n.Messages(q)
		_, _, out.Last = n.Size()
		return node.Effects{}
	})
	out.Messages = make([]Message, len(page))
	for i := range page {
		out.Messages[i] = wire(&page[i])
	}
	return out, nil
}

func wire(e *node.Entry) Message {
	m := Message{
		Number: e.Number, ID: e.Message.ID.String(), Origin: e.Message.ID.Origin, Body: e.Message.Body,
		Sent: e.Message.Sent.UTC(), Received: e.Received().UTC(), Read: e.Read,
		Copies: e.Arrived, FromPeers: e.FromPeers(), Packets: e.Sent,
		Arrivals: make([]Arrival, len(e.Copies)),
	}
	for i, c := range e.Copies {
		m.Arrivals[i] = Arrival{Path: c.Route, Received: c.At.UTC()}
	}
	return m
}

func (h *Handler) message(_ http.ResponseWriter, r *http.Request) (any, error) {
	id, err := gossip.ParseID(r.PathValue("id"))
	if err != nil {
		return nil, WrapError(CodeUsage, err, "")
	}
	var e node.Entry
	found := false
	err = h.wait(r, func(n *node.Node) bool {
		e, found = n.Message(id)
		return found
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, NewError(CodeNotFound, fmt.Sprintf("node %d does not have message %v", h.Node, id), "")
	}
	return wire(&e), nil
}

func (h *Handler) inbox(_ http.ResponseWriter, r *http.Request) (any, error) {
	least, err := number(r, "last")
	if err != nil {
		return nil, err
	}
	var box Inbox
	err = h.wait(r, func(n *node.Node) bool {
		box = inboxOf(n)
		return box.Last >= least
	})
	return box, err
}

func inboxOf(n *node.Node) Inbox {
	box := Inbox{Newest: n.Newest().UTC()}
	box.Messages, box.Unread, box.Last = n.Size()
	box.Room, box.RoomBytes = n.Room()
	return box
}

// wait asks ready once, and where the request names wait_ms, until it says yes or that time is over.
// ready is asked at least once, and has the last word.
func (h *Handler) wait(r *http.Request, ready func(n *node.Node) bool) error {
	ms, err := number(r, "wait_ms")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(ms)*time.Millisecond, maxWait))
	defer cancel()
	h.Backend.Wait(ctx, ready) // that it timed out shows in what ready has seen
	return nil
}

func number(r *http.Request, name string) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	v, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, NewError(CodeUsage, name+" must be a whole number", "")
	}
	return v, nil
}

func (h *Handler) peers(http.ResponseWriter, *http.Request) (any, error) {
	return PeersAnswer{Node: h.Node, Peers: h.Backend.Wires().Links}, nil
}

func (h *Handler) setPeers(w http.ResponseWriter, r *http.Request) (any, error) {
	var req PeersRequest
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	if err := CheckPeers(h.Node, req.Peers); err != nil {
		return nil, err
	}
	h.Backend.SetPeers(req.Peers)
	return h.peers(w, r)
}

func (h *Handler) stats(http.ResponseWriter, *http.Request) (any, error) {
	s := h.count()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.HeapBytes, s.Goroutines = m.HeapAlloc, runtime.NumGoroutine()
	return s, nil
}

// count is everything the node counts.
func (h *Handler) count() Stats {
	s := Stats{Node: h.Node, Run: h.Run, Started: h.Started.UTC()}
	var c node.Counters
	h.Backend.Step(func(_ time.Time, n *node.Node) node.Effects {
		c = n.Counters()
		s.Inbox = inboxOf(n)
		if v := n.Values(); v != nil {
			s.Values = valuesStatsOf(v.Stats())
		}
		return node.Effects{}
	})
	s.Published, s.Sent, s.Received, s.Delivered = c.Published, c.Sent, c.Received, c.Delivered
	s.Duplicates, s.Repaired, s.Expired, s.Dropped = c.Duplicates, c.Repaired, c.Expired, c.Dropped
	wires := h.Backend.Wires()
	s.Links, s.FormerLinks, s.Heard, s.Traffic = wires.Links, wires.Former, wires.Heard, wires.Traffic()
	s.Faults = len(h.Backend.Faults())
	for reason, n := range wires.Dropped {
		s.Dropped[reason] += n
	}
	for code, n := range h.Refused() {
		s.Dropped["refused_"+string(code)] += n
	}
	return s
}

func (h *Handler) metrics(w http.ResponseWriter, _ *http.Request) {
	AnswerMetrics(w, []Stats{h.count()})
}

func (h *Handler) packet(w http.ResponseWriter, r *http.Request) (any, error) {
	var req PacketRequest
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	e, err := req.envelope(h.Node)
	if err != nil {
		return nil, WrapError(CodeUsage, err, "")
	}
	h.Backend.Step(func(now time.Time, n *node.Node) node.Effects { return n.Receive(now, e) })
	return struct{}{}, nil
}

func (req *PacketRequest) envelope(self gossip.NodeID) (*gossip.Envelope, error) {
	if req.From < 1 || req.From == self {
		return nil, fmt.Errorf("from must be the number of another node")
	}
	e := &gossip.Envelope{From: req.From, Packet: gossip.Packet{Kind: req.Kind, Limit: req.Limit, Hops: req.Hops}}
	for _, m := range req.Messages {
		id, err := gossip.ParseID(m.ID)
		if err != nil {
			return nil, err
		}
		if !time.Unix(0, m.Sent.UnixNano()).Equal(m.Sent) {
			return nil, fmt.Errorf("message %v: sent must be a moment from 1678 to 2261", id)
		}
		e.Packet.Messages = append(e.Packet.Messages, gossip.Message{ID: id, Body: m.Body, Sent: m.Sent})
		e.Routes = append(e.Routes, m.Route)
	}
	for _, text := range req.IDs {
		id, err := gossip.ParseID(text)
		if err != nil {
			return nil, err
		}
		e.Packet.IDs = append(e.Packet.IDs, id)
	}
	// What a wire could not carry is refused here too; decoding what was encoded keeps one set of bounds.
	wire, err := gossip.AppendEnvelope(nil, e)
	if err != nil {
		return nil, err
	}
	var b gossip.Batch
	if err := b.Decode(wire); err != nil {
		return nil, err
	}
	return &b.Envelopes[0], nil
}
