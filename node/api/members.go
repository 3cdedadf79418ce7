package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/transport"
)

// MaxTold is how many contacts a node tells who asks for some. Whoever knows a hundred nodes soon knows all, and
// 100 bytes each are small beside a packet.
const MaxTold = 128

// Assembly is a node that finds the others of its network.
type Assembly interface {
	// Contacts are at most so many of the nodes that it knows where to find, drawn by chance, and itself.
	Contacts(most int) []Peer
	// Where says where a node listens; empty when that is not known.
	Where(gossip.NodeID) string
	// Leave says goodbye to the others, and returns when that is on its way, or ctx ends.
	Leave(ctx context.Context)
	// Membership is its name; "none" where the node does not watch who is there.
	Membership() string
}

// ContactsAnswer is whom a node knows, itself included: GET /v1/contacts. Peers may ask for it.
type ContactsAnswer struct {
	Node     gossip.NodeID `json:"node"`
	Contacts []Peer        `json:"contacts"`
}

func (h *Handler) contacts(http.ResponseWriter, *http.Request) (any, error) {
	out := ContactsAnswer{Node: h.Node, Contacts: []Peer{}}
	if h.Assembly != nil {
		out.Contacts = append(out.Contacts, h.Assembly.Contacts(MaxTold)...)
	}
	return out, nil
}

func (h *Handler) members(http.ResponseWriter, *http.Request) (any, error) {
	out := MembersAnswer{Node: h.Node, Run: h.Run, Membership: "none", Members: []Member{}, Neighbours: []gossip.NodeID{}}
	where := func(gossip.NodeID) string { return "" }
	if h.Assembly != nil {
		out.Membership, where = h.Assembly.Membership(), h.Assembly.Where
	}
	chosen := false
	h.Backend.Step(func(_ time.Time, n *node.Node) node.Effects {
		var members []gossip.Member
		if members, chosen = n.Members(); chosen {
			out.Members = TellMembers(members, where)
			neighbours, _ := n.Neighbours()
			for _, id := range neighbours.All() {
				out.Neighbours = append(out.Neighbours, id)
			}
		}
		return node.Effects{}
	})
	if !chosen {
		for _, l := range h.Backend.Wires().Links {
			out.Neighbours = append(out.Neighbours, l.ID)
		}
	}
	return out, nil
}

// TellMembers puts a view in words. Where says where a node listens.
func TellMembers(members []gossip.Member, where func(gossip.NodeID) string) []Member {
	told := make([]Member, len(members))
	for i, m := range members {
		told[i] = Member{
			ID: m.Node, Run: m.Run, Incarnation: m.Incarnation, State: m.Standing.String(), Since: m.Since.UTC(), Addr: where(m.Node),
		}
	}
	return told
}

func (h *Handler) leave(w http.ResponseWriter, r *http.Request) (any, error) {
	var req struct{}
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	assembles := false
	h.Backend.Step(func(_ time.Time, n *node.Node) node.Effects {
		_, assembles = n.Members()
		return node.Effects{}
	})
	if h.Assembly == nil || !assembles {
		return nil, NewError(CodeUsage, fmt.Sprintf("node %d has peers that others have given it, and nobody to leave", h.Node), "")
	}
	h.Assembly.Leave(r.Context())
	return LeaveAnswer{Node: h.Node}, nil
}

// Contacts asks whom the node knows. The peers' token will do.
func (c *Client) Contacts(ctx context.Context) (ContactsAnswer, error) {
	var out ContactsAnswer
	err := c.Do(ctx, http.MethodGet, "/v1/contacts", nil, &out)
	return out, err
}

// Members returns the node's own view of who is there.
func (c *Client) Members(ctx context.Context) (MembersAnswer, error) {
	var out MembersAnswer
	err := c.Do(ctx, http.MethodGet, "/v1/members", nil, &out)
	return out, err
}

// Leave has the node say goodbye to the others.
func (c *Client) Leave(ctx context.Context) error {
	return c.Do(ctx, http.MethodPost, "/v1/leave", struct{}{}, nil)
}

// Identify asks who listens at an address, and shows no token: nobody knows yet who that is. Whoever it is must
// prove to know the token. The error says why there is no node of the network.
func Identify(ctx context.Context, shared *http.Transport, addr, network, name, token string) (gossip.NodeID, error) {
	challenge := transport.Challenge()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+transport.HealthPath, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set(transport.HeaderNetwork, network)
	req.Header.Set(transport.HeaderChallenge, challenge)
	c := Client{name: "the node at " + addr}
	resp, err := shared.RoundTrip(req)
	if err != nil {
		return 0, c.explain(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxHealth))
	if err != nil {
		return 0, c.explain(err)
	}
	var failed errorBody
	if resp.StatusCode != http.StatusOK {
		if json.Unmarshal(data, &failed) != nil || failed.Error == nil || failed.Error.Message == "" {
			return 0, fmt.Errorf("at %s is no node of this network", addr)
		}
		return 0, failed.Error
	}
	var health Health
	if err := json.Unmarshal(data, &health); err != nil {
		return 0, c.nonsense(err)
	}
	if health.Service != "gossipctl" || health.Network != name {
		return 0, fmt.Errorf("at %s is no node of this network", addr)
	}
	if !transport.Proves(resp.Header.Get(transport.HeaderProof), token, network, health.Node, addr, challenge) {
		return 0, fmt.Errorf("at %s is no node of this network, although it is of one of the same name", addr)
	}
	return health.Node, nil
}
