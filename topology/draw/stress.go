package draw

import (
	"math"
	"math/rand/v2"
)

// stressLimit is the size above which Stress gives up (its memory and work grow with n²) and puts
// the nodes on a circle.
const stressLimit = 1500

// Stress places the nodes without the renderer, so that distances on paper follow distances in
// the graph: stochastic gradient descent on the stress, after Zheng, Pawar and Goodman,
// "Graph Drawing by Stochastic Gradient Descent" (2018). Equal pictures get equal places.
func (p Picture) Stress() []Point {
	n := len(p.Nodes)
	if n > stressLimit || n < 3 {
		return ring(n)
	}
	type term struct {
		a, b int32
		d    float64
	}
	far, steps := 1, distances(p.neighbours())
	for _, d := range steps {
		far = max(far, int(d))
	}
	terms := make([]term, 0, n*(n-1)/2)
	for a := range n {
		for b := a + 1; b < n; b++ {
			d := float64(steps[a*n+b])
			if d < 0 { // not connected: a little further than anything that is
				d = float64(far) + 1
			}
			terms = append(terms, term{int32(a), int32(b), d})
		}
	}
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	at := make([]Point, n)
	for i := range at {
		at[i] = Point{rng.Float64(), rng.Float64()}
	}
	// The step falls from "obey the farthest pair at once" to a tenth of that of the nearest:
	// the schedule of the paper, with its 30 rounds.
	const rounds, last = 30, 0.1
	first := float64(far+1) * float64(far+1)
	for round := range rounds {
		eta := first * math.Pow(last/first, float64(round)/(rounds-1))
		rng.Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
		for _, t := range terms {
			dx, dy := at[t.a].X-at[t.b].X, at[t.a].Y-at[t.b].Y
			now := max(math.Hypot(dx, dy), 1e-9)
			move := min(eta/(t.d*t.d), 1) * (now - t.d) / 2 / now
			at[t.a].X, at[t.a].Y = at[t.a].X-move*dx, at[t.a].Y-move*dy
			at[t.b].X, at[t.b].Y = at[t.b].X+move*dx, at[t.b].Y+move*dy
		}
	}
	return at
}

// distances is the n×n matrix of hops between nodes; -1 where there is no way.
func distances(peers [][]int) []int16 {
	n := len(peers)
	steps := make([]int16, n*n)
	for i := range steps {
		steps[i] = -1
	}
	queue := make([]int, 0, n)
	for root := range n {
		row := steps[root*n : (root+1)*n]
		row[root] = 0
		queue = append(queue[:0], root)
		for head := 0; head < len(queue); head++ {
			for _, w := range peers[queue[head]] {
				if row[w] < 0 {
					row[w] = row[queue[head]] + 1
					queue = append(queue, w)
				}
			}
		}
	}
	return steps
}
