package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/trace"
)

// recorded reads an event log; it must be whole.
func recorded(t testing.TB, path string) []trace.Event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var events []trace.Event
	if err := trace.ReadLog(f, func(_ int, e *trace.Event) { events = append(events, *e) }); err != nil {
		t.Fatal(err)
	}
	return events
}

func kindsOf(events []trace.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s ", e.Kind)
	}
	return strings.TrimSpace(b.String())
}

func tally(r *recorder) (all, lost uint64, why string) {
	var out api.FinalAnswer
	r.tally(&out)
	return out.Events, out.Lost, out.Why
}

func newRecorder(t testing.TB, path string, run uint32) *recorder {
	t.Helper()
	r, err := openRecorder(path, 3, run, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestALogGoesOnOverLives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node-3.ndjson")
	r := newRecorder(t, path, 1)
	r.note(trace.Event{Kind: trace.Start})
	r.step([]trace.Event{{Kind: trace.Publish, Message: gossip.ID{Origin: 3, Run: 1, Seq: 1}}, {Kind: trace.Deliver, Message: gossip.ID{Origin: 3, Run: 1, Seq: 1}}})
	r.accepted([]gossip.ID{{Origin: 3, Run: 1, Seq: 1}}, 5)
	// Killed, in the middle of a line.
	f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString(`{"at":"2026-0`)
	f.Close()
	r = newRecorder(t, path, 2)
	r.note(trace.Event{Kind: trace.Start})
	r.close(true)
	r.note(trace.Event{Kind: trace.Sync}) // too late
	events := recorded(t, path)
	if got := kindsOf(events); got != "start publish deliver accept start stop" {
		t.Errorf("%s", got)
	}
	for i, e := range events {
		if want := uint32(1 + i/4); e.Node != 3 || e.Run != want {
			t.Errorf("event %d is of life %d of node %d", i, e.Run, e.Node)
		}
	}
	if events[3].Count != 5 {
		t.Errorf("%+v", events[3])
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestALogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node-3.ndjson")
	r := newRecorder(t, path, 1)
	r.limit = 8 << 10
	for range 1000 {
		r.note(trace.Event{Kind: trace.Receive})
	}
	r.close(true)
	events := recorded(t, path)
	info, _ := os.Stat(path)
	last := events[len(events)-1]
	if info.Size() > r.limit || last.Kind != trace.Cut || !strings.Contains(last.Reason, "bound") || strings.Count(kindsOf(events), "cut") != 1 {
		t.Errorf("%d bytes, and the last event is %+v", info.Size(), last)
	}
	if all, lost, _ := tally(r); all != 1001 || lost != 1001-uint64(len(events)-1) {
		t.Errorf("%d of %d lost, %d are there", lost, all, len(events)-1)
	}
	r = newRecorder(t, path, 2) // what follows a cut is not told
	r.limit = 8 << 10
	r.note(trace.Event{Kind: trace.Start})
	r.close(false)
	if info, _ := os.Stat(path); info.Size() > r.limit {
		t.Errorf("%d bytes", info.Size())
	}
}

// full is a disk that is full for a while, in the middle of a write.
type full struct {
	recordFile
	fails int
}

func (f *full) Write(data []byte) (int, error) {
	if f.fails == 0 {
		return f.recordFile.Write(data)
	}
	f.fails--
	n, _ := f.recordFile.Write(data[:len(data)/2])
	return n, syscall.ENOSPC
}

func TestAFullDiskCutsTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node-3.ndjson")
	r := newRecorder(t, path, 1)
	r.note(trace.Event{Kind: trace.Start})
	r.file = &full{r.file, 4} // the event, and three tries to say so
	for range 5 {
		r.note(trace.Event{Kind: trace.Receive})
	}
	events := recorded(t, path)
	if got := kindsOf(events); got != "start cut" || !strings.Contains(events[1].Reason, "no space left") {
		t.Errorf("%s: %+v", got, events)
	}
	if all, lost, why := tally(r); all != 6 || lost != 5 || why == "" {
		t.Errorf("%d of %d lost, because %q", lost, all, why)
	}
	r.close(false)
}

func TestNoLogWhereItMustNotBe(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "link"), filepath.Join(dir, "missing", "x"), dir} {
		if _, err := openRecorder(path, 3, 1, quiet); err == nil {
			t.Errorf("%s is taken for a log", path)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a link was followed")
	}
}

// watching notes what the log of a node says at the moment when something goes out.
type watching struct{ seen func() }

func (*watching) Serve(ctx context.Context, _ func([]gossip.Envelope)) error {
	<-ctx.Done()
	return ctx.Err()
}

func (w *watching) Send(gossip.NodeID, *gossip.Envelope) error { w.seen(); return nil }

// What a node has sent or accepted stands in its log before anybody can notice it.
func TestNobodySeesWhatIsNotWrittenDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node-3.ndjson")
	p, err := protocol.New("flood", protocol.Environment{Self: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	wire := &watching{seen: func() { at = append(at, kindsOf(recorded(t, path))) }}
	a := NewAgent(node.New(node.Config{ID: 3, Run: 1, Protocol: p, Events: true}), wire, quiet)
	a.record = newRecorder(t, path, 1)
	a.SetPeers([]gossip.NodeID{8})
	a.Step(func(now time.Time, n *node.Node) node.Effects {
		_, fx, err := n.Publish(now, []byte("x"), 1)
		if err != nil {
			t.Error(err)
		}
		return fx
	})
	if !slices.Equal(at, []string{"publish deliver send"}) {
		t.Errorf("when a packet went out the log said %q", at)
	}
}

func TestFinalReadOfANode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node-3.ndjson")
	p, err := protocol.New("flood", protocol.Environment{Self: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(Config{ID: 3, Run: 2, EventFile: path, Network: "test", NetworkID: "0123", ControlToken: control, PeerToken: peer}, p, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, quiet)
	if err == nil {
		err = s.beginRecord()
	}
	if err != nil {
		t.Fatal(err)
	}
	const messages = finalPage + 10
	for i := range messages {
		s.Step(func(now time.Time, n *node.Node) node.Effects {
			_, fx, _ := n.Publish(now, fmt.Append(nil, i), 1)
			return fx
		})
	}
	before, err := s.Final(false)
	if err != nil || before.Last != messages || before.Run != 2 || before.Events != 1+2*messages {
		t.Errorf("%+v, %v", before, err)
	}
	after, err := s.Final(true)
	if err != nil || after.Events != before.Events || after.Lost != 0 {
		t.Errorf("%+v, %v", after, err)
	}
	s.record.close(true)
	events := recorded(t, path)
	inbox := slices.IndexFunc(events, func(e trace.Event) bool { return e.Kind == trace.Inbox })
	for i := range messages {
		e := events[inbox+i]
		if e.Kind != trace.Inbox || e.Count != uint64(i+1) || e.Message.Seq != uint32(i+1) || e.Digest != trace.Digest(fmt.Append(nil, i)) || e.Size != len(fmt.Append(nil, i)) || e.Run != 2 {
			t.Fatalf("entry %d: %+v", i, e)
		}
	}
	if got := kindsOf(events[inbox+messages:]); got != "end stop" || events[inbox+messages].Count != messages {
		t.Errorf("%s", got)
	}
	s.Step(func(_ time.Time, within *node.Node) node.Effects {
		if _, unread, _ := within.Size(); unread != messages {
			t.Errorf("%d of %d unread: the final read has marked some", unread, messages)
		}
		return node.Effects{}
	})
}

// BenchmarkDelivery is what a delivery costs a node that records it, and one that does not.
func BenchmarkDelivery(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(map[bool]string{false: "silent", true: "recorded"}[on], func(b *testing.B) {
			p, err := protocol.New("flood", protocol.Environment{Self: 3}, nil)
			if err != nil {
				b.Fatal(err)
			}
			a := NewAgent(node.New(node.Config{ID: 3, Run: 1, Protocol: p, Events: on, Capacity: 1 << 30, CapacityBytes: 1 << 50}), &watching{seen: func() {}}, quiet)
			if on {
				a.record = newRecorder(b, filepath.Join(b.TempDir(), "log"), 1)
				a.record.limit = 1 << 50
			}
			a.SetPeers([]gossip.NodeID{8, 11, 20})
			body := make([]byte, 256)
			seq := uint32(0)
			b.ReportAllocs()
			for b.Loop() {
				seq++
				id := gossip.ID{Origin: 9, Run: 1, Seq: seq}
				a.receive([]gossip.Envelope{{
					From: 8, Packet: gossip.Packet{Kind: 1, Limit: 1, Hops: 1, Messages: []gossip.Message{{ID: id, Body: body, Sent: time.Unix(0, 0)}}},
					Routes: []gossip.Route{{9, 8}},
				}})
			}
		})
	}
}

// punctual asks to be woken every second, and notes when it is.
type punctual struct {
	began time.Time
	woken []time.Duration
}

func (p *punctual) Peers(now time.Time, _ gossip.Peers, o *gossip.Outbox) {
	p.began = now
	o.Alarm(now.Add(time.Second), 1)
}
func (*punctual) Publish(time.Time, gossip.Message, int, *gossip.Outbox)          {}
func (*punctual) Receive(time.Time, gossip.NodeID, gossip.Packet, *gossip.Outbox) {}
func (p *punctual) Wake(now time.Time, _ gossip.Timer, o *gossip.Outbox) {
	p.woken = append(p.woken, now.Sub(p.began))
	o.Alarm(now.Add(time.Second), 1)
}

// A node that is held starts nothing of its own, and goes on by itself.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(punctual)
		a := NewAgent(node.New(node.Config{ID: 3, Run: 1, Protocol: p}), &watching{seen: func() {}}, quiet)
		ctx, end := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { a.Run(ctx) })
		a.SetPeers(nil)
		time.Sleep(1500 * time.Millisecond)
		a.Hold(3 * time.Second)             // until 4.5 s
		time.Sleep(4700 * time.Millisecond) // until 6.2 s
		a.Hold(api.MaxHold)
		time.Sleep(2300 * time.Millisecond) // until 8.5 s
		a.Hold(0)                           // let go
		time.Sleep(1200 * time.Millisecond)
		end()
		group.Wait()
		want := []time.Duration{time.Second, 4500 * time.Millisecond, 5500 * time.Millisecond, 8500 * time.Millisecond, 9500 * time.Millisecond}
		if !slices.Equal(p.woken, want) {
			t.Errorf("woken after %v, want %v", p.woken, want)
		}
	})
}

// A final read of a log that was closed meanwhile counts nothing, above all not below zero.
func TestAFinalReadAfterTheEndCountsNothing(t *testing.T) {
	r := newRecorder(t, filepath.Join(t.TempDir(), "node-3.ndjson"), 1)
	r.note(trace.Event{Kind: trace.Start})
	r.close(true)
	before, _, _ := tally(r)
	r.final([]trace.Event{{Kind: trace.Inbox}, {Kind: trace.End}})
	if all, _, _ := tally(r); all != before {
		t.Errorf("%d events, before %d", all, before)
	}
}

// The end of a final read says how many lines are before it, those of earlier lives too.
func TestAFinalReadCountsTheLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for run := range uint32(2) {
		r := newRecorder(t, path, run+1)
		r.note(trace.Event{Kind: trace.Start})
		r.note(trace.Event{Kind: trace.Sync, Count: 1})
		r.final([]trace.Event{{Kind: trace.Link, Peer: 1}, {Kind: trace.End}})
		r.close(true)
	}
	ends := 0
	for i, e := range recorded(t, path) {
		if e.Kind == trace.End {
			ends++
			if e.Counts[trace.CountLines] != uint64(i) {
				t.Errorf("behind %d lines: %v", i, e.Counts)
			}
		}
	}
	if ends != 2 {
		t.Errorf("%d ends", ends)
	}
}
