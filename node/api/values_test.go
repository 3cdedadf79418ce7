package api

import (
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/protocol"
	"gossipctl/values"
	"gossipctl/workload"

	"github.com/google/go-cmp/cmp"
)

// newKeeper is a desk whose node keeps values.
func newKeeper(t testing.TB) *desk {
	t.Helper()
	flood, err := protocol.New("flood", protocol.Environment{Self: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	around := values.Around(flood, values.Environment{Self: 1, Run: 1, Rand: values.Generator(1, 1)}, values.Rules{})
	d := &desk{node: node.New(node.Config{ID: 1, Run: 1, Protocol: around})}
	d.SetPeers([]Peer{{ID: 2, Addr: "127.0.0.1:1"}})
	return d
}

// ask is a client of the desk, over a real connection.
func (d *desk) ask(t *testing.T) *Client {
	t.Helper()
	server := httptest.NewServer(d.routes())
	shared := NewTransport()
	t.Cleanup(func() { shared.CloseIdleConnections(); server.Close() })
	return NewClient(shared, server.URL, "", "", "node 1")
}

func asText(s string) *string { return &s }

// What is set is what is told: any bytes, with its version, and again after it has changed.
func TestSettingValues(t *testing.T) {
	d := newKeeper(t)
	c := d.ask(t)
	ctx := t.Context()
	binary := []byte("\xff\x00blue\x1b[31m")
	for i, req := range []SetValueRequest{
		{Key: "colour", Value: asText("blue")},
		{Key: "colour", ValueBase64: binary, TTL: 3},
		{Key: "empty", Value: asText("")},
		{Key: "ключ", Value: asText("é")},
		{Key: strings.Repeat("k", values.MaxKey), Value: asText("x")},
		{Key: "shared", Value: asText("all write it"), Register: true},
		{Key: "empty", Delete: true},
	} {
		out, err := c.SetValue(ctx, req)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		want := SetValueAnswer{ID: fmt.Sprintf("1.1.v%d", i+1), Owner: 1, Key: req.Key, Version: uint32(i + 1), Updated: out.Updated}
		if diff := cmp.Diff(want, out); diff != "" || out.Updated.IsZero() {
			t.Errorf("%d: %s", i, diff)
		}
	}
	if len(d.sent) != 7 || len(d.syncs) != 7 {
		t.Errorf("%d packets for the peer, %d syncs", len(d.sent), len(d.syncs))
	}
	told, err := c.Values(ctx, ValuesQuery{})
	if err != nil || told.Node != 1 || told.Run != 1 {
		t.Fatalf("%+v, %v", told, err)
	}
	var have []string
	for _, v := range told.Values {
		have = append(have, fmt.Sprintf("%.6s %q v%d %v", v.Key, v.Value, v.Version, v.Register))
	}
	want := []string{`colour "\xff\x00blue\x1b[31m" v2 false`, `kkkkkk "x" v5 false`, `shared "all write it" v6 true`, `ключ "é" v4 false`}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	all, err := c.Values(ctx, ValuesQuery{Owner: 1, Key: "empty", All: true})
	if err != nil || len(all.Values) != 1 || !all.Values[0].Deleted || all.Values[0].Version != 7 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, q := range []ValuesQuery{{Owner: 2}, {Key: "none"}, {Key: "empty"}} {
		if none, err := c.Values(ctx, q); err != nil || len(none.Values) != 0 {
			t.Errorf("%+v: %+v, %v", q, none, err)
		}
	}
	if messages, _, _ := d.node.Size(); messages != 0 {
		t.Errorf("%d updates are in the inbox", messages)
	}
	var stats Stats
	d.call(t, "GET", "/v1/stats", "", &stats)
	if stats.Values.Owners != 1 || stats.Values.Applied == 0 {
		t.Errorf("%+v", stats.Values)
	}
}

// What cannot be set is refused with its reason, and nothing has happened.
func TestRefusedValues(t *testing.T) {
	large := base64.StdEncoding.EncodeToString(make([]byte, values.MaxValue+1))
	for request, want := range map[string]string{
		`{"key":"","value":"x"}`:                                "must not be empty",
		`{"value":"x"}`:                                         "must not be empty",
		`{"key":"a\nb","value":"x"}`:                            "control characters",
		`{"key":"a\u009bb","value":"x"}`:                        "control characters",
		`{"key":"` + strings.Repeat("k", 257) + `","value":""}`: "at most 256",
		`{"key":"k"}`:                                           "give one of",
		`{"key":"k","value":null}`:                              "give one of",
		`{"key":"k","value":"x","delete":true}`:                 "give one of",
		`{"key":"k","value":"x","value_base64":"eA=="}`:         "give one of",
		`{"key":"k","value":"x","ttl":-1}`:                      "TTL of -1",
		`{"key":"k","value":"x","ttl":16385}`:                   "TTL of 16385",
		`{"key":"k","value_base64":"` + large + `"}`:            "the value was not set",
		`{"key":"k","value":"x","owner":2}`:                     "unknown field",
	} {
		d := newKeeper(t)
		status, answer := d.call(t, "POST", "/v1/values", request, nil)
		if status != 400 || !strings.Contains(answer, want) || !strings.Contains(answer, `"code":"usage"`) {
			t.Errorf("%.60s: %d %s", request, status, answer)
		}
		if _, version, entries := d.node.Values().Own(); version != 0 || len(entries) != 0 || len(d.sent) != 0 {
			t.Errorf("%.60s: version %d", request, version)
		}
	}
	d := newKeeper(t)
	for _, path := range []string{"/v1/values?owner=x", "/v1/values?owner=2147483648", "/v1/values?all=perhaps", "/v1/values?after_owner=-1", "/v1/values/watch?after=-1", "/v1/values/watch?wait_ms=x"} {
		if status, answer := d.call(t, "GET", path, "", nil); status != 400 {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	// Whoever keeps no values says so.
	none := newDesk(t, node.Config{})
	for method, request := range map[string]string{"GET": "", "POST": `{"key":"k","value":"x"}`} {
		if status, answer := none.call(t, method, "/v1/values", request, nil); status != 404 || !strings.Contains(answer, "keeps no values") {
			t.Errorf("%s: %d %s", method, status, answer)
		}
	}
}

func TestAFullMap(t *testing.T) {
	d := newKeeper(t)
	for i := range values.MaxKeys {
		d.Step(func(now time.Time, n *node.Node) node.Effects {
			_, fx, err := n.SetValue(now, values.Change{Key: fmt.Sprint("k", i)})
			if err != nil {
				t.Fatal(i, err)
			}
			return fx
		})
	}
	if status, answer := d.call(t, "POST", "/v1/values", `{"key":"one more","value":""}`, nil); status != 429 || !strings.Contains(answer, `"code":"map_full"`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := d.call(t, "POST", "/v1/values", `{"key":"k7","value":"again"}`, nil); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
	// A picture that is more than a page comes whole, in order, each entry once.
	told, err := d.ask(t).Values(t.Context(), ValuesQuery{})
	if err != nil || len(told.Values) != values.MaxKeys {
		t.Fatalf("%d values, %v", len(told.Values), err)
	}
	var page ValuesAnswer
	if d.call(t, "GET", "/v1/values", "", &page); len(page.Values) != pageMessages || !page.More {
		t.Errorf("%d values on a page, more: %v", len(page.Values), page.More)
	}
}

// A node that cannot keep a value says that it may have been set: it has told others.
func TestAValueThatIsNotKept(t *testing.T) {
	d := newKeeper(t)
	d.fail = fmt.Errorf("no disk")
	if status, answer := d.call(t, "POST", "/v1/values", `{"key":"k","value":"x"}`, nil); status != 500 || !strings.Contains(answer, "may have been set") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestWatching(t *testing.T) {
	d := newKeeper(t)
	c := d.ask(t)
	d.changes = Changes{List: []Value{{Owner: 2, Run: 1, Version: 4, Key: "k"}}, Last: 9, Missed: 3}
	got, err := c.Watch(t.Context(), 5, time.Second)
	want := WatchAnswer{Node: 1, Run: 1, Changes: []Value{{Owner: 2, Run: 1, Version: 4, Key: "k"}}, Last: 9, Missed: 3}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || d.after[0] != 5 {
		t.Errorf("%v %v %s", err, d.after, diff)
	}
	began := time.Now()
	if _, err := c.Watch(t.Context(), 9, 20*time.Millisecond); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	d.changes = Changes{List: []Value{{Owner: 2, Run: 1, Version: 4, Key: "\x1b"}}, Last: 10}
	if _, err := c.Watch(t.Context(), 9, 0); err == nil {
		t.Error("a key that cannot be is taken for one")
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	good := Value{Owner: 1, Run: 1, Version: 1, Key: "b"}
	for name, list := range map[string][]Value{
		"no key":     {{Owner: 1, Run: 1, Version: 1}},
		"no owner":   {{Run: 1, Version: 1, Key: "k"}},
		"no version": {{Owner: 1, Run: 1, Key: "k"}},
		"twice":      {good, good},
		"disorder":   {good, {Owner: 1, Run: 1, Version: 1, Key: "a"}},
	} {
		if checkValues(list) == nil {
			t.Errorf("%s passes", name)
		}
	}
	if err := checkValues([]Value{{Owner: 9, Run: 1, Version: 1, Key: "a"}, good, {Owner: 2, Run: 1, Version: 1, Key: "b"}}); err != nil {
		t.Error(err)
	}
}

func TestSettingWorkloads(t *testing.T) {
	d := newKeeper(t)
	c := d.ask(t)
	list := []workload.Settings{{Name: workload.Movies, Every: time.Second, List: []string{"Z", "M"}, TTL: 2}, {Name: workload.Chat, Paused: true}}
	if err := c.SetWorkloads(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	got, err := c.Workloads(t.Context())
	want := WorkloadsAnswer{Node: 1, Workloads: []WorkloadStatus{{Settings: list[0], Ticks: 3}, {Settings: list[1], Ticks: 3}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for request, want := range map[string]string{
		`{"workloads":[{"name":"books","every_ns":0}]}`:                                                             "unknown workload",
		`{"workloads":[{"name":"movies","every_ns":1}]}`:                                                            "an interval of 1ns",
		`{"workloads":[{"name":"movies","every_ns":0},{"name":"movies","every_ns":0}]}`:                             "twice",
		`{"workloads":[{"name":"movies","every_ns":0,"list":["",""]}]}`:                                             "is empty",
		`{"workloads":[{"name":"movies","every_ns":0,"colour":1}]}`:                                                 "unknown field",
		`{"workloads":[` + strings.Repeat(`{"name":"movies","every_ns":0},`, 16) + `{"name":"chat","every_ns":0}]}`: "too many",
	} {
		if status, answer := d.call(t, "PUT", "/v1/workloads", request, nil); status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%.80s: %d %s", request, status, answer)
		}
	}
	if len(d.work) != 2 {
		t.Error("what was refused has changed something")
	}
	if err := c.SetWorkloads(t.Context(), nil); err != nil || len(d.work) != 0 {
		t.Error(err, d.work)
	}
}

// A change that a newer one has overtaken within its step is told as it was.
func TestChangeOf(t *testing.T) {
	d := newKeeper(t)
	now := time.Unix(1_900_000_000, 0)
	d.Step(func(now time.Time, n *node.Node) node.Effects {
		_, fx, err := n.SetValue(now, values.Change{Key: "k", Value: []byte("new")})
		if err != nil {
			t.Fatal(err)
		}
		return fx
	})
	late := ChangeOf(d.node, &gossip.Applied{ID: gossip.UpdateID(1, 1, 9), Key: "k", Value: []byte("other")}, now)
	if string(late.Value) != "other" || late.Version != 9 || !late.Received.Equal(now) {
		t.Errorf("%+v", late)
	}
	is := ChangeOf(d.node, &gossip.Applied{ID: gossip.UpdateID(1, 1, 1), Key: "k", Value: []byte("new")}, now)
	if string(is.Value) != "new" || is.Updated.IsZero() || is.Received.Equal(now) {
		t.Errorf("%+v", is)
	}
}
