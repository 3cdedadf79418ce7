package topology_test

import (
	"math"
	"slices"
	"testing"

	"gossipctl/topology"
)

// graphOf makes a graph of nodes 1…n.
func graphOf(n int, edges ...[2]int) *topology.Graph {
	g := topology.New(n)
	for _, e := range edges {
		g.AddEdge(e[0], e[1])
	}
	return g
}

func TestMeasures(t *testing.T) {
	triangle := graphOf(3, [2]int{1, 2}, [2]int{2, 3}, [2]int{1, 3})
	line := graphOf(4, [2]int{1, 2}, [2]int{2, 3}, [2]int{3, 4})
	kite := graphOf(4, [2]int{1, 2}, [2]int{2, 3}, [2]int{1, 3}, [2]int{3, 4}) // a triangle with a tail
	apart := graphOf(5, [2]int{1, 2}, [2]int{3, 4}, [2]int{4, 5})
	for _, c := range []struct {
		name                      string
		g                         *topology.Graph
		degrees                   []int
		clustering, path, reached float64
		largest                   int
	}{
		{"nothing", graphOf(0), nil, 0, 0, 0, 0},
		{"one", graphOf(1), []int{1}, 0, 0, 0, 1},
		{"triangle", triangle, []int{0, 0, 3}, 1, 1, 1, 3},
		{"line", line, []int{0, 2, 2}, 0, 10.0 / 6, 1, 4},
		{"kite", kite, []int{0, 1, 2, 1}, (1 + 1 + 1.0/3) / 4, 8.0 / 6, 1, 4},
		{"apart", apart, []int{0, 4, 1}, 0, 5.0 / 4, 8.0 / 20, 3},
	} {
		if got := topology.Degrees(c.g); !slices.Equal(got, c.degrees) {
			t.Errorf("%s: degrees %v, not %v", c.name, got, c.degrees)
		}
		if got := topology.Clustering(c.g); math.Abs(got-c.clustering) > 1e-12 {
			t.Errorf("%s: clustering %v, not %v", c.name, got, c.clustering)
		}
		path, reached := topology.MeanPath(c.g, 1000)
		if math.Abs(path-c.path) > 1e-12 || math.Abs(reached-c.reached) > 1e-12 {
			t.Errorf("%s: path %v of a share of %v, not %v of %v", c.name, path, reached, c.path, c.reached)
		}
		if got := topology.LargestPart(c.g); got != c.largest {
			t.Errorf("%s: largest part %d, not %d", c.name, got, c.largest)
		}
	}
}

// TestMeasuresOfAnEditedGraph looks at a graph with a hole in its numbers.
func TestMeasuresOfAnEditedGraph(t *testing.T) {
	g := graphOf(4, [2]int{1, 2}, [2]int{2, 3}, [2]int{1, 3}, [2]int{3, 4})
	g.RemoveNode(2)
	if path, reached := topology.MeanPath(g, 3); math.Abs(path-4.0/3) > 1e-12 || reached != 1 {
		t.Errorf("path %v of a share of %v", path, reached)
	}
	if got := topology.Clustering(g); got != 0 {
		t.Errorf("clustering %v without a triangle", got)
	}
}

// TestMeanPathOfASample compares a sample of sources with all of them.
func TestMeanPathOfASample(t *testing.T) {
	g := graphOf(1000)
	for v := 1; v <= 1000; v++ { // a ring with chords: every node sees the same
		g.AddEdge(v, v%1000+1)
		g.AddEdge(v, (v+36)%1000+1)
	}
	all, _ := topology.MeanPath(g, 1000)
	some, reached := topology.MeanPath(g, 7)
	if math.Abs(all-some) > 1e-9 || reached != 1 {
		t.Errorf("from 7 nodes %v, from all %v, where every node sees the same", some, all)
	}
}
