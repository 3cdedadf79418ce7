//go:build linux

package netctl_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gossipctl/node/api"
)

// The secret of a network is not changed while it runs: every start makes a new one, and so does bringing it back. A node that was
// down has the one that is in force when it starts again, and nobody is left behind with an old one.
func TestRow52EveryStartHasANewSecret(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	secret := func() []byte {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(l.folder(), "secret"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	l.start(4, "complete", "--durable")
	l.send(1, "before")
	l.hold(5*time.Second, []string{"before"}, numbers(1, 4)...)
	first, old := secret(), l.client(1)
	l.must(0, nil, "kill-node", "2")
	l.must(0, nil, "restart-node", "2")
	if !bytes.Equal(secret(), first) {
		t.Error("the secret is another while the network runs")
	}
	l.send(2, "again")
	l.hold(5*time.Second, []string{"before", "again"}, numbers(1, 4)...)

	l.must(0, nil, "kill-node", "2") // it misses the change
	l.must(0, nil, "stop-network", "--keep")
	l.resume()
	if bytes.Equal(secret(), first) {
		t.Error("the network is back with the secret of before")
	}
	if err := old.Do(t.Context(), http.MethodGet, "/v1/stats", nil, nil); api.CodeOf(err) != api.CodeUnauthorized && api.CodeOf(err) != api.CodeWrongNetwork {
		t.Errorf("the token of before: %v", err)
	}
	l.send(2, "the new one")
	l.send(1, "to all")
	l.hold(5*time.Second, []string{"before", "again", "the new one", "to all"}, numbers(1, 4)...)
}
