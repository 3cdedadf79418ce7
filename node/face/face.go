// Package face is the side of a node that programs of anybody's may speak to: GET /peers/ and POST /gossip/, plain
// JSON, so that one written in an afternoon in any language is one node more. Such a program is called a guest. It
// tells its gossip to nodes, which spread it as they spread everything, and is told theirs.
package face

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/values"
)

// Paths of the face.
const (
	PeersPath  = "/peers/"
	GossipPath = "/gossip/"
)

// Bounds.
const (
	// MaxGuests is how many guests one node speaks to: a class of students.
	MaxGuests = 64
	// maxKnown is how many UUIDs are remembered to tell news from what was heard before. Versions tell the same;
	// UUIDs are only quicker, and one that is forgotten does no harm.
	maxKnown = 4096
	// maxAnswer is how many pieces one answer holds.
	maxAnswer = 256
	// answerBytes bounds their payloads.
	answerBytes = 1 << 20
)

// Backend is the running node behind the face.
type Backend interface {
	Step(do func(now time.Time, n *node.Node) node.Effects)
	Room(ctx context.Context) error
	Wires() api.Wires
	Sync(ctx context.Context) error
}

// Config says whose face this is.
type Config struct {
	Network string // identity of the network
	Self    gossip.NodeID
	Addr    string // where the node listens
	Backend Backend
	// Changed is closed and replaced whenever something may be news for guests; it returns the present one.
	Changed func() <-chan struct{}
}

// Face is the side of one node that guests see. Use [New].
type Face struct {
	cfg   Config
	says  speaker
	self  int // the node's port
	wires *http.Client

	mu       sync.Mutex
	guests   map[int]*guest // by port
	known    map[string]bool
	order    []string // of known, oldest first
	count    Stats
	arrivals chan struct{} // closed and replaced when a guest comes
}

// Stats are what a face has counted.
type Stats struct {
	Guests  int    // that are there
	Heard   uint64 // pieces that guests have told
	News    uint64 // of them, those that were new
	Told    uint64 // pieces that guests were told
	Failed  uint64 // attempts to tell that did not come through
	Refused uint64 // pieces and guests that were turned away
	Gone    uint64 // guests that did not answer any more
}

// New returns the face of a node that listens on an address with a port.
func New(cfg Config) (*Face, error) {
	_, text, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("the address of the node: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("the port of the node: %w", err)
	}
	return &Face{
		cfg: cfg, self: port, says: speaker{network: cfg.Network, base: port - int(cfg.Self)}, wires: newClient(),
		guests: make(map[int]*guest), known: make(map[string]bool), arrivals: make(chan struct{}),
	}, nil
}

// Stats returns the counters.
func (f *Face) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.count
	s.Guests = len(f.guests)
	return s
}

// ServeHTTP answers on both paths. Whoever mounts it has checked the token.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET " + PeersPath:
		api.WriteJSON(w, f.peers())
	case "POST " + GossipPath:
		answer, err := f.hear(w, r)
		if err != nil {
			f.mu.Lock()
			f.count.Refused++
			f.mu.Unlock()
			api.WriteError(w, err)
			return
		}
		api.WriteJSON(w, answer)
	default:
		allow := http.MethodPost
		if r.URL.Path == PeersPath {
			allow = http.MethodGet
		}
		w.Header().Set("Allow", allow)
		api.WriteError(w, api.NewError(api.CodeMethod, fmt.Sprintf("%.20s is not possible here; possible is %s", r.Method, allow), ""))
	}
}

// peers are the base URLs of everybody this node speaks to, itself first.
func (f *Face) peers() []string {
	urls := []string{urlOf("127.0.0.1:" + strconv.Itoa(f.self))}
	for _, l := range f.cfg.Backend.Wires().Links {
		urls = append(urls, urlOf(l.Addr))
	}
	for _, port := range f.ports() {
		urls = append(urls, urlOf("127.0.0.1:"+strconv.Itoa(port)))
	}
	return urls
}

func urlOf(addr string) string { return "http://" + addr }

// Answer is what a node says to a piece of gossip.
type Answer struct {
	News   bool     `json:"news"`             // false: it was known, or older than what is known
	Peers  []string `json:"peers"`            // base URLs of whom one may also speak to
	Gossip []Gossip `json:"gossip,omitempty"` // what the node knows, where ?pull=true asked for it
}

// hear takes in a piece.
func (f *Face) hear(w http.ResponseWriter, r *http.Request) (Answer, error) {
	var g Gossip
	if err := api.DecodeRequest(w, r, &g); err != nil {
		return Answer{}, err
	}
	if err := g.check(); err != nil {
		return Answer{}, api.WrapError(api.CodeUsage, err, "see docs/http-api.md")
	}
	news, err := f.take(r.Context(), &g)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{News: news, Peers: f.peers()}
	if r.URL.Query().Get("pull") == "true" {
		answer.Gossip = f.everything(g.Origin)
	}
	return answer, nil
}

// take spreads a piece, if it is news, and remembers who speaks.
func (f *Face) take(ctx context.Context, g *Gossip) (news bool, err error) {
	if f.isNode(g.Origin) {
		return false, nil // what nodes say goes its own ways; a guest that repeats it does no harm
	}
	f.mu.Lock()
	f.count.Heard++
	heard := f.known[g.UUID]
	f.mu.Unlock()
	if err := f.welcome(g.Origin); err != nil {
		return false, err
	}
	if heard {
		return false, nil
	}
	change, err := changeOf(g)
	if err != nil {
		return false, api.WrapError(api.CodeUsage, err, "")
	}
	if err := f.cfg.Backend.Room(ctx); err != nil {
		return false, api.NewError(api.CodeBusy, "the node's queues are full", "try again later")
	}
	f.cfg.Backend.Step(func(now time.Time, n *node.Node) (fx node.Effects) {
		_, fx, err = n.SetValue(now, change)
		return fx
	})
	switch {
	case errors.Is(err, values.ErrOld):
		f.note(g.UUID)
		return false, nil
	case errors.Is(err, values.ErrFull):
		return false, api.WrapError(api.CodeInboxFull, fmt.Errorf("the gossip was not taken: %w", err), "")
	case err != nil:
		return false, api.WrapError(api.CodeUsage, fmt.Errorf("the gossip was not taken: %w", err), "")
	}
	if err := f.cfg.Backend.Sync(ctx); err != nil {
		return false, api.WrapError(api.CodeFailed, fmt.Errorf("%w; the gossip may have been taken", err), "")
	}
	f.note(g.UUID)
	f.mu.Lock()
	f.count.News++
	f.mu.Unlock()
	return true, nil
}

// isNode reports whether a port is one at which a node of the network listens, as far as this one knows.
func (f *Face) isNode(port int) bool {
	if port == f.self {
		return true
	}
	for _, l := range f.cfg.Backend.Wires().Links {
		if _, text, err := net.SplitHostPort(l.Addr); err == nil && text == strconv.Itoa(port) {
			return true
		}
	}
	id, speaks := gossip.NodeID(port-f.says.base), false
	if id < 1 {
		return false
	}
	// A node that is no neighbour is known by the values it has set.
	f.cfg.Backend.Step(func(_ time.Time, n *node.Node) node.Effects {
		speaks = n.Values() != nil && len(n.Values().Entries(id, "", true)) > 0
		return node.Effects{}
	})
	return speaks
}

// note remembers a UUID.
func (f *Face) note(uuid string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known[uuid] {
		return
	}
	if len(f.order) >= maxKnown {
		delete(f.known, f.order[0])
		f.order = append(f.order[:0], f.order[1:]...)
	}
	f.known[uuid] = true
	f.order = append(f.order, uuid)
}

// everything is what the node knows, values first, without what the guest itself has told.
func (f *Face) everything(guest int) []Gossip {
	all := []Gossip{}
	size := 0
	add := func(g Gossip, ok bool) bool {
		if ok && g.Origin != guest {
			all, size = append(all, g), size+len(g.Payload)
		}
		return len(all) < maxAnswer && size < answerBytes
	}
	f.cfg.Backend.Step(func(_ time.Time, n *node.Node) node.Effects {
		if n.Values() != nil {
			for _, e := range n.Values().Entries(0, "", false) {
				if g, ok := f.says.value(&e); !add(g, ok) {
					return node.Effects{}
				}
			}
		}
		page, _ := n.Messages(node.Query{Status: node.All, Peek: true, Limit: maxAnswer})
		for i := range page {
			if g, ok := f.says.message(&page[i].Message); !add(g, ok) {
				break
			}
		}
		return node.Effects{}
	})
	return all
}
