package live

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"

	"github.com/google/go-cmp/cmp"
)

// watched runs a Discovery as a node does, and returns what it lists and how it stands.
func watched(t *testing.T, d Discovery, a access) (*told, *roster) {
	l := new(told)
	r := newRoster(Peer{ID: 1, Addr: loop(1)}, MaxPeers, l.apply, nobody, quiet)
	if a.ask != nil {
		r.ask = a.ask
	}
	r.contacts = a.contacts
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.run(ctx, d); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return l, r
}

// Contacts are asked until all have answered, and what they tell is checked like any list.
func TestBootstrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := make(map[string]int)
		up := map[string][]Peer{}
		contacts := func(ctx context.Context, addr string) ([]Peer, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[addr]++
			if up[addr] == nil {
				return nil, fmt.Errorf("nobody at home")
			}
			return up[addr], nil
		}
		l, r := watched(t, Bootstrap(0, loop(1), loop(2), loop(3)), access{contacts: contacts})
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := r.snapshot(); s.Failures < 5 || s.Failures > 20 || !strings.Contains(s.Problem, "contact 127.0.0.1:2: nobody at home") {
			t.Errorf("%+v", s)
		}
		mu.Lock()
		up[loop(3)] = []Peer{{ID: 3, Addr: loop(3)}, {ID: 2, Addr: loop(9)}, {ID: 4, Addr: loop(4)}, {ID: 1, Addr: loop(5)}, {ID: 5, Addr: "192.0.2.1:1"}, {Addr: loop(6)}}
		mu.Unlock()
		time.Sleep(rewatchMax)
		synctest.Wait()
		if diff := cmp.Diff([]string{"2@9 3@3 4@4"}, l.take()); diff != "" {
			t.Errorf("one answers (-want +got):\n%s", diff)
		}
		mu.Lock()
		up[loop(2)] = []Peer{{ID: 2, Addr: loop(2)}, {ID: 3, Addr: loop(8)}}
		mu.Unlock()
		time.Sleep(rewatchMax)
		synctest.Wait()
		if diff := cmp.Diff([]string{"2@2 3@3 4@4"}, l.take()); diff != "" {
			t.Errorf("both answer, each best known by itself (-want +got):\n%s", diff)
		}
		before := fmt.Sprint(asked)
		time.Sleep(time.Hour)
		synctest.Wait()
		if after := fmt.Sprint(asked); before != after || asked[loop(1)] > 0 || asked[loop(3)] > 15 {
			t.Errorf("asked %s, then %s", before, after)
		}
		if s := r.snapshot(); s.Problem != "" {
			t.Errorf("%+v", s)
		}
	})
}

// With a pace, contacts are asked for ever, and what they do not tell any more is off the list.
func TestBootstrapAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		l, _ := watched(t, Bootstrap(time.Minute, loop(2)), access{contacts: func(context.Context, string) ([]Peer, error) {
			calls++
			return []Peer{{ID: 2, Addr: loop(2)}, {ID: gossip.NodeID(2 + calls), Addr: loop(3)}}, nil
		}})
		time.Sleep(150 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"2@2 3@3", "2@2 4@3", "2@2 5@3"}, l.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestScanRanges(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:7001":                          "127.0.0.1:7001",
		"127.0.0.1:7001-7003":                     "127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003",
		"127.0.0.1-127.0.0.3:7001":                "127.0.0.1:7001 127.0.0.2:7001 127.0.0.3:7001",
		"127.0.0.255-127.0.1.0:1-2":               "127.0.0.255:1 127.0.0.255:2 127.0.1.0:1 127.0.1.0:2",
		"[::1]:7001-7002":                         "[::1]:7001 [::1]:7002",
		"127.0.0.1:7001-7002 127.0.0.1:7002-7003": "127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003",
		"127.0.0.1:65535":                         "127.0.0.1:65535",
		"":                                        "! needs a range",
		"127.0.0.1":                               "! the port is missing",
		"127.0.0.1:0":                             "! ports go from 1",
		"127.0.0.1:x":                             "! ports go from 1",
		"127.0.0.1:7002-7001":                     "! last port comes before",
		"127.0.0.1:1-65536":                       "! ports go from 1",
		"127.0.0.2-127.0.0.1:1":                   "! last address comes before",
		"127.0.0.1-[::1]:1":                       "! last address comes before",
		"10.0.0.1:7001":                           "! not a literal address of this machine",
		"localhost:7001":                          "! not a literal address of this machine",
		"127.0.0.1-127.1.0.0:7001":                "! more than 4096",
		"127.0.0.1:1-4097":                        "! at most 4096",
		"127.0.0.1:1-2000 127.0.0.1:3000-5000 127.0.0.1:6000-6999": "! at most 4096",
	} {
		got, err := scanRanges(strings.Fields(text))
		if says, bad := strings.CutPrefix(want, "! "); bad {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %s", text, err, says)
			}
		} else if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// A scan finds who proves to be a node, skips itself, is quick until it knows somebody and slow afterwards, finds
// newcomers, and forgets who does not answer for long.
func TestScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		there := map[string]gossip.NodeID{loop(1): 1, loop(30): 30}
		asked := make(map[string]int)
		ask := func(ctx context.Context, addr string) (gossip.NodeID, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[addr]++
			if id := there[addr]; id != 0 {
				return id, nil
			}
			return 0, fmt.Errorf("a stranger")
		}
		count := func() (n int) {
			mu.Lock()
			defer mu.Unlock()
			for _, times := range asked {
				n += times
			}
			clear(asked)
			return n
		}
		set := func(addr string, id gossip.NodeID) {
			mu.Lock()
			defer mu.Unlock()
			there[addr] = id
		}
		set(loop(30), 0)
		l, _ := watched(t, Scan(100, "127.0.0.1:1-64"), access{ask: ask})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := count(); n < 900 || n > 1010 {
			t.Errorf("%d are tried in 10 s while nobody is found, want 1000", n)
		}
		set(loop(30), 30)
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"30@30"}, l.take()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		count()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := count(); n < 60 || n > 110 {
			t.Errorf("%d are tried in 10 s when somebody is known, want 100", n)
		}
		set(loop(40), 40)
		set(loop(50), 40) // the same node, so it seems: one address of it is enough
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if lists := l.take(); len(lists) == 0 || !strings.HasPrefix(lists[len(lists)-1], "30@30 40@") {
			t.Errorf("newcomers: %q", lists)
		}
		set(loop(40), 0)
		set(loop(50), 0)
		time.Sleep(5 * time.Second)
		set(loop(30), 31)
		time.Sleep(time.Minute)
		synctest.Wait()
		if lists := l.take(); len(lists) == 0 || lists[len(lists)-1] != "31@30" {
			t.Errorf("who has gone: %q", lists)
		}
		if asked[loop(1)] > 0 {
			t.Error("it asks itself")
		}
	})
}

// A range with nobody's address but the node's own is no reason to go round it without a rest, nor to go on for ever.
func TestScanOfNobodyElse(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan string, 1)
	s := Scan(maxRate, loop(1)).(*scan).enter(access{ask: func(_ context.Context, addr string) (gossip.NodeID, error) {
		asked <- addr
		return 0, fmt.Errorf("a stranger")
	}})
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, Peer{ID: 1, Addr: loop(1)}, func([]Peer) {}) }()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case addr := <-asked:
		t.Errorf("it asks %s", addr)
	case <-time.After(5 * time.Second):
		t.Fatal("a scan that was ended goes on")
	}
}

// names is a DNS server that says what it is told.
type names struct {
	conn net.PacketConn
	mu   sync.Mutex
	a    map[string][]string  // addresses by name
	srv  map[string][]net.SRV // by name
	done chan struct{}
}

func newNames(t *testing.T) *names {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{conn: conn, a: make(map[string][]string), srv: make(map[string][]net.SRV), done: make(chan struct{})}
	go n.serve()
	t.Cleanup(func() { conn.Close(); <-n.done })
	return n
}

func (n *names) serve() {
	defer close(n.done)
	buf := make([]byte, 2048)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if size > 16 {
			n.conn.WriteTo(n.answer(buf[:size]), from)
		}
	}
}

// answer answers a query of one question (RFC 1035, section 4).
func (n *names) answer(query []byte) []byte {
	const typeA, typeAAAA, typeSRV = 1, 28, 33
	name, at := "", 12
	for query[at] != 0 {
		name += string(query[at+1:at+1+int(query[at])]) + "."
		at += 1 + int(query[at])
	}
	at++
	kind := binary.BigEndian.Uint16(query[at:])
	var records [][]byte
	n.mu.Lock()
	addrs, known := n.a[name]
	services := n.srv[name]
	n.mu.Unlock()
	for _, text := range addrs {
		if a := netip.MustParseAddr(text); a.Is4() && kind == typeA || a.Is6() && kind == typeAAAA {
			records = append(records, a.AsSlice())
		}
	}
	for _, s := range services {
		if kind != typeSRV {
			break
		}
		record := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, s.Port)
		for label := range strings.SplitSeq(strings.TrimSuffix(s.Target, "."), ".") {
			record = append(append(record, byte(len(label))), label...)
		}
		records = append(records, append(record, 0))
	}
	answer := append([]byte{}, query[:2]...)
	status := byte(0)
	if !known && services == nil {
		status = 3 // no such name
	}
	answer = append(answer, 0x84, status, 0, 1, 0, byte(len(records)), 0, 0, 0, 0)
	answer = append(answer, query[12:at+4]...)
	for _, r := range records {
		answer = append(answer, 0xc0, 12, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 1) // the name of the question; for a second
		answer = append(binary.BigEndian.AppendUint16(answer, uint16(len(r))), r...)
	}
	return answer
}

func (n *names) set(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(addrs) == 0 {
		delete(n.a, name)
		return
	}
	n.a[name] = addrs
}

// resolver asks this server, whatever the machine's own one is.
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

// A name is followed: all its addresses, of both families, as they come and go. Those of other machines are refused.
func TestDNS(t *testing.T) {
	server := newNames(t)
	server.set("nodes.example.org.", "127.0.0.2", "127.0.0.3", "::1", "192.0.2.7")
	ids := map[string]gossip.NodeID{"127.0.0.2:70": 2, "127.0.0.3:70": 3, "[::1]:70": 4, "127.0.0.5:70": 5}
	ask := func(ctx context.Context, addr string) (gossip.NodeID, error) {
		if id := ids[addr]; id != 0 {
			return id, nil
		}
		return nobody(ctx, addr)
	}
	l, r := watched(t, &domain{name: "nodes.example.org:70", every: 20 * time.Millisecond, resolver: server.resolver()}, access{ask: ask})
	shows := func(want string) {
		t.Helper()
		last := ""
		waitFor(t, func() bool {
			if lists := l.take(); len(lists) > 0 {
				last = lists[len(lists)-1]
			}
			return last == want
		}, "not %s", want)
	}
	shows("2@127.0.0.2:70 3@127.0.0.3:70 4@[::1]:70")
	if s := r.snapshot(); s.Refused != 1 || !strings.Contains(s.Problem, "192.0.2.7:70") {
		t.Errorf("%+v", s)
	}
	server.set("nodes.example.org.", "127.0.0.5", "127.0.0.2")
	shows("2@127.0.0.2:70 5@127.0.0.5:70")
	server.set("nodes.example.org.")
	waitFor(t, func() bool { return strings.Contains(r.snapshot().Problem, "nodes.example.org cannot be resolved") }, "a name that is gone is not told")
	if lists := l.take(); len(lists) > 0 {
		t.Errorf("the list has changed: %q", lists)
	}
	server.set("nodes.example.org.", "127.0.0.3")
	shows("3@127.0.0.3:70")
}

func TestDNSServiceRecords(t *testing.T) {
	server := newNames(t)
	server.set("a.example.org.", "127.0.0.2")
	server.set("b.example.org.", "127.0.0.3")
	server.mu.Lock()
	server.srv["_gossip._tcp.example.org."] = []net.SRV{{Target: "a.example.org.", Port: 71}, {Target: "b.example.org.", Port: 72}}
	server.mu.Unlock()
	d := &domain{name: "_gossip._tcp.example.org", resolver: server.resolver()}
	host, port, err := splitName(d.name)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.resolve(deadline(t), host, port)
	if want := []Peer{{Addr: "127.0.0.2:71"}, {Addr: "127.0.0.3:72"}}; err != nil || !slices.Equal(list, want) {
		t.Errorf("%v, %v", list, err)
	}
	if _, _, err := splitName("nodes.example.org"); err == nil {
		t.Error("a name without a port is taken")
	}
}

// A file is followed through everything that people do to it.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	l, r := watched(t, File(path, 5*time.Millisecond), access{ask: func(_ context.Context, addr string) (gossip.NodeID, error) {
		return gossip.NodeID(netip.MustParseAddrPort(addr).Port()), nil
	}})
	last := ""
	shows := func(want string) {
		t.Helper()
		waitFor(t, func() bool {
			if lists := l.take(); len(lists) > 0 {
				last = lists[len(lists)-1]
			}
			return last == want
		}, "it shows something else than %q", want)
	}
	waitFor(t, func() bool { return strings.Contains(r.snapshot().Problem, "no such file") }, "a missing file is not told")
	put("# all of them\n127.0.0.1:22 # the second\n\n 3 127.0.0.1:33\n")
	shows("3@33 22@22")
	put("3 127.0.0.1:33\n127.0.0.1:22\n127.0.0.1:44\nx 127.0.0.1:55\n7 127.0.0.1:77 and more\n10.0.0.1:1\n")
	shows("3@33 22@22 44@44")
	waitFor(t, func() bool { return r.snapshot().Refused == 3 }, "not 3 lines are refused: %+v", r.snapshot())
	if s := r.snapshot(); !strings.Contains(s.Problem, "x 127.0.0.1:55") {
		t.Errorf("%+v", s)
	}
	// Written in place, to the same length.
	if err := os.WriteFile(path, []byte("4 127.0.0.1:44\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows("4@44")
	if err := os.WriteFile(path, []byte("5 127.0.0.1:55\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows("5@55")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return strings.Contains(r.snapshot().Problem, "no such file") }, "that it is away is not told")
	if lists := l.take(); len(lists) > 0 {
		t.Errorf("the list has changed: %q", lists)
	}
	put("6 127.0.0.1:66\n")
	shows("6@66")
	put("")
	shows("")
	put(strings.Repeat("# no end of comments\n", maxList/20))
	waitFor(t, func() bool { return strings.Contains(r.snapshot().Problem, "larger than") }, "a file without end is read")
}

// What a process cannot look for it says at its birth, in one sentence.
func TestNewDiscovery(t *testing.T) {
	for says, cfg := range map[string]Config{
		`no discovery "mail"`:           {Discovery: "mail"},
		"is not a literal address":      {Discovery: "bootstrap", Contacts: []string{"localhost:1"}},
		"needs a range":                 {Discovery: "scan"},
		"at most 4096":                  {Discovery: "scan", Contacts: []string{"127.0.0.1:1-9999"}},
		"needs exactly one name, not 0": {Discovery: "dns"},
		"is no name with a port":        {Discovery: "dns", Contacts: []string{"example"}},
		"needs exactly one path, not 2": {Discovery: "file", Contacts: []string{"a", "b"}},
		"too often":                     {Discovery: "file", Contacts: []string{"a"}, DiscoveryEvery: 1},
		"65 contacts are too many":      {Discovery: "bootstrap", Contacts: slices.Repeat([]string{loop(1)}, 65)},
	} {
		if _, err := newDiscovery(&cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %s", cfg, err, says)
		}
	}
	for kind, places := range map[string][]string{
		"": nil, "static": {"ignored"}, "bootstrap": {loop(1), loop(2)}, "scan": {"127.0.0.1:1-4"}, "dns": {"localhost:1"}, "file": {"/etc/nodes"},
	} {
		d, err := newDiscovery(&Config{Discovery: kind, Contacts: places, DiscoveryEvery: time.Second})
		if err != nil || (d == nil) != (kind == "" || kind == "static") {
			t.Errorf("%s: %v, %v", kind, d, err)
		}
	}
}

// freePorts returns ports that follow each other and are free at this moment.
func freePorts(t *testing.T, count int) (first int) {
	t.Helper()
	for first = 24100; first < 24900; first += count {
		var held []net.Listener
		for port := first; port < first+count; port++ {
			l, err := net.Listen("tcp", loop(port))
			if err != nil {
				break
			}
			held = append(held, l)
		}
		for _, l := range held {
			l.Close()
		}
		if len(held) == count {
			return first
		}
	}
	t.Fatal("no ports are free")
	return 0
}

// Two networks of one name lie side by side, scan the same ports, and never mix, not even when a node of each comes
// back on a port of the other. No token is shown to the other network: nobody is refused for a wrong one. With real
// processes.
func TestNeighbouringNetworksDoNotMix(t *testing.T) {
	const each = 3
	first := freePorts(t, 2*each)
	places := []string{fmt.Sprintf("127.0.0.1:%d-%d", first, first+2*each-1)}
	configs := func(network int, id int, run uint32) Config {
		return Config{
			Network: "fruit", NetworkID: fmt.Sprintf("id%d", network), ID: gossip.NodeID(id), Run: run, Protocol: "flood",
			ControlToken: fmt.Sprintf("control-%d", network), PeerToken: fmt.Sprintf("peer-%d", network),
			LogFile: filepath.Join(t.TempDir(), "log"), Discovery: api.DiscoverScan, Contacts: places, DiscoveryEvery: 200 * time.Millisecond,
		}
	}
	type process struct {
		client *api.Client
		addr   string
		kill   func()
	}
	start := func(network, id int, run uint32, port int) process {
		c, client := spawnAt(t, configs(network, id, run), loop(port))
		return process{client, loop(port), func() { c.Process.Kill(); c.Wait() }}
	}
	var nets [2][each]process
	for i := range each {
		nets[0][i] = start(0, i+1, 1, first+2*i)
		nets[1][i] = start(1, i+1, 1, first+2*i+1)
	}
	whole := func() string {
		for k, net := range nets {
			for i, p := range net {
				answer, err := p.client.Members(deadline(t))
				if err != nil {
					return err.Error()
				}
				if len(answer.Members) != each-1 {
					return fmt.Sprintf("network %d, node %d sees %+v", k, i+1, answer.Members)
				}
				for _, m := range answer.Members {
					if m.Addr != net[m.ID-1].addr || m.State != "alive" {
						return fmt.Sprintf("network %d, node %d sees %+v", k, i+1, answer.Members)
					}
				}
			}
		}
		return ""
	}
	settles(t, whole)

	// Both third nodes die, and come back where the other was.
	last := each - 1
	nets[0][last].kill()
	nets[1][last].kill()
	nets[0][last] = start(0, each, 2, first+2*last+1)
	nets[1][last] = start(1, each, 2, first+2*last)
	settles(t, whole)
	for k, net := range nets {
		body := fmt.Sprintf("of network %d", k)
		if _, err := net[k].client.Publish(deadline(t), api.PublishRequest{Body: &body}); err != nil {
			t.Fatal(err)
		}
	}
	settles(t, func() string {
		for k, net := range nets {
			for i, p := range net {
				messages, err := p.client.Read(deadline(t), api.ReadRequest{Status: "all"})
				if err != nil || len(messages) == 0 {
					return fmt.Sprintf("network %d, node %d: %+v, %v", k, i+1, messages, err)
				}
				for _, m := range messages {
					if string(m.Body) != fmt.Sprintf("of network %d", k) {
						t.Fatalf("network %d, node %d has %q", k, i+1, m.Body)
					}
				}
			}
		}
		return ""
	})
	met := uint64(0)
	for k, net := range nets {
		for i, p := range net {
			s, err := p.client.Stats(deadline(t))
			if err != nil {
				t.Fatal(err)
			}
			met += s.Dropped["refused_wrong_network"]
			if s.Dropped["refused_unauthorized"] > 0 || s.Published > 1 || s.Delivered != 1 {
				t.Errorf("network %d, node %d: %+v", k, i+1, s)
			}
		}
	}
	if met == 0 {
		t.Error("the networks never met: the scans did not overlap")
	}
}

// The same where networks differ in nothing but their secret, as networks of programs may.
func TestNetworksOfOneNameDoNotMix(t *testing.T) {
	first := freePorts(t, 4)
	ranges := fmt.Sprintf("127.0.0.1:%d-%d", first, first+3)
	secrets := [][]byte{fruitSecret, []byte("another secret of 16 bytes")}
	start := func(network int, id gossip.NodeID, run uint32, port int) *Node {
		o := meets(t, id, Scan(maxRate, ranges))
		o.Secret, o.Addr, o.Run = secrets[network], loop(port), run
		n, err := Start(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a1, b1 := start(0, 1, 1, first), start(1, 1, 1, first+1)
	a2, b2 := start(0, 2, 1, first+2), start(1, 2, 1, first+3)
	acquainted(t, a1, a2)
	acquainted(t, b1, b2)
	crash(t, a2)
	crash(t, b2)
	a2, b2 = start(0, 2, 2, first+3), start(1, 2, 2, first+2)
	for _, n := range []*Node{a1, a2, b1, b2} {
		defer closeNode(t, n)
	}
	settles(t, func() string {
		if view(a1)+view(b1) != "2.2 alive 2.2 alive " || a1.server.Where(2) != a2.Addr() || b1.server.Where(2) != b2.Addr() {
			return view(a1) + a1.server.Where(2) + view(b1) + b1.server.Where(2)
		}
		return ""
	})
	publish(t, a1, "a")
	publish(t, b1, "b")
	if m := next(t, a2); string(m.Body) != "a" {
		t.Errorf("%q", m.Body)
	}
	if m := next(t, b2); string(m.Body) != "b" {
		t.Errorf("%q", m.Body)
	}
	for _, n := range []*Node{a1, a2, b1, b2} {
		if s := n.Stats(); s.Dropped["refused_unauthorized"] > 0 || s.Inbox != 1 {
			t.Errorf("node %d: %+v", n.ID(), s)
		}
	}
}
