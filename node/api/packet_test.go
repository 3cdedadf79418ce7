package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
)

// A packet as JSON has the bounds of one on a wire, and says exactly what it says.
func TestPacketRequests(t *testing.T) {
	const sent = `"sent":"2026-01-02T03:04:05Z"`
	message := func(id, body, route string) string {
		return fmt.Sprintf(`{"from":2,"kind":1,"limit":1,"hops":1,"messages":[{"id":%q,"body_base64":%q,%s,"route":%s}]}`, id, body, sent, route)
	}
	long := "[" + strings.Repeat("2,", gossip.MaxHops) + "2]"
	for name, c := range map[string]struct {
		request, says string // says empty = good
	}{
		"good":              {message("2.1.1", "eA==", "[2]"), ""},
		"from nobody":       {`{"from":0,"kind":1}`, "another node"},
		"from itself":       {`{"from":1,"kind":1}`, "another node"},
		"from below":        {`{"from":-3,"kind":1}`, "another node"},
		"limit below":       {`{"from":2,"limit":-1}`, "limit -1"},
		"limit above":       {`{"from":2,"limit":1001}`, "limit 1001"},
		"hops below":        {`{"from":2,"hops":-1}`, "hops -1"},
		"hops above":        {`{"from":2,"hops":16385}`, "hops 16385"},
		"kind above":        {`{"from":2,"kind":256}`, "kind"},
		"no name":           {message("", "eA==", "[2]"), "ORIGIN.RUN.SEQ"},
		"a name too large":  {message("2.1.4294967296", "eA==", "[2]"), "ORIGIN.RUN.SEQ"},
		"a bad name listed": {`{"from":2,"kind":2,"ids":["2.1"]}`, "ORIGIN.RUN.SEQ"},
		"node 0 on the way": {message("2.1.1", "eA==", "[2,0]"), "node number 0"},
		"below on the way":  {message("2.1.1", "eA==", "[-2]"), "node number"},
		"a way too long":    {message("2.1.1", "eA==", long), "route"},
		"too large":         {message("2.1.1", strings.Repeat("eHh4", gossip.MaxBody/3+1), "[2]"), "65536"},
		"too many names":    {`{"from":2,"kind":2,"ids":[` + strings.Repeat(`"2.1.1",`, gossip.MaxIDs) + `"2.1.1"]}`, "4096"},
		"too many messages": {`{"from":2,"messages":[` + strings.Repeat(`{"id":"2.1.1",`+sent+`},`, gossip.MaxMessages) + `{"id":"2.1.1",` + sent + `}]}`, "1024"},
		"before all times":  {strings.Replace(message("2.1.1", "eA==", "[2]"), "2026", "0001", 1), "sent"},
		"after all times":   {strings.Replace(message("2.1.1", "eA==", "[2]"), "2026", "9999", 1), "sent"},
	} {
		d := newDesk(t, node.Config{})
		status, answer := d.call(t, "POST", "/v1/packets", c.request, nil)
		messages, _, _ := d.node.Size()
		if c.says == "" && (status != 200 || messages != 1) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
		if c.says != "" && (status != 400 || !strings.Contains(answer, c.says) || messages != 0) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}

// FuzzPacketEnvelope puts packets as JSON, one a line, to one node that floods. Nothing panics, what
// a packet says is what the node is told, and an answer has at most one packet for each message and
// peer, which any wire can carry.
func FuzzPacketEnvelope(f *testing.F) {
	const sent = `"sent":"2026-01-02T03:04:05.000000001Z"`
	line := func(from int, id, rest string) string {
		return fmt.Sprintf(`{"from":%d,"kind":1,"limit":2,"hops":1,"messages":[{"id":%q,"body_base64":"eA==",%s,%s}]}`, from, id, sent, rest)
	}
	for _, lines := range [][]string{
		{line(2, "2.1.1", `"route":[2]`), line(3, "2.1.1", `"route":[2,3]`), line(2, "2.1.1", `"route":[2]`), line(2, "2.1.1", `"route":[2]`)},
		{line(2, "1.1.1", `"route":[1,2]`), line(9, "2.1.1", `"route":[9]`), line(2, "2.1.1", `"route":[]`), line(2, "2.1.1", `"route":null`)},
		{`{"from":2,"kind":1,"limit":1,"hops":16384,"messages":[{"id":"2.1.1",` + sent + `,"route":[2]}]}`},
		{`{"from":2,"kind":1,"limit":1,"hops":1,"messages":[{"id":"2.1.1",` + sent + `,"route":[2]},{"id":"2.1.2",` + sent + `,"route":[2]}]}`},
		{`{"from":2,"kind":7,"limit":0,"hops":0,"messages":[],"ids":["2.1.1"]}`, `{"from":2}`, `{"from":1}`, `{}`},
		{`{"from":2147483647,"kind":1,"limit":1000,"hops":0,"messages":[{"id":"2147483647.2147483647.2147483647","sent":"1677-09-21T00:12:43Z","route":[2147483647]}]}`},
	} {
		f.Add([]byte(strings.Join(lines, "\n")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDesk(t, node.Config{Capacity: 8, CapacityBytes: 1 << 16})
		d.SetPeers([]Peer{{2, ""}, {3, ""}, {4, ""}})
		for text := range bytes.Lines(data) {
			var req PacketRequest
			if DecodeStrict(text, &req) != nil {
				continue
			}
			e, err := req.envelope(1)
			if err != nil {
				continue
			}
			saysTheSame(t, &req, e)
			d.sent = nil
			d.Step(func(now time.Time, n *node.Node) node.Effects { return n.Receive(now, e) })
			if most := len(d.peers) * max(1, len(req.Messages)); len(d.sent) > most {
				t.Errorf("%d sends because of one packet, at most %d are due: %s", len(d.sent), most, text)
			}
			for _, out := range d.sent {
				if out.err != nil && len(req.Messages[0].Route) < gossip.MaxHops {
					t.Errorf("answers with what no wire carries: %v", out.err)
				}
				if out.to == req.From {
					t.Errorf("sends back to %d what came from there: %s", out.to, text)
				}
			}
			if messages, _, _ := d.node.Size(); messages > 8 {
				t.Errorf("the inbox holds %d messages", messages)
			}
			var page ReadAnswer
			if status, answer := d.call(t, "POST", "/v1/messages/read", `{"status":"all","peek":true}`, &page); status != 200 {
				t.Errorf("reading: %d %s", status, answer)
			}
			if err := checkMessages(page.Messages, 0); err != nil {
				t.Errorf("lists what a client refuses: %v", err)
			}
		}
	})
}

// saysTheSame compares an envelope with the request it was made of.
func saysTheSame(t *testing.T, req *PacketRequest, e *gossip.Envelope) {
	t.Helper()
	back := PacketRequest{From: e.From, Kind: e.Packet.Kind, Limit: e.Packet.Limit, Hops: e.Packet.Hops}
	same := len(req.Messages) == len(e.Packet.Messages) && len(req.IDs) == len(e.Packet.IDs) &&
		req.From == back.From && req.Kind == back.Kind && req.Limit == back.Limit && req.Hops == back.Hops
	for i := 0; same && i < len(req.Messages); i++ {
		want, got := req.Messages[i], e.Packet.Messages[i]
		same = want.ID == got.ID.String() && bytes.Equal(want.Body, got.Body) && want.Sent.Equal(got.Sent) && fmt.Sprint(want.Route) == fmt.Sprint(e.Routes[i])
	}
	for i := 0; same && i < len(req.IDs); i++ {
		same = req.IDs[i] == e.Packet.IDs[i].String()
	}
	if !same {
		text, _ := json.Marshal(req)
		t.Errorf("%s became %+v", text, e)
	}
}
