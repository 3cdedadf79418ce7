package scenario

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// what is wrong in a file is told with its place and what is meant.
func TestWhatIsWrongInAFileIsTold(t *testing.T) {
	const head = "name: x\nnetwork: {nodes: 8}\n"
	for _, c := range []struct{ text, at, want string }{
		{"", "", "is empty"},
		{"just words", "1:1", "keys such as name"},
		{"- a\n- b", "1:1", "keys such as name"},
		{"name: x\n---\nname: y", "3:", "second document"},
		{"name: [x", "1:", ""},
		{"name: x\nnaem: y", "2:1", `unknown key "naem"; did you mean name?`},
		{"name: x\nzzzzzzz: y", "2:1", `unknown key "zzzzzzz"`},
		{"name: x\nname: y", "2:1", "already defined"},
		{"name:", "1:1", "name has no value"},
		{"name: [x, y]", "1:7", "plain value"},
		{"about: x", "1:1", "needs a name"},
		{"name: X y", "1:7", "small letters"},
		{"name: &a x", "1:7", "anchors"},
		{"name: x\nnetwork: {nodes: 0}", "2:18", "from 1 to"},
		{"name: x\nnetwork: {nodes: many}", "2:18", "whole number"},
		{"name: x\nnetwork: {nodes: 8, topology: donut}", "2:31", `no topology "donut"`},
		{"name: x\nnetwork: {nodes: 5, topology: random:3}", "2:31", "random"},
		{"name: x\nnetwork: {protocol: fluud}", "2:21", "fluud"},
		{"name: x\nnetwork: {set: {relays: 0}}", "2:25", "relays"},
		{"name: x\nnetwork: {durable: yes}", "2:20", "true or false"},
		{"name: x\nnetwork: {repair: glue}", "2:19", "anti-entropy and none"},
		{"name: x\nnetwork: {repair_every: 5ms}", "2:25", "10ms"},
		{"name: x\nnetwork: {latency: 5 apples}", "2:20", "latency"},
		{"name: x\nsettle: 5", "2:9", "needs a number and a unit"},
		{"name: x\nsettle: -5s", "2:9", "from 0s to 24h"},
		{"name: x\nworkload: {rate: 5/s}", "2:18", "belong together"},
		{"name: x\nworkload: {rate: 5/s, for: 1s, messages: 3}", "2:18", "not both"},
		{"name: x\nworkload: {size: 64}", "2:18", "needs a number and a unit"},
		{"name: x\nworkload: {size: 1MB}", "2:18", "must be from 0B to 65536B"},
		{"name: x\nworkload: {senders: 99}", "2:21", "99"},
		{head + "timeline:\n  - loss: 5%", "4:", "needs a moment"},
		{head + "timeline:\n  - at: 5s", "4:9", "nothing happens"},
		{head + "timeline:\n  - at: 5s\n    lsos: 5%", "5:5", `unknown key "lsos"; did you mean loss?`},
		{head + "timeline:\n  - {at: 5s, loss: 150%}", "4:20", "no share"},
		{head + "timeline:\n  - {at: 5s, loss: 0}", "4:", "does nothing"},
		{head + "timeline:\n  - {at: 5s, loss: 5%, kill: 3}", "4:", "make two of it"},
		{head + "timeline:\n  - {at: 5s, loss: 5%, nodes: 9}", "4:31", "9"},
		{head + "timeline:\n  - {at: 5s, loss: 5%, nodes: 3-1}", "4:31", "wrong way round"},
		{head + "timeline:\n  - {at: 5s, loss: 5%, direction: up}", "4:", "direction"},
		{head + "timeline:\n  - {at: 5s, clock: soon}", "4:21", "+1h"},
		{head + "timeline:\n  - {at: 5s, clock: +1h, direction: in}", "4:37", "direction means nothing beside clock"},
		{head + "timeline:\n  - {at: 5s, partition: 1-4 / 4-8}", "4:25", "two groups"},
		{head + "timeline:\n  - {at: 5s, partition: all}", "4:25", "all nodes in one group"},
		{head + "timeline:\n  - {at: 5s, partition: 1-9 / 3}", "4:25", "9"},
		{head + "timeline:\n  - {at: 5s, heal: true}", "4:10", "no partition to heal at 5s"},
		{head + "timeline:\n  - {at: 5s, loss: 5%, for: 1s}\n  - {at: 7s, heal: faults}", "5:10", "no fault to heal"},
		{head + "timeline:\n  - {at: 5s, heal: everything}", "4:20", "partition, faults or all"},
		{head + "timeline:\n  - {at: 5s, clear: f9}", "4:10", `no fault "f9"`},
		{head + "timeline:\n  - {at: 5s, loss: 5%, name: a}\n  - {at: 6s, loss: 5%, name: a}", "5:10", "already"},
		{head + "timeline:\n  - {at: 5s, kill: 3}\n  - {at: 6s, kill: 3}", "5:10", "dead already"},
		{head + "timeline:\n  - {at: 5s, restart: dead}", "4:10", "nobody is dead"},
		{head + "timeline:\n  - {at: 5s, resume: 3}", "4:10", "paused"},
		{head + "timeline:\n  - {at: 5s, kill: 3}\n  - {at: 6s, pause: 3}", "5:10", "dead or paused"},
		{head + "timeline:\n  - {at: 5s, kill: 3, one_way: true}", "4:32", "one_way means nothing beside kill"},
		{head + "timeline:\n  - {at: 5s, churn: {every: 1s}}", "4:", "for how long"},
		{head + "timeline:\n  - {at: 5s, for: 9s, chaos: {kinds: [gremlins]}}", "4:39", `does not know "gremlins"`},
		{head + "timeline:\n  - {at: 5s, for: 9s, chaos: {faults: 12-8}}", "4:39", "range"},
		{head + "timeline:\n  - {at: 5s, set_value: colour}", "4:25", "needs a value"},
		{head + "timeline:\n  - {at: 5s, set_value: colour, value: red, for: 3s}", "4:", "for means nothing beside set-value"},
		{head + "timeline:\n  - {at: 5s, kill: 3, value: red}", "4:", "value means nothing beside kill"},
		{head + "timeline:\n  - {at: 5s, start_workload: moovies}", "4:30", "there are movies"},
		{head + "timeline:\n  - {at: 5s, start_workload: movies, every: 1ms}", "4:", "must be from 10ms"},
		{head + "timeline:\n  - {at: 5s, start_workload: chat, ttl: 3}", "4:30", "only values have a TTL"},
		{head + "timeline:\n  - {at: 5s, stop_workload: movies}", "4:10", "does not run at 5s"},
		{head + "timeline:\n  - {at: 5s, start_workload: movies}\n  - {at: 6s, start_workload: movies}", "5:10", "runs already"},
		{"name: x\nnetwork: {discovery: dns}", "2:22", "static or bootstrap"},
		{"name: x\nnetwork: {contacts: 2}", "2:21", "without discovery"},
		{"name: x\nnetwork: {discovery: bootstrap, topology: circular}", "2:43", "no topology to ask for"},
		{"name: x\nnetwork: {membership: swam}", "2:23", "swim"},
		{"name: x\nnetwork: {membership: swim, membership_settings: {perriod: 1s}}", "2:23", "perriod"},
		{"name: x\nnetwork: {membership_settings: {period: 1s}}", "2:41", "no membership"},
		{"name: x\nnetwork: {membership: swim, reconnect: true}", "2:40", "choose new peers themselves"},
		{head + "assert: {values: same}", "3:18", "to be equal"},
		{head + "assert: {values: equal within lunch}", "3:18", "within 15s after heal"},
		{head + "assert: {members: agree}", "3:19", "with a membership"},
		{head + "assert: {coverage: much}", "3:20", "must be a comparison"},
		{head + "assert: {coverage: \">= 2\"}", "3:20", "no value"},
		{head + "assert: {coverage: \">= 1 within 5s after lunch\"}", "3:20", "after heal or after publish"},
		{head + "assert: {redundancy: \"<= 3 within 5s\"}", "3:22", "only coverage"},
		{head + "assert: {guarantees: [G10]}", "3:23", "G1, G2,"},
		{head + "assert: {guarantees: [G10]}", "3:23", "G9 or G12"},
		{head + "assert: {inboxes: full}", "3:19", "equal"},
		{"name: x\nmatrix: {share: []}", "", "no values"},
		{"name: x\nmatrix: {share: [10%, \"20%\\n\"]}", "2:", "value of a matrix"},
		{"name: x\nnetwork: " + strings.Repeat("{set: ", 40), "2:1", "nested"},
		{"name: x\nabout: " + strings.Repeat("y", maxFile), "", "larger than"},
	} {
		_, err := Read("f.yaml", c.text, Override{})
		if err == nil {
			t.Errorf("%q is taken", c.text)
			continue
		}
		if text := err.Error(); !strings.HasPrefix(text, strings.TrimSuffix("f.yaml:"+c.at, ":")) || !strings.Contains(text, c.want) {
			t.Errorf("%q:\n%s\nshould be at %s and say %q", c.text, text, c.at, c.want)
		}
		var told *FileError
		if !errors.As(err, &told) || told.Line > 0 && !strings.Contains(told.Excerpt, "^") {
			t.Errorf("%q: no excerpt in %v", c.text, err)
		}
	}
}

// Everything that is wrong is told at once.
func TestAllThatIsWrongIsTold(t *testing.T) {
	_, err := Read("f.yaml", "name: x\nsettle: soon\nworkload: {size: 3}\n", Override{})
	if text := fmt.Sprint(err); !strings.Contains(text, "f.yaml:2:9") || !strings.Contains(text, "f.yaml:3:18") {
		t.Error(text)
	}
}

func TestAMatrixMakesCases(t *testing.T) {
	cases, err := Read("f.yaml", "name: x\nmatrix:\n  share: [10%, 95%]\n  size: [8B]\nworkload: {size: \"${size}\"}\ntimeline:\n  - {at: 1s, kill: \"${share}\"}\n", Override{})
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 2 || cases[0].Name != "x[share=10%,size=8B]" || cases[1].Name != "x[share=95%,size=8B]" || cases[1].Workload.Size != 8 {
		t.Errorf("%+v", cases)
	}
	plan, err := cases[1].Plan(3)
	if err != nil {
		t.Fatal(err)
	}
	if kill := plan.Actions[2]; kill.Do != DoKill || len(kill.Nodes) != 15 {
		t.Errorf("%v", plan.Actions)
	}
}

// No text, however strange, makes the reader panic or hang.
func FuzzRead(f *testing.F) {
	f.Add("name: x\ntimeline:\n  - {at: 5s, for: 9s, chaos: {kinds: [kill]}}\n")
	f.Add("name: x\nmatrix: {a: [1]}\nnetwork: {nodes: \"${a}\"}\nassert: {coverage: \">= 1 within 5s after heal\"}")
	f.Add("name: *a")
	f.Add("? [a]: b")
	f.Fuzz(func(t *testing.T, text string) {
		cases, err := Read("f", text, Override{Nodes: 4})
		if (err == nil) == (len(cases) == 0) {
			t.Errorf("%d cases, %v", len(cases), err)
		}
	})
}
