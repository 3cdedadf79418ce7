package topology

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Kind describes one topology that [Generate] can make.
type Kind struct {
	// Name is what people type: start-network NAME.
	Name string
	// Summary is one line for list-topologies.
	Summary string
	// Param is the number the kind takes; the zero value if it takes none.
	Param Param
	// Layout names the drawing in closed form that suits the kind: "circle", "grid", "star" or
	// "tree". It is empty where only a renderer finds good positions.
	Layout string

	// refuse says why no connected graph of n nodes exists, as a clause for ImpossibleError;
	// "" if one does. It is asked only with n ≥ 1, but with any param.
	refuse func(n, param int) string
	// edges is the number of edges, or one that is never less; of what refuse turns down, anything.
	edges func(n, param int) int
	// build makes the graph of nodes 1…n; it is called only with what refuse lets through.
	build func(n, param int, src rand.Source) *Graph
	// instead names the kind to offer when no param helps so few, or so unlucky many, nodes.
	instead string
}

// Param is the one number a kind may take.
type Param struct {
	// Name is the placeholder in the help, such as DEGREE; empty if there is no number.
	Name string
	// Default is used where the number is not given.
	Default int
	// Reason says why that default.
	Reason string
}

// table is the list of topologies. A new one is a row here and its two functions.
var table = []Kind{
	{
		Name:    "random",
		Summary: "every node has exactly DEGREE peers, chosen by chance",
		Param: Param{Name: "DEGREE", Default: 3,
			Reason: "the smallest that is not just a ring: its distances grow with the logarithm of the nodes, and it rarely falls apart when nodes fail"},
		refuse: refuseRandom, edges: halfOfEach, build: buildRandom, instead: "circular",
	},
	{
		Name:    "circular",
		Summary: "a ring: each node has the one before it and the one after it",
		Layout:  "circle",
		refuse:  never, edges: oneEach, build: buildCircular,
	},
	{
		Name:    "powerlaw",
		Summary: "a few hubs, many small nodes, many triangles (Holme–Kim, m = 3, p = 0.5)",
		refuse:  refusePowerlaw, edges: powerlawEdges, build: buildPowerlaw, instead: "complete",
	},
	{
		Name:    "turan",
		Summary: "PARTS groups of equal size; every node has all nodes of the other groups",
		Param: Param{Name: "PARTS", Default: 4,
			Reason: "four groups of four in a network of 16 nodes, the number start-network takes by default"},
		Layout: "circle",
		refuse: refuseTuran, edges: turanEdges, build: buildTuran, instead: "complete",
	},
	{
		Name:    "grid",
		Summary: "rows and columns, as near to a square as it goes; the last row may be short",
		Layout:  "grid",
		refuse:  never, edges: twoEach, build: buildGrid,
	},
	{
		Name:    "torus",
		Summary: "a grid joined up at its borders, so that every node has 4 peers",
		Layout:  "grid",
		refuse:  refuseTorus, edges: twoEach, build: buildTorus, instead: "grid",
	},
	{
		Name:    "star",
		Summary: "node 1 is the only peer of all others",
		Layout:  "star",
		refuse:  never, edges: oneEach, build: buildStar,
	},
	{
		Name:    "tree",
		Summary: "node 1 is the root; each node has up to BRANCHING children, level by level",
		Param: Param{Name: "BRANCHING", Default: 2,
			Reason: "a binary tree; 1 would be a line, and more makes the paths shorter"},
		Layout: "tree",
		refuse: refuseTree, edges: oneEach, build: buildTree,
	},
	{
		Name:    "complete",
		Summary: "every node has all others as peers",
		Layout:  "circle",
		refuse:  never, edges: allEdges, build: buildComplete,
	},
	{
		Name:    "smallworld",
		Summary: "a ring with near neighbours and a few short cuts (Watts–Strogatz, k = 4, p = 0.1)",
		Layout:  "circle",
		refuse:  refuseSmallworld, edges: twoEach, build: buildSmallworld, instead: "complete",
	},
	{
		Name:    "line",
		Summary: "a ring cut open: the longest paths there are",
		Layout:  "circle",
		refuse:  never, edges: oneEach, build: buildLine,
	},
	{
		Name:    "hypercube",
		Summary: "2^d nodes with d peers each: those whose number, less one, differs in one bit",
		refuse:  refuseHypercube, edges: hypercubeEdges, build: buildHypercube,
	},
	{
		Name:    "dialled",
		Summary: "every node dials DIALS others by chance; links go both ways: some 2·DIALS peers each",
		Param: Param{Name: "DIALS", Default: 20,
			Reason: "as in the published simulations of gossipsub, so that their numbers can be laid beside ours"},
		refuse: refuseDialled, edges: paramEach, build: buildDialled, instead: "circular",
	},
}

// Kinds returns all topologies in the order in which to list them. The slice is the caller's.
func Kinds() []Kind { return slices.Clone(table) }

// Find returns the kind of that name.
func Find(name string) (Kind, bool) {
	at := slices.IndexFunc(table, func(k Kind) bool { return k.Name == name })
	if at < 0 {
		return Kind{}, false
	}
	return table[at], true
}

// never is the refusal of the kinds that exist for every number of nodes.
func never(int, int) string { return "" }

// The numbers of edges, as the table has them.

func oneEach(n, _ int) int        { return n }
func twoEach(n, _ int) int        { return 2 * n }
func powerlawEdges(n, _ int) int  { return powerlawLinks * n }
func paramEach(n, param int) int  { return n * param }
func halfOfEach(n, param int) int { return n * param / 2 }
func hypercubeEdges(n, _ int) int { return n * bits.Len(uint(n)) / 2 }
func allEdges(n, _ int) int       { return n * (n - 1) / 2 }

// turanEdges counts all pairs but those within a part.
func turanEdges(n, parts int) int {
	if parts < 1 || parts > n {
		return 0
	}
	size, large := n/parts, n%parts
	return allEdges(n, 0) - (parts-large)*allEdges(size, 0) - large*allEdges(size+1, 0)
}
