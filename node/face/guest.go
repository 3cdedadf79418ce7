package face

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/values"
)

// Paces of telling guests.
const (
	// tellTime is how long a guest may take for one piece. On one machine it takes a millisecond.
	tellTime = 2 * time.Second
	// A guest that does not answer is tried again after retryMin, then less and less often, and given up after
	// giveUp: it has ended without a word, as guests do. It is welcome again whenever it says something.
	retryMin = 100 * time.Millisecond
	retryMax = 5 * time.Second
	giveUp   = time.Minute
	// gather is how long news may wait for more of it: looking through all values costs more than to tell one.
	gather = 10 * time.Millisecond
	// batch is how many pieces are read out of the node at once.
	batch = 64
	// maxTold bounds what is remembered of what a guest was told: of more keys than that it is told no more. What
	// other guests said may be told again beyond it, which does no harm.
	maxTold = 100_000
	// maxReply is how much of a guest's answer is read; nothing is made of it.
	maxReply = 64 << 10
)

// guest is a program that listens at a port of this machine.
type guest struct {
	port    int
	told    map[place]gossip.ID // the newest version it was told
	uuids   map[string]bool     // of other guests' gossip it was told: several nodes may have it
	inbox   uint64              // number of the last message it was told
	silence time.Time           // since when it does not answer; zero: it does
}

// place is one key of one owner.
type place struct {
	owner gossip.NodeID
	key   string
}

func newClient() *http.Client {
	t := api.NewTransport()
	t.MaxIdleConnsPerHost = 1
	return &http.Client{
		Transport: t, Timeout: tellTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// welcome makes sure that a guest is told the news from now on.
func (f *Face) welcome(port int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.guests[port] != nil {
		return nil
	}
	if len(f.guests) >= MaxGuests {
		return api.NewError(api.CodeBusy, fmt.Sprintf("this node has %d guests and takes no more", MaxGuests), "speak to another node")
	}
	f.guests[port] = newGuest(port)
	close(f.arrivals)
	f.arrivals = make(chan struct{})
	return nil
}

func newGuest(port int) *guest {
	return &guest{port: port, told: make(map[place]gossip.ID), uuids: make(map[string]bool)}
}

// ports are those of the guests, sorted.
func (f *Face) ports() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	ports := make([]int, 0, len(f.guests))
	for port := range f.guests {
		ports = append(ports, port)
	}
	slices.Sort(ports)
	return ports
}

// Run tells guests the news until ctx ends, and returns when everything it started has ended.
func (f *Face) Run(ctx context.Context) {
	var speakers sync.WaitGroup
	defer f.wires.CloseIdleConnections()
	defer speakers.Wait()
	spoken := make(map[*guest]bool)
	for {
		f.mu.Lock()
		arrivals := f.arrivals
		for _, g := range f.guests {
			if !spoken[g] {
				spoken[g] = true
				speakers.Go(func() { f.attend(ctx, g) })
			}
		}
		for g := range spoken {
			if f.guests[g.port] != g {
				delete(spoken, g)
			}
		}
		f.mu.Unlock()
		select {
		case <-arrivals:
		case <-ctx.Done():
			return
		}
	}
}

// attend tells one guest everything, and then the news, until it is gone.
func (f *Face) attend(ctx context.Context, g *guest) {
	for ctx.Err() == nil {
		changed := f.cfg.Changed()
		pieces, done := f.newsFor(g)
		for _, p := range pieces {
			if !f.deliver(ctx, g, p) {
				return
			}
		}
		if !done {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		rest(ctx, gather)
	}
}

// newsFor reads what a guest does not know yet; done says that this is all.
func (f *Face) newsFor(g *guest) (pieces []Gossip, done bool) {
	done = true
	add := func(p Gossip, ok bool) {
		if ok && p.Origin != g.port && !g.uuids[p.UUID] {
			g.uuids[p.UUID] = true
			pieces = append(pieces, p)
		}
	}
	if len(g.uuids) > maxTold {
		clear(g.uuids)
	}
	f.cfg.Backend.Step(func(_ time.Time, n *node.Node) node.Effects {
		if n.Values() != nil {
			entries := n.Values().Entries(0, "", true)
			for _, e := range entries {
				at, id := place{e.Owner, e.Key}, gossip.UpdateID(e.Owner, e.Run, e.Version)
				last, was := g.told[at]
				if last == id || !was && len(g.told) >= maxTold {
					continue
				}
				if len(pieces) >= batch {
					done = false
					break
				}
				g.told[at] = id
				p, ok := f.says.value(&e)
				add(p, ok)
			}
			if len(g.told) >= maxTold {
				g.forget(entries)
			}
		}
		page, more := n.Messages(node.Query{Status: node.All, Peek: true, After: g.inbox, Limit: batch})
		for i := range page {
			g.inbox = page[i].Number
			p, ok := f.says.message(&page[i].Message)
			add(p, ok)
		}
		done = done && !more
		return node.Effects{}
	})
	return pieces, done
}

// forget makes room: what is not there any more need not be remembered.
func (g *guest) forget(entries []values.Entry) {
	here := make(map[place]gossip.ID, len(entries))
	for i := range entries {
		at := place{entries[i].Owner, entries[i].Key}
		if id, was := g.told[at]; was {
			here[at] = id
		}
	}
	g.told = here
}

// deliver tells a guest one piece, as often as it takes. It reports whether the guest is still there.
func (f *Face) deliver(ctx context.Context, g *guest, p Gossip) bool {
	body, err := plainJSON(p)
	if err != nil {
		return true
	}
	for pause := retryMin; ; pause = min(2*pause, retryMax) {
		err := f.post(ctx, g.port, body)
		f.mu.Lock()
		if err == nil {
			f.count.Told++
			g.silence = time.Time{}
			f.mu.Unlock()
			return true
		}
		f.count.Failed++
		if g.silence.IsZero() {
			g.silence = time.Now()
		}
		gone := time.Since(g.silence) > giveUp
		if gone && f.guests[g.port] == g {
			delete(f.guests, g.port)
			f.count.Gone++
		}
		f.mu.Unlock()
		if gone || !rest(ctx, pause/2+rand.N(pause/2)) {
			return false
		}
	}
}

// post sends one request. Any answer that is no failure of the guest's server is good.
func (f *Face) post(ctx context.Context, port int, body []byte) error {
	url := fmt.Sprintf("http://127.0.0.1:%d%s", port, GossipPath)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := f.wires.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, maxReply))
	if res.StatusCode >= 500 {
		return fmt.Errorf("the guest at port %d answers %s", port, res.Status)
	}
	return nil
}

// plainJSON writes JSON without the escapes that are for web pages only: they would make a payload larger than it came.
func plainJSON(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// rest waits, and reports whether ctx has let it.
func rest(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
