package fault

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gossipctl/gossip"
)

func upTo(n int) []gossip.NodeID {
	list := make([]gossip.NodeID, n)
	for i := range list {
		list[i] = gossip.NodeID(i + 1)
	}
	return list
}

func TestParseNodes(t *testing.T) {
	for text, want := range map[string]struct {
		back string
		of   []gossip.NodeID // among 1 to 12
	}{
		"3":            {"3", ids(3)},
		"1-8":          {"1-8", upTo(8)},
		"1,4,9-12":     {"1,4,9-12", ids(1, 4, 9, 10, 11, 12)},
		" 12 , 1-2, 3": {"1-3,12", ids(1, 2, 3, 12)},
		"5,5,4-6,2":    {"2,4-6", ids(2, 4, 5, 6)},
		"all":          {"all", upTo(12)},
		"100%":         {"100%", upTo(12)},
	} {
		set, err := ParseNodes(text)
		if err != nil || set.String() != want.back || set.IsZero() {
			t.Errorf("%q: %v, %v", text, set, err)
		}
		if got, err := set.Resolve(upTo(12), 1); err != nil || !slices.Equal(got, want.of) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"": "must be written as", "x": "must be written as", "1,": "must be written as", "1-": "must be written as", "-1": "must be written as",
		"1-2-3": "must be written as", "+1": "must be written as", "1 2": "must be written as", "%": "must be written as", "NaN%": "must be written as", "All": "must be written as",
		"0": "numbered from 1", "0-3": "numbered from 1", "8-1": "wrong way round: write 1-8", "4294967296": "too large", "2147483648": "too large",
		"0%": "above 0%", "101%": "at most 100%", "-5%": "above 0%", "1e99%": "at most", "Inf%": "at most",
		strings.Repeat("1,", 40_000): "too long",
	} {
		if set, err := ParseNodes(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, %v, want %q", text, set, err, want)
		}
	}
}

func TestUnknownNodes(t *testing.T) {
	live := ids(1, 2, 5, 6, 9)
	for text, want := range map[string]string{
		"3": "no such node: 3", "1-6": "no such node: 3-4", "4-20": "no such node: 4,7-8,10-20", "5-2147483647": "no such node: 7-8,10-2147483647",
		"11,13,15,17,19,21,23,25,27": "no such node: 11,13,15,17,19,21,23,25 and more",
	} {
		set, err := ParseNodes(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := set.Resolve(live, 1); !errors.Is(err, ErrUnknown) || err.Error() != want || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"all", "10%", "1"} {
		set, _ := ParseNodes(text)
		if got, err := set.Resolve(nil, 1); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q of nobody: %v, %v", text, got, err)
		}
	}
	end, _ := ParseNodes("9-2147483647")
	if got, err := end.Resolve([]gossip.NodeID{9, math.MaxInt32}, 1); err == nil || err.Error() != "no such node: 10-2147483646" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := (NodeSet{}).Resolve(live, 1); err != nil || len(got) != 0 {
		t.Errorf("nobody: %v, %v", got, err)
	}
}

// A share is drawn the same on every machine: these were drawn once. Its size is right, every node is
// drawn as often as any, and a larger share has the smaller one in it.
func TestShareOfNodes(t *testing.T) {
	tenth, _ := ParseNodes("10%")
	half, _ := ParseNodes("50%")
	once := map[uint64]string{1: "", 2: "", 1 << 63: ""}
	for seed := range once {
		drawn, err := tenth.Resolve(upTo(64), seed)
		if err != nil || len(drawn) != 6 || !slices.IsSorted(drawn) {
			t.Fatalf("%v, %v", drawn, err)
		}
		once[seed] = NodesText(drawn)
	}
	if got := fmt.Sprint(once); got != sharesForEver {
		t.Errorf("drawn now: %s", got)
	}
	counts := make(map[gossip.NodeID]int)
	for seed := range uint64(2000) {
		small, _ := tenth.Resolve(upTo(20), seed)
		large, _ := half.Resolve(upTo(20), seed)
		for _, id := range small {
			counts[id]++
			if !slices.Contains(large, id) {
				t.Fatalf("seed %d: %v is not in %v", seed, small, large)
			}
		}
	}
	for id, n := range counts { // 200 of 2000, with a standard deviation of 13
		if n < 140 || n > 260 {
			t.Errorf("node %d was drawn %d times of 2000", id, n)
		}
	}
	for n, want := range map[int]int{1: 1, 4: 1, 14: 1, 15: 2, 24: 2, 25: 3, 1000: 100} {
		if got, _ := tenth.Resolve(upTo(n), 7); len(got) != want {
			t.Errorf("10%% of %d are %d", n, len(got))
		}
	}
}

const sharesForEver = `map[1:2,19,25,31,38,56 2:6,10,16,22,29,54 9223372036854775808:2,11,15,32,45,56]`

func TestGroups(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"1-8", "/", "9-16"}, "1-8 / 9-16"},
		{[]string{"1-8/9-16/17,18"}, "1-8 / 9-16 / 17-18"},
		{[]string{"1-8", "/9-16/", "17, 18"}, "1-8 / 9-16 / 17-18"},
		{[]string{"3"}, "3"},
	} {
		sets, err := ParseGroups(c.args)
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		groups, err := ResolveGroups(sets, upTo(18), 1)
		if err != nil || GroupsText(groups) != c.want {
			t.Errorf("%q: %v, %v", c.args, groups, err)
		}
	}
	for want, args := range map[string][]string{
		"no nodes": {"1-8", "/"}, "there is a slash": {"1-8", "9-16"}, "must be written": {"a/b"}, "a group has": {},
	} {
		if sets, err := ParseGroups(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", args, sets, err)
		}
	}
	for want, args := range map[string]string{
		"node 3 is in two groups, 1-3 and 3-4": "1-3/3-4", "no such node: 19": "1/19", "no node is left": "all/10%", "in two groups": "all/1",
	} {
		sets, err := ParseGroups([]string{args})
		if err != nil {
			t.Fatal(err)
		}
		if groups, err := ResolveGroups(sets, upTo(18), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", args, groups, err)
		}
	}
	// Shares are of all, drawn from who is left.
	sets, _ := ParseGroups([]string{"50% / 1-4 / 30%"})
	groups, err := ResolveGroups(sets, upTo(20), 3)
	if err != nil || len(groups[0]) != 10 || len(groups[2]) != 6 {
		t.Fatalf("%v, %v", groups, err)
	}
	all := slices.Concat(groups...)
	slices.Sort(all)
	if !slices.Equal(all, upTo(20)) {
		t.Errorf("%v", groups)
	}
}

func FuzzParseNodes(f *testing.F) {
	for _, text := range []string{"3", "1-8", "1,4,9-12", "all", "10%", "0.5%", "8-1", "2147483647", "1-2147483647,5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ParseNodes(text)
		if err != nil {
			return
		}
		again, err := ParseNodes(set.String())
		if err != nil || again.String() != set.String() {
			t.Fatalf("%q is read as %q and that as %v, %v", text, set, again, err)
		}
		got, err := set.Resolve(upTo(30), 1)
		if err == nil && (len(got) == 0 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got)) {
			t.Fatalf("%q: %v", text, got)
		}
	})
}
