package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

// told records what a roster tells its node.
type told struct {
	mu    sync.Mutex
	lists []string
}

func (l *told) apply(peers []Peer) {
	var list []string
	for _, p := range peers {
		list = append(list, fmt.Sprintf("%d@%s", p.ID, strings.TrimPrefix(p.Addr, "127.0.0.1:")))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lists = append(l.lists, strings.Join(list, " "))
}

// take returns the lists since it was last called.
func (l *told) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.lists = nil }()
	return l.lists
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func loop(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// nobody answers.
func nobody(context.Context, string) (gossip.NodeID, error) { return 0, errors.New("nobody answers") }

func TestRosterChecksLists(t *testing.T) {
	for name, c := range map[string]struct {
		list    []Peer
		want    string
		refused int
		says    string
	}{
		"empty":                            {nil, "", 0, ""},
		"sorted by number":                 {[]Peer{{ID: 3, Addr: loop(3)}, {ID: 2, Addr: loop(2)}}, "2@2 3@3", 0, ""},
		"itself":                           {[]Peer{{ID: 1, Addr: loop(9)}, {ID: 5, Addr: loop(1)}, {Addr: loop(1)}, {ID: 2, Addr: loop(2)}}, "2@2", 0, ""},
		"the last counts":                  {[]Peer{{ID: 2, Addr: loop(2)}, {ID: 3, Addr: loop(3)}, {ID: 2, Addr: loop(4)}}, "2@4 3@3", 0, ""},
		"replaced nonsense is not refused": {[]Peer{{ID: 2, Addr: "banana"}, {ID: 2, Addr: loop(4)}}, "2@4", 0, ""},
		"elsewhere":                        {[]Peer{{ID: 2, Addr: "192.0.2.1:80"}, {ID: 3, Addr: loop(3)}}, "3@3", 1, "192.0.2.1:80"},
		"a name":                           {[]Peer{{Addr: "localhost:80"}, {ID: 3, Addr: loop(3)}}, "3@3", 1, "localhost:80"},
		"no port":                          {[]Peer{{Addr: "127.0.0.1"}, {Addr: "127.0.0.1:0"}, {ID: 3, Addr: loop(3)}}, "3@3", 2, "127.0.0.1"},
		"negative":                         {[]Peer{{ID: -1, Addr: loop(2)}, {ID: 3, Addr: loop(3)}}, "3@3", 1, "-1"},
		"a long list":                      {[]Peer{{ID: 2, Addr: loop(2)}, {ID: 3, Addr: loop(3)}, {ID: 4, Addr: loop(4)}, {ID: 5, Addr: loop(5)}}, "2@2 3@3 4@4", 1, "longer than 3"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l told
				r := newRoster(Peer{ID: 1, Addr: loop(1)}, 3, l.apply, nobody, quiet)
				ctx, cancel := context.WithCancel(t.Context())
				go r.run(ctx, Static(c.list...))
				synctest.Wait()
				cancel()
				synctest.Wait()
				if diff := cmp.Diff([]string{c.want}, l.take()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				s := r.snapshot()
				if s.Refused != c.refused || !strings.Contains(s.Problem, c.says) || (c.says == "") != (s.Problem == "") {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// Numbers that are not known are asked for until somebody answers, or the address is off the list.
func TestRosterAsksForNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		listening := map[string]gossip.NodeID{loop(2): 2}
		asked := make(map[string]int)
		ask := func(ctx context.Context, addr string) (gossip.NodeID, error) {
			mu.Lock()
			asked[addr]++
			id := listening[addr]
			mu.Unlock()
			switch {
			case addr == loop(6):
				<-ctx.Done() // is stopped
				return 0, ctx.Err()
			case id == 0:
				return nobody(ctx, addr)
			}
			return id, nil
		}
		arrive := func(addr string, id gossip.NodeID) {
			mu.Lock()
			listening[addr] = id
			mu.Unlock()
			time.Sleep(askMax)
		}
		var l told
		b := new(board)
		r := newRoster(Peer{ID: 1, Addr: loop(1)}, MaxPeers, l.apply, ask, quiet)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.run(ctx, b); close(done) }()
		check := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, l.take()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		check("at first", "")

		b.put(Peer{Addr: loop(2)}, Peer{Addr: loop(3)}, Peer{ID: 4, Addr: loop(4)}, Peer{Addr: loop(6)})
		check("with two known", "4@4", "2@2 4@4")
		if s := r.snapshot(); s.Unknown != 2 || s.Problem != "nobody answers" {
			t.Errorf("%+v", s)
		}
		b.put(Peer{Addr: loop(2)}, Peer{Addr: loop(3)}, Peer{ID: 4, Addr: loop(4)}, Peer{Addr: loop(6)})
		check("the same again")

		time.Sleep(time.Minute)
		check("while nobody comes")
		if n := asked[loop(3)]; n < 30 || n > 70 { // every 1 to 2 s, and at first more often
			t.Errorf("asked %d times in a minute", n)
		}
		if asked[loop(2)] != 1 || asked[loop(4)] != 0 {
			t.Errorf("asked although the number is known: %v", asked)
		}
		arrive(loop(3), 3)
		check("it has come", "2@2 3@3 4@4")

		// 2 has moved: the later entry counts, once it answers.
		b.put(Peer{Addr: loop(2)}, Peer{Addr: loop(5)})
		check("3 and 4 have gone", "2@2")
		arrive(loop(5), 2)
		check("2 is elsewhere", "2@5")

		// Off the list, and forgotten.
		b.put()
		check("nobody", "")
		before := fmt.Sprint(asked)
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := fmt.Sprint(asked); after != before {
			t.Errorf("asked %s, then %s", before, after)
		}
		b.put(Peer{Addr: loop(7)}, Peer{Addr: loop(6)})
		check("somebody to ask")
		cancel()
		<-done
		b.put(Peer{ID: 8, Addr: loop(8)})
		check("after the end")
	})
}

// Many that do not answer hold up nobody for ever, and are not all asked at once.
func TestRosterAsksFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, most := make(chan int, 1), 0
		now <- 0
		ask := func(ctx context.Context, addr string) (gossip.NodeID, error) {
			n := <-now + 1
			most = max(most, n)
			now <- n
			defer func() { now <- <-now - 1 }()
			if addr == loop(2000) {
				return 7, nil
			}
			<-ctx.Done()
			return 0, ctx.Err()
		}
		var list []Peer
		for port := 1000; port <= 2000; port++ {
			list = append(list, Peer{Addr: loop(port)})
		}
		var l told
		r := newRoster(Peer{ID: 1, Addr: loop(1)}, MaxPeers, l.apply, ask, quiet)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.run(ctx, Static(list...)); close(done) }()
		time.Sleep(time.Hour)
		cancel()
		<-done
		if most != asking {
			t.Errorf("%d were asked at once, want %d", most, asking)
		}
		if diff := cmp.Diff([]string{"", "7@2000"}, l.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// flaky fails as often as it is told, each time after it has found one peer more.
type flaky struct {
	failures int
	calls    []time.Duration // after the first
	first    time.Time
}

func (f *flaky) Watch(ctx context.Context, _ Peer, found func([]Peer)) error {
	if f.first.IsZero() {
		f.first = time.Now()
	}
	f.calls = append(f.calls, time.Since(f.first))
	found([]Peer{{ID: gossip.NodeID(len(f.calls) + 1), Addr: loop(2)}})
	if len(f.calls) <= f.failures {
		return errors.New("the registry is away")
	}
	return nil
}

func TestADiscoveryThatFailsIsCalledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l told
		f := &flaky{failures: 3}
		r := newRoster(Peer{ID: 1, Addr: loop(1)}, MaxPeers, l.apply, nobody, quiet)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.run(ctx, f); close(done) }()
		synctest.Wait()
		if s := r.snapshot(); s.Failures != 1 || s.Problem != "the registry is away" || s.Listed != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond}; !cmp.Equal(want, f.calls) {
			t.Errorf("called after %v, want %v", f.calls, want)
		}
		if diff := cmp.Diff([]string{"2@2", "3@2", "4@2", "5@2"}, l.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if s := r.snapshot(); s.Failures != 3 || s.Problem != "" || s.Lists != 4 {
			t.Errorf("%+v", s)
		}
		cancel()
		<-done

		// For ever, but not often.
		f = &flaky{failures: 1 << 30}
		r = newRoster(Peer{ID: 1, Addr: loop(1)}, MaxPeers, l.apply, nobody, quiet)
		ctx, cancel = context.WithCancel(t.Context())
		done = make(chan struct{})
		go func() { r.run(ctx, f); close(done) }()
		time.Sleep(time.Hour)
		cancel()
		<-done
		if n := len(f.calls); n < 360 || n > 370 {
			t.Errorf("called %d times in an hour", n)
		}
	})
}
