package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/journal"
	"gossipctl/node/api"
	"gossipctl/protocol"
)

// asNode, set in the environment, makes this program a node process.
const asNode = "GOSSIPCTL_TEST_NODE"

func beNode() int {
	syscall.SetNonblock(FDLifeline, true) // as a controller does before: os/exec makes what it hands over blocking
	err := Child(func(cfg Config) (gossip.Protocol, error) {
		if cfg.Membership != "" {
			return stack(cfg.Membership, cfg.MembershipSettings, cfg.ID, cfg.Run)
		}
		p, err := protocol.New(cfg.Protocol, protocol.Environment{Self: cfg.ID}, nil)
		if err == nil && cfg.Assembles() {
			p = newMeeting(p, cfg.ID, cfg.Run)
		}
		return p, err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// spawn starts a node as a process of its own and waits until it is ready.
func spawn(t *testing.T, cfg Config) (c *exec.Cmd, client *api.Client) {
	t.Helper()
	return spawnAt(t, cfg, "127.0.0.1:0")
}

func spawnAt(t *testing.T, cfg Config, addr string) (c *exec.Cmd, client *api.Client) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return r, w
	}
	readyR, readyW := pipe()
	lifelineR, lifelineW := pipe()
	configR, configW := pipe()
	c = exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asNode+"=1")
	c.Stderr = os.Stderr
	c.ExtraFiles = []*os.File{socket, readyW, lifelineR, configR}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	shared := api.NewTransport()
	t.Cleanup(func() {
		shared.CloseIdleConnections()
		c.Process.Kill()
		c.Wait()
		lifelineW.Close()
	})
	for _, f := range []*os.File{readyW, lifelineR, configR} {
		f.Close()
	}
	if err := json.NewEncoder(configW).Encode(cfg); err != nil {
		t.Fatal(err)
	}
	configW.Close()
	var id int
	if _, err := fmt.Fscanf(readyR, ReadyLine, &id); err != nil {
		t.Fatalf("the node is not ready: %v", err)
	}
	readyR.Close()
	return c, api.NewClient(shared, "http://"+l.Addr().String(), cfg.NetworkID, cfg.ControlToken, "node 3")
}

// A durable node is killed at random moments while many give it messages. Everything it has answered for
// is there afterwards, once, also where the end of the file was torn then.
func TestKilledWhilePublishing(t *testing.T) {
	const senders, rounds = 16, 6
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	dir := t.TempDir()
	cfg := Config{
		Network: "test", NetworkID: "0123", ID: 3, Protocol: "flood", ControlToken: control, PeerToken: peer,
		LogFile: filepath.Join(dir, "log"), DataFile: filepath.Join(dir, "node-3.inbox"), Durable: true,
	}
	answered := make(map[string]string) // bodies by name
	for round := range rounds {
		cfg.Run = uint32(round + 1)
		c, client := spawn(t, cfg)
		holds(t, client, answered)
		if round == rounds-1 {
			break
		}
		wanted := 20 + rng.IntN(150) // answers before it is killed
		enough := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		var mu sync.Mutex
		var group sync.WaitGroup
		total := 0
		for s := range senders {
			group.Go(func() {
				for i := 0; ; i++ {
					body := fmt.Sprint("round ", round, " sender ", s, " message ", i)
					out, err := client.Publish(ctx, api.PublishRequest{Body: &body})
					if err != nil {
						return
					}
					mu.Lock()
					answered[out.ID] = body
					if total++; total == wanted {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		select {
		case <-enough:
		case <-ctx.Done():
			t.Errorf("round %d: the answers take too long", round)
		}
		c.Process.Kill()
		c.Wait()
		group.Wait()
		cancel()
		if round%2 == 1 { // as if the machine had gone down while it wrote behind what was synced
			tear(t, cfg.DataFile, rng)
		}
	}
	t.Logf("%d messages over %d lives", len(answered), rounds)
}

// holds checks that a node has everything it ever answered for, each once.
func holds(t *testing.T, client *api.Client, answered map[string]string) {
	t.Helper()
	messages, err := client.Read(t.Context(), api.ReadRequest{Status: "all", Peek: true})
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]string)
	for _, m := range messages {
		if _, twice := there[m.ID]; twice {
			t.Errorf("%s is there twice", m.ID)
		}
		there[m.ID] = string(m.Body)
	}
	for id, body := range answered {
		if there[id] != body {
			t.Errorf("%s was accepted as %q and is %q", id, body, there[id])
		}
	}
}

// tear puts a record that was not written to its end behind the last one.
func tear(t *testing.T, path string, rng *rand.Rand) {
	t.Helper()
	found, err := journal.ReadFile(path, func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	torn := append([]byte{0, 0, 0, 200}, make([]byte, 1+rng.IntN(100))...)
	for i := range torn[4:] {
		torn[4+i] = byte(1 + rng.IntN(255))
	}
	const header = 16
	if _, err := f.WriteAt(torn, header+found.Bytes); err != nil {
		t.Fatal(err)
	}
}
