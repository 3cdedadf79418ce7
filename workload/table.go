package workload

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"gossipctl/values"
)

// Names of the rows.
const (
	Movies       = "movies"
	Counter      = "counter"
	Chat         = "chat"
	RandomValues = "random-values"
)

// Keys that workloads set.
const (
	KeyMovie   = "movie"
	KeyCounter = "counter"
)

var table = []Kind{
	{
		Name: Movies, Summary: "each node draws a favourite film and sets its key movie to it",
		Every: 10 * time.Second, // as l3x does: long enough to see every change spread
		Draws: true, Sets: true, Make: makeMovies,
	},
	{
		Name: Counter, Summary: "each node counts: its key counter grows by one",
		Every: time.Second, // a number that never goes back can be followed by eye at that pace
		Sets:  true, Make: makeCounter,
	},
	{
		Name: Chat, Summary: "each node says something: a message drawn from phrases",
		Every: 10 * time.Second, // 16 nodes then say something every 0.6 s, which can still be read
		Draws: true, Make: makeChat,
	},
	{
		Name: RandomValues, Summary: "each node sets and deletes its keys k1 to k16 at random",
		Every: time.Second, // every key comes up about four times a minute
		Draws: true, Sets: true, Make: makeRandomValues,
	},
}

func draw(r *rand.Rand, list []string) []byte { return []byte(list[r.IntN(len(list))]) }

// listOr is the list to draw from: somebody's own, or the workload's.
func listOr(list, own []string) []string {
	if len(list) > 0 {
		return list
	}
	return own
}

func makeMovies(env Environment) func(int) Action {
	list := listOr(env.List, titles[:])
	return func(int) Action {
		return Action{Set: &values.Change{Key: KeyMovie, Value: draw(env.Rand, list), TTL: env.TTL}}
	}
}

func makeCounter(env Environment) func(int) Action {
	last := uint64(0)
	return func(int) Action {
		if env.Own != nil { // an earlier life, or somebody else, may have counted on
			if value, has := env.Own(KeyCounter); has {
				if n, err := strconv.ParseUint(string(value), 10, 64); err == nil {
					last = n
				}
			}
		}
		last++
		return Action{Set: &values.Change{Key: KeyCounter, Value: strconv.AppendUint(nil, last, 10), TTL: env.TTL}}
	}
}

func makeChat(env Environment) func(int) Action {
	list := listOr(env.List, phrases[:])
	return func(int) Action { return Action{Body: draw(env.Rand, list)} }
}

const (
	// randomKeys are few enough that keys come up again and again, and are deleted and set anew.
	randomKeys = 16
	// deleteShare is how often a key that is there is deleted: about a fifth of the keys are gone at any time.
	deleteShare = 0.2
)

func makeRandomValues(env Environment) func(int) Action {
	mine := make(map[string]bool) // keys that are there, where Own is not
	has := func(key string) bool {
		if env.Own == nil {
			return mine[key]
		}
		_, is := env.Own(key)
		return is
	}
	return func(int) Action {
		key := fmt.Sprintf("k%d", 1+env.Rand.IntN(randomKeys))
		gone := env.Rand.Float64() < deleteShare
		number := env.Rand.IntN(1_000_000)
		if gone && has(key) {
			delete(mine, key)
			return Action{Set: &values.Change{Key: key, Delete: true, TTL: env.TTL}}
		}
		mine[key] = true
		value := strconv.AppendInt(nil, int64(number), 10)
		if len(env.List) > 0 {
			value = []byte(env.List[number%len(env.List)])
		}
		return Action{Set: &values.Change{Key: key, Value: value, TTL: env.TTL}}
	}
}
