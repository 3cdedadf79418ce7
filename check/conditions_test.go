package check

import (
	"encoding/json"
	"testing"

	"gossipctl/gossip"
)

// A record of before there were members and values is judged by what was promised then.
func TestOldRecordsPromiseNothingNew(t *testing.T) {
	var m Manifest
	old := `{"file_version":1,"version":"v1","command":["gossipctl"],"seed":7,"started":"2026-01-02T03:04:05Z","conditions":{"nodes":[1,2],"durable":false,"drop_oldest":false,"order":"none","converge_ns":10000000000,"work":100,"controlled":true}}`
	if err := json.Unmarshal([]byte(old), &m); err != nil {
		t.Fatal(err)
	}
	c := m.Conditions
	if c.Membership != "" || c.DeadWithin+c.AliveWithin+c.ValuesWithin != 0 || len(c.Nodes) != 2 {
		t.Errorf("%+v", c)
	}
	events := script(t, "0 start\n"+both+"pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1\n0 end")
	if v := judge(c, events); v.Valid != True {
		t.Errorf("%v %+v %q", v.Valid, v.Violations, v.Unknown)
	}
	for _, checked := range judge(c, events).Checked {
		if checked.Facts > 0 && (checked.Guarantee == Membership || checked.Guarantee == Values) {
			t.Errorf("%d facts of %s", checked.Facts, checked.Guarantee)
		}
	}
	// And what promises nothing new is written as it was.
	data, err := json.Marshal(Conditions{Nodes: []gossip.NodeID{1}})
	if want := `{"nodes":[1],"durable":false,"drop_oldest":false,"order":"","converge_ns":0,"work":0,"controlled":false}`; err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		want  string
		words []string
	}{
		{"", nil},
		{"gossipctl run-scenario a-b_c.yaml --case share=50%", []string{"gossipctl", "run-scenario", "a-b_c.yaml", "--case", "share=50%"}},
		{`gossipctl 'my file' '' 'it'\''s' '$(x)' 'a~b'`, []string{"gossipctl", "my file", "", "it's", "$(x)", "a~b"}},
	} {
		if got := CommandLine(c.words); got != c.want {
			t.Errorf("%q: %s, want %s", c.words, got, c.want)
		}
	}
}
