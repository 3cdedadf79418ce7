package workload

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gossipctl/gossip"
	"gossipctl/values"

	"github.com/google/go-cmp/cmp"
)

// desk carries out what a workload wants, as a node would.
type desk struct {
	own  map[string][]byte
	said []string
}

func (d *desk) has(key string) ([]byte, bool) {
	v, is := d.own[key]
	return v, is
}

func (d *desk) run(t *testing.T, name string, list []string, seed uint64, ticks int) []Action {
	t.Helper()
	k, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	do := k.Make(Environment{Self: 3, Rand: Generator(seed, 3, 1, name), List: list, TTL: 4, Own: d.has})
	var all []Action
	for tick := range ticks {
		a := do(tick + 1)
		switch {
		case (a.Set == nil) == (a.Body == nil):
			t.Fatalf("%s: %+v is not one thing", name, a)
		case a.Body != nil:
			d.said = append(d.said, string(a.Body))
		case a.Set.Delete:
			if _, is := d.own[a.Set.Key]; !is {
				t.Fatalf("%s deletes %q, which is not there", name, a.Set.Key)
			}
			delete(d.own, a.Set.Key)
		default:
			d.own[a.Set.Key] = a.Set.Value
		}
		if a.Set != nil && (a.Set.TTL != 4 || a.Set.Key == "" || len(a.Set.Key) > values.MaxKey || len(a.Set.Value) > values.MaxValue) {
			t.Fatalf("%s: %+v", name, a.Set)
		}
		if (a.Set != nil) != k.Sets {
			t.Fatalf("%s does what its row does not say: %+v", name, a)
		}
		all = append(all, a)
	}
	return all
}

func newDesk() *desk { return &desk{own: make(map[string][]byte)} }

// Same seed, same acts; another seed, node, life or kind, others.
func TestSameSeedSameActs(t *testing.T) {
	for _, k := range Table() {
		if diff := cmp.Diff(newDesk().run(t, k.Name, nil, 7, 200), newDesk().run(t, k.Name, nil, 7, 200)); diff != "" {
			t.Errorf("%s: %s", k.Name, diff)
		}
		if k.Draws && cmp.Equal(newDesk().run(t, k.Name, nil, 7, 200), newDesk().run(t, k.Name, nil, 8, 200)) {
			t.Errorf("%s draws the same with another seed", k.Name)
		}
	}
	first := Generator(1, 1, 1, Movies).Uint64()
	for i, other := range []*rand.Rand{Generator(2, 1, 1, Movies), Generator(1, 2, 1, Movies), Generator(1, 1, 2, Movies), Generator(1, 1, 1, Chat)} {
		if other.Uint64() == first {
			t.Errorf("generator %d draws the same", i)
		}
	}
}

func TestMoviesDrawFromTheList(t *testing.T) {
	d := newDesk()
	seen := map[string]bool{}
	for _, a := range d.run(t, Movies, nil, 1, 5000) {
		if a.Set.Key != KeyMovie || !slices.Contains(titles[:], string(a.Set.Value)) {
			t.Fatalf("%+v", a.Set)
		}
		seen[string(a.Set.Value)] = true
	}
	if len(seen) != len(titles) {
		t.Errorf("of %d films %d were drawn", len(titles), len(seen))
	}
	for _, a := range d.run(t, Movies, []string{"one", "two"}, 1, 20) {
		if v := string(a.Set.Value); v != "one" && v != "two" {
			t.Errorf("%q is not in the list", v)
		}
	}
}

// The built-in lists pass what is asked of anybody's.
func TestBuiltInLists(t *testing.T) {
	if len(titles) < 200 || len(phrases) < 20 {
		t.Errorf("%d films, %d phrases", len(titles), len(phrases))
	}
	for _, list := range [][]string{titles[:], phrases[:]} {
		if err := CheckList(list); err != nil {
			t.Error(err)
		}
		sorted := slices.Sorted(slices.Values(list))
		if len(slices.Compact(sorted)) != len(list) {
			t.Error("something stands twice")
		}
		for _, line := range list {
			if line != strings.TrimSpace(line) || !utf8.ValidString(line) {
				t.Errorf("%q", line)
			}
		}
	}
}

// The counter goes on from what is there, whoever has set it.
func TestCounterCountsOn(t *testing.T) {
	d := newDesk()
	d.run(t, Counter, nil, 1, 5)
	d.run(t, Counter, nil, 2, 5) // another life
	if got := string(d.own[KeyCounter]); got != "10" {
		t.Errorf("the counter is at %s", got)
	}
	d.own[KeyCounter] = []byte("99")
	d.run(t, Counter, nil, 2, 1)
	if got := string(d.own[KeyCounter]); got != "100" {
		t.Errorf("the counter is at %s", got)
	}
	d.own[KeyCounter] = []byte("nonsense")
	d.run(t, Counter, nil, 2, 1)
	if got := string(d.own[KeyCounter]); got != "1" {
		t.Errorf("the counter is at %s", got)
	}
	k, _ := Find(Counter)
	do := k.Make(Environment{Rand: Generator(1, 1, 1, Counter)}) // nobody to ask
	do(1)
	if a := do(2); string(a.Set.Value) != "2" {
		t.Errorf("%+v", a.Set)
	}
}

// All keys come up, some are deleted and come back, and no more than a few are gone.
func TestRandomValues(t *testing.T) {
	d := newDesk()
	deleted, back := map[string]bool{}, 0
	for _, a := range d.run(t, RandomValues, nil, 5, 2000) {
		if n, err := strconv.Atoi(strings.TrimPrefix(a.Set.Key, "k")); err != nil || n < 1 || n > randomKeys {
			t.Fatalf("key %q", a.Set.Key)
		}
		if !a.Set.Delete && deleted[a.Set.Key] {
			back++
		}
		deleted[a.Set.Key] = a.Set.Delete
	}
	if len(deleted) != randomKeys || back < 50 || len(d.own) < randomKeys/2 {
		t.Errorf("%d keys, %d came back, %d are there", len(deleted), back, len(d.own))
	}
}

func TestChatPublishes(t *testing.T) {
	d := newDesk()
	d.run(t, Chat, nil, 1, 50)
	if len(d.said) != 50 || len(d.own) != 0 || !slices.Contains(phrases[:], d.said[0]) {
		t.Errorf("%q, %v", d.said, d.own)
	}
}

func TestJitter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sum, least, most := time.Duration(0), time.Hour, time.Duration(0)
	for range 1000 {
		p := Jitter(10*time.Second, r)
		sum, least, most = sum+p, min(least, p), max(most, p)
	}
	if mean := sum / 1000; mean < 9800*time.Millisecond || mean > 10200*time.Millisecond || least < 7500*time.Millisecond || most > 12500*time.Millisecond || most-least < 4*time.Second {
		t.Errorf("mean %v, from %v to %v", mean, least, most)
	}
}

func TestCheck(t *testing.T) {
	for _, good := range []Settings{
		{Name: Movies}, {Name: Movies, Every: MinEvery, List: []string{"x"}, TTL: 1}, {Name: Counter, TTL: gossip.MaxHops},
		{Name: Chat, Every: MaxEvery, List: []string{"x"}}, {Name: RandomValues, Paused: true},
	} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for text, bad := range map[string]Settings{
		"unknown workload":      {Name: "books"},
		"an interval of 9ms":    {Name: Movies, Every: 9 * time.Millisecond},
		"an interval of -1s":    {Name: Movies, Every: -time.Second},
		"draws from no list":    {Name: Counter, List: []string{"x"}},
		"a TTL of -1":           {Name: Movies, TTL: -1},
		"only values have":      {Name: Chat, TTL: 3},
		"line 2 of the list is": {Name: Movies, List: []string{"x", ""}},
		"has 1025 bytes":        {Name: Movies, List: []string{strings.Repeat("x", 1025)}},
		"is not UTF-8":          {Name: Movies, List: []string{"\xff"}},
		"10001 lines":           {Name: Movies, List: make([]string, 10001)},
		"more than 131072":      {Name: Movies, List: slices.Repeat([]string{strings.Repeat("x", 1000)}, 132)},
	} {
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Find("books"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if err := CheckAll([]Settings{{Name: Movies}, {Name: Movies}}); err == nil {
		t.Error("a workload may stand twice")
	}
	if err := CheckAll(make([]Settings, Max+1)); err == nil {
		t.Error("any number of workloads")
	}
}
