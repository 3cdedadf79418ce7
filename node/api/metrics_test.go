package api

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gossipctl/node"
)

// TestMetrics reads the page as Prometheus would: every sample belongs to the family whose HELP and TYPE
// stand above it, no family comes twice, and no sample.
func TestMetrics(t *testing.T) {
	d := newDesk(t, node.Config{})
	d.call(t, "PUT", "/v1/peers", `{"peers":[{"id":2,"addr":"127.0.0.1:7002"}]}`, nil)
	d.call(t, "POST", "/v1/messages", `{"body":"a"}`, nil)
	status, page := d.call(t, "GET", "/metrics", "", nil)
	if status != 200 {
		t.Fatal(status, page)
	}
	for _, want := range []string{
		`gossip_packets_sent_total{node="1",peer="2"} 3`,
		`gossip_packets_passed{node="1",peer="2"} 1`,
		`gossip_packets_dropped_total{node="1",peer="2",reason="queue_full"} 2`,
		`gossip_packets_received_total{node="1",peer="2"} 9`,
		`gossip_packets_corrupt_total{node="1",peer="2"} 1`,
		`gossip_messages_published_total{node="1"} 1`,
		`gossip_inbox_messages{node="1"} 1`,
		`gossip_repaired_total{node="1"} 0`,
	} {
		if !slices.Contains(strings.Split(page, "\n"), want) {
			t.Errorf("no %s", want)
		}
	}
	checkMetrics(t, page)
}

func checkMetrics(t *testing.T, page string) {
	t.Helper()
	sample := regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="[a-z0-9_]*"(,[a-z]+="[a-z0-9_]*")*\}) [0-9]+$`)
	family, helped := "", ""
	seen := make(map[string]bool)
	once := func(what string) {
		if seen[what] {
			t.Errorf("twice: %s", what)
		}
		seen[what] = true
	}
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "# HELP "):
			helped = words[2]
			once(line)
		case strings.HasPrefix(line, "# TYPE "):
			family = words[2]
			once("family " + family)
			if family != helped || words[3] != "counter" && words[3] != "gauge" || (words[3] == "counter") != strings.HasSuffix(family, "_total") {
				t.Errorf("%s follows %s", line, helped)
			}
		default:
			m := sample.FindStringSubmatch(line)
			if m == nil || m[1] != family {
				t.Errorf("in family %s: %q", family, line)
				continue
			}
			once(m[1] + m[2])
		}
	}
}

func TestMetricsOfManyNodes(t *testing.T) {
	var page strings.Builder
	some := Stats{Node: 1, Links: []Link{{Peer: Peer{ID: 2}}}, Dropped: map[string]uint64{"inbox_full": 1}}
	other := some
	other.Node = 2
	if err := WriteMetrics(&page, []Stats{some, other}); err != nil {
		t.Fatal(err)
	}
	checkMetrics(t, page.String())
	if !strings.Contains(page.String(), `gossip_dropped_total{node="2",reason="inbox_full"} 1`) {
		t.Error(page.String())
	}
}

func TestFaultsAreSetAsAWhole(t *testing.T) {
	d := newDesk(t, node.Config{})
	var out FaultsAnswer
	rules := `{"rules":[{"name":"f1","loss":0.5,"delay":"constant:10ms"},{"name":"f2","nodes":[1],"clock_ns":5}]}`
	for range 2 { // the second time nothing changes
		if status, answer := d.call(t, "PUT", "/v1/faults", rules, &out); status != 200 || len(out.Rules) != 2 || out.Clock != 5 || out.Node != 1 {
			t.Errorf("%d %s", status, answer)
		}
	}
	for name, bad := range map[string]string{
		"nothing":   `{"rules":[{"name":"f1"}]}`,
		"too much":  `{"rules":[{"name":"f1","loss":2}]}`,
		"two names": `{"rules":[{"name":"f1","loss":1},{"name":"f1","loss":1}]}`,
		"unknown":   `{"rules":[{"name":"f1","lost":1}]}`,
	} {
		if status, answer := d.call(t, "PUT", "/v1/faults", bad, nil); status != 400 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if status, answer := d.call(t, "GET", "/v1/faults", "", &out); status != 200 || len(out.Rules) != 2 || out.Rules[0].Loss != 0.5 {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := d.call(t, "PUT", "/v1/faults", `{"rules":[]}`, nil); status != 200 || !strings.Contains(answer, `"rules":[]`) {
		t.Errorf("%d %s", status, answer)
	}
}
