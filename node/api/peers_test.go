package api

import (
	"strings"
	"testing"

	"gossipctl/gossip"
)

// Only literal addresses on this machine are ever dialled: no name that could lead elsewhere, no
// other spelling of an address, nothing of the cloud's. (Row 44.)
func TestCheckPeers(t *testing.T) {
	for addr, good := range map[string]bool{
		"127.0.0.1:7001":          true,
		"127.8.9.10:7001":         true,
		"[::1]:7001":              true,
		"[::ffff:127.0.0.1]:7001": true,
		"127.0.0.1:65535":         true,

		"":                             false,
		"127.0.0.1":                    false,
		"127.0.0.1:":                   false,
		"127.0.0.1:0":                  false,
		"127.0.0.1:65536":              false,
		"127.0.0.1:-1":                 false,
		"127.0.0.1:http":               false,
		"127.0.0.1:7001/path":          false,
		" 127.0.0.1:7001":              false,
		"127.0.0.1:7001\r\nX: y":       false,
		"localhost:7001":               false,
		"localhost.evil.example:7001":  false,
		"evil.example:7001":            false,
		"127.0.0.1.nip.io:7001":        false,
		"user@127.0.0.1:7001":          false,
		"http://127.0.0.1:7001":        false,
		"127.1:7001":                   false,
		"0177.0.0.1:7001":              false,
		"0x7f.0.0.1:7001":              false,
		"2130706433:7001":              false,
		"0.0.0.0:7001":                 false,
		"[::]:7001":                    false,
		"[::1%eth0]:7001":              false,
		"10.0.0.1:7001":                false,
		"192.168.1.1:7001":             false,
		"169.254.169.254:80":           false,
		"[::ffff:169.254.169.254]:80":  false,
		"[fe80::1%eth0]:7001":          false,
		"[fd00:ec2::254]:80":           false,
		"8.8.8.8:53":                   false,
		"/var/run/docker.sock":         false,
		"[::ffff:127.0.0.1%eth0]:7001": false,
	} {
		err := CheckPeers(1, []Peer{{2, addr}})
		if (err == nil) != good {
			t.Errorf("%q: %v", addr, err)
		}
		if err != nil && CodeOf(err) != CodeUsage {
			t.Errorf("%q: code %s", addr, CodeOf(err))
		}
	}
	const ok = "127.0.0.1:7001"
	for name, c := range map[string]struct {
		peers []Peer
		says  string // empty = good
	}{
		"none":     {nil, ""},
		"two":      {[]Peer{{2, ok}, {3, ok}}, ""},
		"itself":   {[]Peer{{1, ok}}, "cannot be a peer"},
		"zero":     {[]Peer{{0, ok}}, "cannot be a peer"},
		"negative": {[]Peer{{-7, ok}}, "cannot be a peer"},
		"twice":    {[]Peer{{2, ok}, {3, ok}, {2, "127.0.0.1:7002"}}, "twice"},
		"largest":  {[]Peer{{gossip.NodeID(1<<31 - 1), ok}}, ""},
	} {
		err := CheckPeers(1, c.peers)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
