package protocol_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write into testdata what the protocols say now; then read the difference")

// indent stands before each line that a network said. Everything else in a transcript is the
// script: comments, empty lines and commands.
const indent = "    "

// TestTranscripts plays testdata/<protocol>/*.txt. They are what a protocol promises, to the packet.
func TestTranscripts(t *testing.T) {
	for _, kind := range protocol.Table() {
		files, err := filepath.Glob(filepath.Join("testdata", kind.Name, "*.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			t.Errorf("%s has no transcript: tell its story in testdata/%[1]s/", kind.Name)
		}
		for _, file := range files {
			t.Run(kind.Name+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { replay(t, kind, file) })
		}
	}
}

func replay(t *testing.T, kind protocol.Kind, file string) {
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := play(kind, string(want))
	if err != nil {
		t.Fatalf("%s:%v", file, err)
	}
	if got == string(want) {
		return
	}
	if !*rewrite {
		t.Errorf("%s (-the file +%s)\n%s\nif the new words are right: go test ./protocol -rewrite",
			file, kind.Name, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")))
		return
	}
	if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// play carries out a transcript and returns it with what the network says now.
func play(kind protocol.Kind, text string) (string, error) {
	s := &script{kind: kind}
	var b strings.Builder
	for i, line := range strings.SplitAfter(text, "\n") {
		if strings.HasPrefix(line, indent) {
			continue // what it said the last time
		}
		b.WriteString(line)
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		said, err := s.do(line)
		if err != nil {
			return "", fmt.Errorf("%d: %w", i+1, err)
		}
		for _, words := range said {
			b.WriteString(indent + words + "\n")
		}
	}
	return b.String(), nil
}

// TestRepairTranscripts plays testdata/repair/*.txt: what repair does around flood.
func TestRepairTranscripts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", repairFolder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	kind, err := protocol.Find("flood")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { replay(t, repairedKind(kind), file) })
	}
}

const repairFolder = "repair" // the transcripts of what can be put around any protocol

func TestEveryTranscriptHasAProtocol(t *testing.T) {
	folders, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder.Name() == "fuzz" || folder.Name() == repairFolder {
			continue // what go test -fuzz found, and what goes with any protocol
		}
		if _, err := protocol.Find(folder.Name()); err != nil {
			t.Errorf("testdata/%s: %v", folder.Name(), err)
		}
	}
}

// chime is a protocol to try the scripts' clock on: a message goes to all peers one second after it
// came, and its name once more a second later. Whoever gets it waits half a second to deliver it.
type chime struct {
	self  gossip.NodeID
	peers gossip.Peers
	held  []gossip.Message
}

const (
	chimeMessage gossip.Timer = iota
	chimeNames
)

func (c *chime) Peers(_ time.Time, peers gossip.Peers, _ *gossip.Outbox) {
	c.peers = peers
}

func (c *chime) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	out.Deliver(m)
	c.held = append(c.held, m)
	out.Alarm(now.Add(time.Second), chimeMessage)
	out.Alarm(now.Add(2*time.Second), chimeNames)
}

func (c *chime) Receive(now time.Time, _ gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if len(p.Messages) == 1 {
		c.held = append(c.held, p.Messages[0])
		out.Alarm(now.Add(500*time.Millisecond), chimeMessage)
	}
}

func (c *chime) Wake(_ time.Time, t gossip.Timer, out *gossip.Outbox) {
	last := c.held[len(c.held)-1]
	if last.ID.Origin != c.self {
		out.Deliver(last)
		return
	}
	for _, peer := range c.peers.All() {
		if t == chimeMessage {
			out.Send(peer, gossip.Packet{Kind: 1, Messages: []gossip.Message{last}})
		} else {
			out.Send(peer, gossip.Packet{Kind: 2, IDs: []gossip.ID{last.ID}})
		}
	}
}

var chimeKind = protocol.Kind{Name: "chime", Make: func(protocol.Values) func(protocol.Environment) gossip.Protocol {
	return func(env protocol.Environment) gossip.Protocol { return &chime{self: env.Self} }
}}

func TestScriptsKeepTime(t *testing.T) {
	const want = `nodes 2 line
    1 knows 2
    2 knows 1
publish 1 plum
    1 delivers 1.1.1
    1 will wake at 1s
    1 will wake at 2s
wake 1
    1 → 2  1.1.1 "plum"
duplicate 2
    1 → 2  1.1.1 "plum" twice
drop 1->2
    1 → 2  1.1.1 "plum" lost
    1 → 2  1.1.1 "plum" lost
wake 1
    1 → 2  kind 2 names 1.1.1
deliver 1->2
    2 does nothing with what it got from 1
publish 1 pear
    1 delivers 1.1.2
    1 will wake at 3s
    1 will wake at 4s
run 1s
    1 → 2  1.1.2 "pear"
    2 holds 1.1.2 from 1 back
    2 will wake at 3.5s
wake 2
    2 delivers 1.1.2
run 1m quiet
count
    packets sent 4, lost 2, under way 0; copies refused 0
    1.1.1 at 1 of 2 nodes, sent 1, copies taken 0
    1.1.2 at 2 of 2 nodes, sent 1, copies taken 1
`
	got, err := play(chimeKind, want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestScriptsRefuseNonsense(t *testing.T) {
	const network = "nodes 3 ring\npublish 1 plum\n"
	for _, text := range []string{
		"levitate 3", "publish 1 plum", "nodes 3", "nodes x ring", "nodes 0 ring", "nodes 3 moebius", "edges 1-x", "edges y-1",
		"set relays", "set relays=0\nnodes 3 ring", "set colour=red", "nodes 3 ring\nnodes 3 ring", network + "set relays=2",
		network + "publish 4 plum", network + "publish 1", network + "publish 1 plum limit=many", network + "publish 1 plum limt=3",
		network + "deliver", network + "deliver 1", network + "deliver 3->1", network + "deliver 9->1", network + "deliver 1->9", network + "drop 3->2",
		network + "settle loudly", network + "wake 1", network + "wake 9", network + "run", network + "run fast", network + "crash",
		network + "peers 1", network + "peers 9 1", network + "peers 1 2,9", network + "inbox", network + "paths 4",
		network + "inject 2 messages=1.1.1", network + "inject 2 from=1 messages=1.1", network + "inject 2 from=1 ids=x",
		network + "inject 2 from=1 limit=some", network + "inject 2 from=1 messages=1.1.1 route=one", network + "inject from=1",
	} {
		kind, err := protocol.Find("flood")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := play(kind, text); err == nil {
			t.Errorf("%q passed as\n%s", text, got)
		}
	}
}

// TestTranscriptsAreCompared makes sure that a wrong word in a transcript is noticed.
func TestTranscriptsAreCompared(t *testing.T) {
	const wrong = "nodes 2 line\n    1 knows 2\n    2 knows 3\n"
	if got, err := play(chimeKind, wrong); err != nil || got == wrong {
		t.Errorf("%v\n%s", err, got)
	}
}
