package scenario

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"gossipctl/check"
)

// MaxSeeds bounds the seeds of one command: a night's work.
const MaxSeeds = 10_000_000

// Range is seeds from First to Last.
type Range struct{ First, Last uint64 }

// ParseSeeds reads 1..500, or one seed.
func ParseSeeds(text string) (Range, error) {
	first, last, isRange := strings.Cut(text, "..")
	a, err := strconv.ParseUint(strings.TrimSpace(first), 10, 63)
	b := a
	if isRange && err == nil {
		b, err = strconv.ParseUint(strings.TrimSpace(last), 10, 63)
	}
	switch {
	case err != nil:
		return Range{}, fmt.Errorf("%q is no range of seeds, such as 1..500", text)
	case b < a:
		return Range{}, fmt.Errorf("seeds %s are the wrong way round: write %d..%d", text, b, a)
	case b-a >= MaxSeeds:
		return Range{}, fmt.Errorf("seeds %s are more than %d", text, MaxSeeds)
	}
	return Range{a, b}, nil
}

// Len is how many seeds these are.
func (r Range) Len() int { return int(r.Last-r.First) + 1 }

// Job is one run of many: a scenario and a seed.
type Job struct {
	Scenario *Scenario
	Seed     uint64
}

// Outcome is what came of a job.
type Outcome struct {
	Job
	Result *Result // nil when Err is not
	Err    error
}

// Many runs every scenario with every seed in the simulator, some at a time; workers 0: as many as there
// are processors. Done is told of each, by one goroutine at a time, in the order of jobs: scenarios first,
// then seeds. The error is that of the context; jobs not begun by then are not told of.
func Many(ctx context.Context, scenarios []*Scenario, seeds Range, workers int, o Options, done func(Outcome)) error {
	return many(ctx, scenarios, seeds, workers, func() *Simulated { return &Simulated{} }, o, done)
}

func many(ctx context.Context, scenarios []*Scenario, seeds Range, workers int, engine func() *Simulated, o Options, done func(Outcome)) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	total := len(scenarios) * seeds.Len()
	var mu sync.Mutex
	next, told := 0, 0
	waiting := make(map[int]Outcome) // finished out of turn; never more than there are workers, see ahead
	turn := sync.NewCond(&mu)
	var group sync.WaitGroup
	for range min(workers, total) {
		group.Go(func() {
			for {
				mu.Lock()
				for next-told >= ahead*workers && ctx.Err() == nil {
					turn.Wait()
				}
				number := next
				next++
				mu.Unlock()
				if number >= total || ctx.Err() != nil {
					return
				}
				out := Outcome{Job: Job{scenarios[number/seeds.Len()], seeds.First + uint64(number%seeds.Len())}}
				out.Result, out.Err = out.run(ctx, engine(), o)
				mu.Lock()
				waiting[number] = out
				for {
					first, is := waiting[told]
					if !is {
						break
					}
					delete(waiting, told)
					told++
					if ctx.Err() == nil {
						done(first)
					}
				}
				turn.Broadcast()
				mu.Unlock()
			}
		})
	}
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		turn.Broadcast()
		mu.Unlock()
	})
	group.Wait()
	stop()
	return context.Cause(ctx)
}

// ahead is by how many jobs for each worker one may be ahead of the slowest: their results wait.
const ahead = 16

func (j Job) run(ctx context.Context, e *Simulated, o Options) (*Result, error) {
	p, err := j.Scenario.Plan(j.Seed)
	if err != nil {
		return nil, err
	}
	return Run(ctx, e, p, o)
}

// Summary is what many runs have in common.
type Summary struct {
	Runs, OK, Failed, Unknown, Errors int
	Events                            uint64
	Guarantees                        map[check.Guarantee]int // runs in which it was violated
	First                             []Brief                 // runs that were not ok, the first of them
	Wall                              time.Duration
}

// Brief is a run that was not ok, in short.
type Brief struct {
	Case  string // of the matrix; may be empty
	Seed  uint64
	State State
	Why   string
}

// MaxBriefs is how many runs that were not ok are told of one by one.
const MaxBriefs = 20

// Add takes in one outcome.
func (s *Summary) Add(o Outcome) {
	if s.Guarantees == nil {
		s.Guarantees = make(map[check.Guarantee]int)
	}
	s.Runs++
	b := Brief{Case: o.Scenario.Case, Seed: o.Seed, State: Failed}
	if o.Err != nil {
		s.Errors++
		b.Why = o.Err.Error()
	} else {
		s.Events += uint64(o.Result.Measures.Events)
		for _, g := range broken(&o.Result.Verdict) {
			s.Guarantees[check.Guarantee(g)]++
		}
		switch b.State = o.Result.State(); b.State {
		case Failed:
			s.Failed++
		case Unknown:
			s.Unknown++
		default:
			s.OK++
			return
		}
		b.Why = o.Result.Why()
	}
	if len(s.First) < MaxBriefs {
		s.First = append(s.First, b)
	}
}

// Why says in a sentence why a run is not ok; empty when it is.
func (r *Result) Why() string {
	var why []string
	for _, v := range r.Verdict.Violations[:min(len(r.Verdict.Violations), 2)] {
		why = append(why, fmt.Sprintf("%s: %s", v.Guarantee, v.What))
	}
	if r.Verdict.Valid == check.Unknown {
		why = append(why, r.Verdict.Unknown[:min(len(r.Verdict.Unknown), 2)]...)
	}
	for _, a := range r.Assertions {
		if a.State == Failed && a.Name != "verdict" {
			why = append(why, fmt.Sprintf("%s was %s, wanted %s", a.Name, a.Was, a.Wanted))
		}
	}
	return strings.Join(why, "; ")
}
