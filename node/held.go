package node

import (
	"slices"

	"gossipctl/gossip"
)

// held keeps the ways by which messages came that the protocol has not delivered yet, because it
// delivers in order or waits for more. The zero value is empty.
type held struct {
	routes map[gossip.ID]gossip.Route
	order  []gossip.ID // as they came; some are delivered since
}

// maxHeld bounds the messages whose way is kept until they are delivered. Of one that waits behind
// more than a thousand others only the origin is known in the end.
const maxHeld = 1024

// keep notes the way of a message's first copy.
func (h *held) keep(id gossip.ID, route gossip.Route) {
	if _, known := h.routes[id]; known {
		return
	}
	if h.routes == nil {
		h.routes = make(map[gossip.ID]gossip.Route)
	}
	if len(h.order) >= maxHeld {
		delete(h.routes, h.order[0])
		h.order = slices.Delete(h.order, 0, 1)
	}
	h.routes[id] = slices.Clone(route)
	h.order = append(h.order, id)
}

// route returns the way of a message, or what is to stand for it.
func (h *held) route(id gossip.ID, instead gossip.Route) gossip.Route {
	if route, known := h.routes[id]; known {
		return route
	}
	return instead
}

// hops is how many edges a held message has travelled, 1 when that is not known.
func (h *held) hops(id gossip.ID) int {
	return len(h.route(id, gossip.Route{0, 0})) - 1
}

// take returns the way of a message that is delivered now, and keeps it no longer.
func (h *held) take(id gossip.ID, instead gossip.Route) gossip.Route {
	route := h.route(id, instead)
	if _, known := h.routes[id]; known {
		delete(h.routes, id)
		h.order = slices.DeleteFunc(h.order, func(other gossip.ID) bool { return other == id })
	}
	return route
}
