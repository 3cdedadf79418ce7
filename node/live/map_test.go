package live

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/node"
	"gossipctl/values"

	"github.com/google/go-cmp/cmp"
)

// sharing is a node's life without wires, with values.
func sharing(t testing.TB, cfg Config) *server {
	t.Helper()
	cfg.Network, cfg.NetworkID, cfg.ID, cfg.ControlToken, cfg.PeerToken = "test", "0123", 3, control, peer
	maker, err := layers.New(layers.Spec{Protocol: "flood"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(cfg, maker.Make(1, 3, cfg.Run), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	s.Agent.SetPeers([]gossip.NodeID{8})
	return s
}

func (s *server) set(t testing.TB, c values.Change) gossip.ID {
	t.Helper()
	var m gossip.Message
	var err error
	s.Step(func(now time.Time, n *node.Node) (fx node.Effects) {
		m, fx, err = n.SetValue(now, c)
		return fx
	})
	if err != nil {
		t.Fatal(err)
	}
	return m.ID
}

func (s *server) ownValues() (own ownMap) {
	s.Step(func(_ time.Time, n *node.Node) node.Effects {
		own = ownMapOf(n)
		return node.Effects{}
	})
	return own
}

// byMoment compares moments and not what else a time.Time has.
var byMoment = []cmp.Option{cmp.AllowUnexported(ownMap{}), cmp.Comparer(time.Time.Equal), cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })}

// The own map of a durable node is there again after any end, and goes on: versions grow, what was deleted stays so.
func TestADurableMapOutlastsTheProcess(t *testing.T) {
	cfg := Config{DataFile: filepath.Join(t.TempDir(), "node-3.inbox"), Durable: true}
	var before ownMap
	for run := uint32(1); run <= 5; run++ {
		cfg.Run = run
		s := sharing(t, cfg)
		if diff := cmp.Diff(before, s.ownValues(), byMoment...); diff != "" && run > 1 {
			t.Fatalf("life %d: %s", run, diff)
		}
		syncs := s.keeper.journal.Syncs()
		if id := s.set(t, values.Change{Key: "k", Value: fmt.Append(nil, "v", run), TTL: 7}); id != gossip.UpdateID(3, 1, 4*run-3) {
			t.Fatalf("life %d: version %v", run, id)
		}
		if s.keeper.journal.Syncs() == syncs {
			t.Error("a version was made known before it was on disk")
		}
		s.set(t, values.Change{Key: fmt.Sprint("gone", run), Value: []byte("x")})
		s.set(t, values.Change{Key: fmt.Sprint("gone", run), Delete: true})
		s.set(t, values.Change{Key: "shared", Value: []byte("y"), Register: true})
		s.receive("theirs", gossip.UpdateID(8, 1, run)) // no update, and not kept
		before = s.ownValues()
		if before.run != 1 || before.version != 4*run || len(before.entries) != int(2+run) {
			t.Fatalf("life %d: %+v", run, before)
		}
		switch run % 3 {
		case 0: // ended well
			if err := s.letGo(); err != nil {
				t.Fatal(err)
			}
		case 1: // killed
			cfg.DataFile = left(t, s)
		case 2: // killed after the file was written anew
			own := ownMapOf(s.node)
			saved, gone, names := s.node.Snapshot()
			if err := s.keeper.journal.Replace(s.keeper.journal.Mark(), records(3, saved, gone, names, own)); err != nil {
				t.Fatal(err)
			}
			cfg.DataFile = left(t, s)
		}
	}
}

// A network that is kept for later brings its values along. They begin a new life: what the node has said since it was
// saved, others may know better than its file.
func TestASavedMapBeginsANewLife(t *testing.T) {
	cfg := Config{DataFile: filepath.Join(t.TempDir(), "node-3.inbox"), Run: 1}
	s := sharing(t, cfg)
	s.set(t, values.Change{Key: "a", Value: []byte("old")})
	s.set(t, values.Change{Key: "a", Value: []byte("1")})
	s.set(t, values.Change{Key: "b", Value: []byte("2")})
	if _, err := s.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.set(t, values.Change{Key: "c", Value: []byte("3")}) // the file follows
	s.set(t, values.Change{Key: "b", Delete: true})
	cfg.Run, cfg.DataFile = 2, left(t, s)
	s = sharing(t, cfg)
	own := s.ownValues()
	if own.run != 2 || own.version != 3 || len(own.entries) != 3 {
		t.Fatalf("%+v", own)
	}
	text := ""
	for _, e := range s.node.Values().Entries(3, "", false) {
		text += fmt.Sprintf("%s=%s@%d.%d ", e.Key, e.Value, e.Run, e.Version)
	}
	if text != "a=1@2.1 c=3@2.2 " {
		t.Error(text)
	}
	if id := s.set(t, values.Change{Key: "d"}); id != gossip.UpdateID(3, 2, 4) {
		t.Error(id)
	}
}

// A file that a node changes all the time stays small.
func TestTheFileOfABusyMapIsWrittenAnew(t *testing.T) {
	cfg := Config{DataFile: filepath.Join(t.TempDir(), "node-3.inbox"), Run: 1}
	s := sharing(t, cfg)
	if _, err := s.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, values.MaxValue)
	for i := range smallFile/len(body) + 2 {
		body[0] = byte(i)
		s.set(t, values.Change{Key: "k", Value: body})
	}
	select {
	case <-s.keeper.compact:
	default:
		t.Errorf("a file of %d bytes for one value", s.keeper.journal.Size())
	}
	if err := s.letGo(); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsOfValues(t *testing.T) {
	e := values.Entry{Owner: 3, Run: 1, Version: 2, Key: "k", Value: []byte("v"), Updated: moment, Received: moment}
	later := e
	later.Version, later.Value = 5, []byte("w")
	newer := e
	newer.Run, newer.Version = 2, 1
	alien := e
	alien.Owner = 4
	for name, c := range map[string]struct {
		records [][]byte
		run     uint32
		version uint32
		err     error
	}{
		"in order":           {[][]byte{appendValue(nil, &e), appendValue(nil, &later)}, 1, 5, nil},
		"the last is gone":   {[][]byte{appendMap(nil, 1, 9), appendValue(nil, &e)}, 1, 9, nil},
		"a newer life":       {[][]byte{appendValue(nil, &later), appendValue(nil, &newer)}, 2, 1, nil},
		"an older life":      {[][]byte{appendValue(nil, &newer), appendValue(nil, &e)}, 0, 0, errRecord},
		"of another":         {[][]byte{appendValue(nil, &alien)}, 0, 0, errRecord},
		"cut":                {[][]byte{appendValue(nil, &e)[:8]}, 0, 0, errRecord},
		"nothing":            {[][]byte{{valueRecord}}, 0, 0, errRecord},
		"no life":            {[][]byte{appendMap(nil, 0, 1)}, 0, 0, errRecord},
		"more than a map":    {[][]byte{append(appendMap(nil, 1, 1), 0)}, 0, 0, errRecord},
		"a version too many": {[][]byte{appendMap(nil, 1, 1<<31-1)}, 0, 0, errRecord},
		"no key":             {[][]byte{appendValue(nil, &values.Entry{Owner: 3, Run: 1, Version: 1, Updated: moment, Received: moment})}, 0, 0, errRecord},
	} {
		got := kept{self: 3, run: 7}
		err := got.add(appendOwner(nil, 3))
		for _, r := range c.records {
			err = errors.Join(err, got.add(r))
		}
		if !errors.Is(err, c.err) || err == nil && (got.own.run != c.run || got.own.version != c.version) {
			t.Errorf("%s: %v, %+v", name, err, got.own)
		}
	}
	early := kept{self: 3, run: 1}
	if err := errors.Join(early.add(appendOwner(nil, 3)), early.add(appendValue(nil, &e))); err == nil || errors.Is(err, errRecord) {
		t.Errorf("values of a life that is only to begin: %v", err)
	}
}
