package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/journal"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/protocol"

	"github.com/google/go-cmp/cmp"
)

var moment = time.Unix(1_800_000_000, 123)

// life is a node's life without wires: a server that serves nobody.
func life(t testing.TB, cfg Config) *server {
	t.Helper()
	s, err := tryLife(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Agent.SetPeers([]gossip.NodeID{8})
	return s
}

func tryLife(t testing.TB, cfg Config) (*server, error) {
	t.Helper()
	if cfg.Run == 0 {
		cfg.Run = 1
	}
	cfg.Network, cfg.NetworkID, cfg.ID, cfg.ControlToken, cfg.PeerToken = "test", "0123", 3, control, peer
	p, err := protocol.New("flood", protocol.Environment{Self: cfg.ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newServer(cfg, p, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, quiet)
}

func (s *server) publish(t testing.TB, body string) (gossip.ID, error) {
	t.Helper()
	var m gossip.Message
	var err error
	s.Step(func(now time.Time, n *node.Node) (fx node.Effects) {
		m, fx, err = n.Publish(now, []byte(body), 1)
		return fx
	})
	if err == nil {
		err = s.Sync(t.Context())
	}
	return m.ID, err
}

func (s *server) receive(body string, id gossip.ID) {
	s.Agent.receive([]gossip.Envelope{{
		From: 8, Packet: gossip.Packet{Kind: 1, Limit: 1, Hops: 1, Messages: []gossip.Message{{ID: id, Body: []byte(body), Sent: moment}}},
		Routes: []gossip.Route{{id.Origin, 8}},
	}})
}

// inbox is all that a node has, as it comes back after a restart.
func (s *server) inbox() (saved []node.Saved) {
	s.Step(func(_ time.Time, n *node.Node) node.Effects {
		saved, _, _ = n.Snapshot()
		return node.Effects{}
	})
	return saved
}

// A durable node that was killed after any step has everything again, in order, and with its marks.
func TestADurableInboxOutlastsTheProcess(t *testing.T) {
	cfg := Config{DataFile: filepath.Join(t.TempDir(), "node-3.inbox"), Durable: true}
	var before []node.Saved
	for run := uint32(1); run <= 4; run++ {
		cfg.Run = run
		s := life(t, cfg)
		if diff := cmp.Diff(before, s.inbox()); diff != "" && run > 1 {
			t.Fatalf("life %d: %s", run, diff)
		}
		if s.restored != uint64(len(before)) {
			t.Errorf("life %d: restored %d of %d", run, s.restored, len(before))
		}
		id, err := s.publish(t, fmt.Sprint("own ", run))
		if want := (gossip.ID{Origin: 3, Run: run, Seq: 1}); err != nil || id != want {
			t.Fatalf("published %v, %v", id, err)
		}
		s.receive(fmt.Sprint("theirs\x00", run), gossip.ID{Origin: 9, Run: 1, Seq: run})
		s.receive("again", gossip.ID{Origin: 9, Run: 1, Seq: 1}) // had in an earlier life, or just now
		s.Step(func(_ time.Time, n *node.Node) node.Effects {
			n.Messages(node.Query{Status: node.Unread, Limit: 1})
			return node.Effects{}
		})
		before = s.inbox()
		if len(before) != 2*int(run) {
			t.Fatalf("life %d: %d messages", run, len(before))
		}
		if run%2 == 0 { // ended well; else killed
			if err := s.letGo(); err != nil {
				t.Fatal(err)
			}
		} else {
			cfg.DataFile = left(t, s)
		}
	}
}

// left is the file that a node would leave if it was killed now.
func left(t *testing.T, s *server) (path string) {
	t.Helper()
	data, err := os.ReadFile(s.cfg.DataFile)
	path = filepath.Join(t.TempDir(), "left.inbox")
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.letGo() })
	return path
}

func TestWhoseInboxItIs(t *testing.T) {
	cfg := Config{DataFile: filepath.Join(t.TempDir(), "node-3.inbox"), Durable: true, Run: 2}
	s := life(t, cfg)
	if _, err := s.publish(t, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := tryLife(t, cfg); !errors.Is(err, journal.ErrBusy) {
		t.Errorf("opened by two: %v", err)
	}
	if err := s.letGo(); err != nil {
		t.Fatal(err)
	}
	if _, err := tryLife(t, cfg); err == nil || !strings.Contains(err.Error(), "has message 3.2.1") {
		t.Errorf("the same life twice: %v", err)
	}
	if _, err := tryLife(t, Config{Durable: true}); err == nil {
		t.Error("a durable node without a file")
	}
	other := filepath.Join(t.TempDir(), "node-4.inbox")
	j, err := journal.Create(other, records(4, nil, 0, nil, ownMap{}))
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	before, _ := os.ReadFile(other)
	for _, durable := range []bool{false, true} {
		if _, err := tryLife(t, Config{DataFile: other, Durable: durable}); err == nil || !strings.Contains(err.Error(), "inbox of node 4") {
			t.Errorf("node 3 took the inbox of node 4: %v", err)
		}
	}
	if after, _ := os.ReadFile(other); !bytes.Equal(before, after) {
		t.Error("the file of another was changed")
	}
}

// A node that is not durable keeps nothing until it is told to save, and follows from then on.
func TestSavingAMemoryInbox(t *testing.T) {
	cfg := Config{DataFile: filepath.Join(t.TempDir(), "node-3.inbox")}
	s := life(t, cfg)
	if _, err := s.publish(t, "before"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(cfg.DataFile); err == nil {
		t.Error("it has a file without having been told to")
	}
	for range 2 { // saving twice is harmless
		if n, err := s.Save(t.Context()); n != 1 || err != nil {
			t.Fatalf("saved %d, %v", n, err)
		}
	}
	s.receive("after", gossip.ID{Origin: 9, Run: 1, Seq: 1})
	want := s.inbox()

	cfg.Run, cfg.DataFile = 2, left(t, s)
	s = life(t, cfg)
	if diff := cmp.Diff(want, s.inbox()); diff != "" {
		t.Error(diff)
	}
	s.publish(t, "lost")
	if err := s.letGo(); err != nil {
		t.Fatal(err)
	}
	cfg.Run = 3
	if s = life(t, cfg); len(s.inbox()) != 2 {
		t.Errorf("the file it had found was changed: %d messages", len(s.inbox()))
	}
	embedded := &server{Agent: new(Agent)}
	if _, err := embedded.Save(t.Context()); api.CodeOf(err) != api.CodeUsage {
		t.Errorf("a node without a file saved: %v", err)
	}
}

// The file of an inbox that drops its oldest stays small, and what has gone through is not delivered
// again, however often it comes.
func TestTheFileOfAnInboxThatDropsIsCompacted(t *testing.T) {
	cfg := Config{DataFile: filepath.Join(t.TempDir(), "node-3.inbox"), Durable: true, Capacity: 20, DropOldest: true}
	s := life(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { s.compacting(ctx) })
	defer group.Wait()
	defer cancel()
	body := strings.Repeat("x", 60_000)
	const messages = 300
	for seq := uint32(1); seq <= messages; seq++ {
		s.receive(body, gossip.ID{Origin: 9, Run: 1, Seq: seq})
	}
	waitFor(t, func() bool { return s.keeper.journal.Size() < 2*smallFile }, "the file has %d bytes", s.keeper.journal.Size())
	before := s.inbox()
	cfg.Run, cfg.DataFile = 2, left(t, s)
	s = life(t, cfg)
	if after := s.inbox(); !reflect.DeepEqual(before, after) { // a diff of so much would take a minute
		t.Errorf("%d messages came back of %d, or others", len(after), len(before))
	}
	s.receive("again", gossip.ID{Origin: 9, Run: 1, Seq: 5})
	var dropped uint64
	var last uint64
	s.Step(func(_ time.Time, n *node.Node) node.Effects {
		dropped = n.Counters().Dropped["expired"]
		_, _, last = n.Size()
		return node.Effects{}
	})
	if dropped != 1 || last != messages {
		t.Errorf("%d copies dropped as known, numbers up to %d", dropped, last)
	}
	if err := s.letGo(); err != nil {
		t.Fatal(err)
	}
}

// When the file cannot be written any more although there was room, nothing of the step is seen by
// anybody, and the node ends.
func TestABrokenFileEndsADurableNode(t *testing.T) {
	s := life(t, Config{DataFile: filepath.Join(t.TempDir(), "node-3.inbox"), Durable: true})
	s.keeper.journal.Close() // every write fails from here on
	if _, err := s.publish(t, "x"); err == nil {
		t.Error("accepted")
	}
	select {
	case err := <-s.keeper.failed:
		if !strings.Contains(err.Error(), "the inbox of node 3 cannot be kept") {
			t.Error(err)
		}
	default:
		t.Error("the node goes on")
	}
	if _, err := s.publish(t, "y"); !errors.Is(err, node.ErrNotKept) {
		t.Errorf("goes on taking messages: %v", err)
	}
}

func TestRecordsComeBack(t *testing.T) {
	saved := []node.Saved{
		{Message: gossip.Message{ID: gossip.ID{Origin: 3, Run: 1, Seq: 1}, Body: []byte{}, Sent: moment}, Route: gossip.Route{3}, Received: moment, Read: true},
		{Message: gossip.Message{ID: gossip.ID{Origin: 1<<31 - 1, Run: 1<<31 - 1, Seq: 1<<31 - 1}, Body: []byte("\x00\xff"), Sent: moment},
			Route: gossip.Route{1<<31 - 1, 8, 3}, Received: moment.Add(time.Hour)},
	}
	names := make([]node.Seen, listed+5)
	for i := range names {
		names[i] = node.Seen{First: gossip.ID{Origin: 9, Run: 1, Seq: uint32(2*i + 1)}, Last: uint32(2*i + 1)}
	}
	got := kept{self: 3}
	for record := range records(3, saved, 7, names, ownMap{}) {
		if err := got.add(slices.Clone(record)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(saved, got.saved); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(names, got.names); diff != "" || got.gone != 7 {
		t.Error(got.gone, diff)
	}
	for i := range saved {
		if size := len(appendEntry(nil, &saved[i])); size > entrySize(len(saved[i].Message.Body), len(saved[i].Route)) {
			t.Errorf("entry %d takes %d bytes, more than was said", i, size)
		}
	}
}

// No record, however strange, makes a panic or more than it holds.
func FuzzRecords(f *testing.F) {
	entry := appendEntry(nil, &node.Saved{Message: gossip.Message{ID: gossip.ID{Origin: 9, Run: 1, Seq: 1}, Body: []byte("x"), Sent: moment}, Route: gossip.Route{9, 3}, Received: moment})
	f.Add(entry)
	f.Add(entry[:12])
	f.Add(appendRead(nil, []gossip.ID{{Origin: 9, Run: 1, Seq: 1}}))
	f.Add(appendGone(nil, 3, []node.Seen{{First: gossip.ID{Origin: 9, Run: 1, Seq: 1}, Last: 4}}))
	f.Add([]byte("e\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, record []byte) {
		k := kept{self: 3}
		if err := k.add(appendOwner(nil, 3)); err != nil {
			t.Fatal(err)
		}
		if err := k.add(entry); err != nil {
			t.Fatal(err)
		}
		if err := k.add(record); err != nil {
			return
		}
		if len(k.saved) > 2 || len(k.names) > len(record) {
			t.Fatalf("%d entries and %d names of one record", len(k.saved), len(k.names))
		}
		for i := range k.saved { // what was taken in can be written again
			again := kept{self: 3, owned: true, at: map[gossip.ID]int{}}
			if err := again.add(appendEntry(nil, &k.saved[i])); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(k.saved[i], again.saved[0]); diff != "" && i == 1 {
				t.Fatal(diff)
			}
		}
	})
}

// Whoever asks again of a node that can keep nothing any more is told the same, and no more each time.
func TestWhyNothingIsKeptIsToldOnce(t *testing.T) {
	s := life(t, Config{Durable: true, DataFile: filepath.Join(t.TempDir(), "inbox")})
	if _, err := s.publish(t, "kept"); err != nil {
		t.Fatal(err)
	}
	first := s.keeper.fail(errors.New("no disk"))
	for range 3 {
		if err := s.Sync(t.Context()); err == nil || err.Error() != first.Error() {
			t.Fatalf("%v, and first %v", err, first)
		}
	}
	if err := s.letGo(); err != nil {
		t.Fatal(err)
	}
}
