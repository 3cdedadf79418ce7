package live

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/journal/smalldisk"
	"gossipctl/node"
)

// A durable node whose disk is full refuses what it is given and drops what peers send, and says so;
// what it has accepted stays, also over a kill; with room again it goes on.
func TestADurableNodeOnAFullDisk(t *testing.T) {
	dir, there := smalldisk.Mount(t, 512<<10)
	if !there {
		return
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DataFile: filepath.Join(dir, "node-3.inbox"), Durable: true}
	s := life(t, cfg)
	body := strings.Repeat("x", 2000)
	accepted := 0
	for {
		_, err := s.publish(t, body)
		if errors.Is(err, node.ErrNotKept) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if accepted++; accepted > 1000 {
			t.Fatal("the disk is larger than it is")
		}
	}
	if accepted < 100 {
		t.Errorf("full after %d messages of 2,000 bytes in 400 KiB", accepted)
	}
	id := gossip.ID{Origin: 9, Run: 1, Seq: 1}
	s.receive(body, id)
	s.receive(body, id)
	counters := func() (c node.Counters) {
		s.Step(func(_ time.Time, n *node.Node) node.Effects {
			n.Messages(node.Query{Status: node.All}) // marks that cannot be kept do no harm
			c = n.Counters()
			return node.Effects{}
		})
		return c
	}
	if c := counters(); c.Dropped["disk_full"] != 3 || c.Delivered != uint64(accepted) {
		t.Errorf("%+v", c)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.receive(body, id) // as a repair would send it
	if _, err := s.publish(t, body); err != nil {
		t.Errorf("with room again: %v", err)
	}
	want := s.inbox()
	if len(want) != accepted+2 {
		t.Errorf("%d messages, accepted were %d and two more", len(want), accepted)
	}
	// Killed, and started with the disk as it is.
	data, err := os.ReadFile(cfg.DataFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.letGo(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.DataFile, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Run = 2
	s = life(t, cfg)
	got := s.inbox()
	for i := range got {
		got[i].Read = want[i].Read // nobody waits for marks
	}
	if !reflect.DeepEqual(want, got) { // a diff of so much would take long
		t.Errorf("%d messages came back of %d, or others", len(got), len(want))
	}
	if err := s.letGo(); err != nil {
		t.Fatal(err)
	}
}
