package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the nodes that it starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asNode {
		os.Exit(runNode(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{{"--kills", "0"}, {"--nodes", "6"}, {"--timeout", "0s"}, {"--base-port", "65500"}, {"more"}, {"--unknown"}} {
		if status := run(t.Context(), args, io.Discard, io.Discard); status != 2 {
			t.Errorf("%q: exit status %d", args, status)
		}
	}
}

func TestReport(t *testing.T) {
	s := time.Second
	r := newReport(30, []result{
		{"memberlist", []kill{{6 * s, 7 * s}, {8 * s, 9 * s}}},
		{"gossipctl swim", []kill{{5 * s, 6 * s}, {5 * s, 6 * s}}},
	})
	var table bytes.Buffer
	if err := report(&table, r, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"30 processes", "7.00 [6.00, 8.00]", "8.00 [7.00, 9.00]", "5.00 [5.00, 5.00]", "ratio of gossipctl swim to memberlist", "0.71", "0.75"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	var out bytes.Buffer
	var back Report
	if err := report(&out, r, true); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || !slices.Equal(back.Networks, r.Networks) {
		t.Errorf("the JSON reads as %+v, %v", back, err)
	}
	if alone := newReport(3, []result{{"memberlist", nil}, {"other", nil}}); alone.Networks[1].AllRatio != 0 {
		t.Errorf("a ratio to nothing: %v", alone.Networks[1].AllRatio)
	}
}

func TestKill(t *testing.T) {
	at := time.Unix(100, 0)
	k, err := newKill(at, map[int]time.Time{2: at.Add(7 * time.Second), 3: at.Add(6 * time.Second)})
	if err != nil || k.first != 6*time.Second || k.all != 7*time.Second {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := newKill(at, map[int]time.Time{2: at.Add(-time.Second)}); err == nil {
		t.Error("a node that knows beforehand is believed")
	}
}

func TestMourners(t *testing.T) {
	var v views
	answer := `{"nodes": [
		{"node": 1, "answered": true, "members": [{"id": 4, "state": "dead", "since": "2026-01-02T03:04:05.5Z"}, {"id": 5, "state": "dead", "since": "2026-01-02T03:04:00Z"}]},
		{"node": 2, "answered": true, "members": [{"id": 4, "state": "suspect", "since": "2026-01-02T03:04:05Z"}]},
		{"node": 3, "answered": false, "members": []},
		{"node": 5, "answered": true, "members": [{"id": 4, "state": "dead", "since": "2026-01-02T03:04:05Z"}]}]}`
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		t.Fatal(err)
	}
	want := map[int]time.Time{1: time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC)}
	if got := mournersOf(v, 4, map[int]bool{5: true}); !maps.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

// TestMembers starts three nodes of memberlist, and kills one.
func TestMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes memberlist's 5 to 8 seconds")
	}
	o := options{nodes: 3, kills: 1, timeout: time.Minute, alone: true, seed: 1}
	for range 5 { // until there are so many free ports in a row, and nobody else takes one of them
		if o.basePort = freePorts(t, o.nodes); o.basePort > 0 {
			break
		}
	}
	var progress bytes.Buffer
	results, err := measure(t.Context(), o, &progress)
	if err != nil {
		t.Fatal(err)
	}
	// It is probed within three periods, and then suspected for at least four.
	if len(results) != 1 || len(results[0].kills) != 1 || results[0].kills[0].first < 3*time.Second || results[0].kills[0].all > 30*time.Second {
		t.Errorf("%+v", results)
	}
	t.Log(progress.String())
}

// freePorts returns a base port that leaves free ports to the nodes of memberlist; 0: not found.
func freePorts(t *testing.T, nodes int) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first := l.Addr().(*net.TCPAddr).Port
	if first+nodes > 65535-nodes {
		return 0
	}
	for i := 1; i < nodes; i++ {
		next, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: first + i})
		if err != nil {
			return 0
		}
		defer next.Close()
	}
	return first - nodes - 1
}
