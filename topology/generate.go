package topology

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// MaxNodes is the largest network [Generate] makes unless it is told otherwise. Every node becomes a
// process with a port of its own: 5,000 idle ones take about 6.5 GB and the ports 7001…12000, which
// is what one machine can be asked for. Larger networks are for the simulator: see [Request].
const MaxNodes = 5000

// MaxEdges is the largest number of edges [Generate] makes, whoever asks: so many take 0.4 GB in the
// graph and up to 1.7 GB while they are drawn by chance. A million nodes can have 100 peers each, and
// each of 10,000 can have all others.
const MaxEdges = 50_000_000

// stream is the second half of every seed here ("topology" in ASCII), so that a protocol seeded
// with the same number does not draw the numbers the graph was made from.
const stream = 0x746f706f6c6f6779

// ErrUnknownKind is wrapped by the errors about a topology that is not in the table.
var ErrUnknownKind = errors.New("unknown topology")

// Request asks for a graph.
type Request struct {
	// Kind is the name of one of the [Kinds].
	Kind string
	// Nodes is the number of nodes, from 1 to Most.
	Nodes int
	// Most is how many nodes there may be; 0 means [MaxNodes]. Whatever it is, there are no more
	// than [MaxEdges] edges, nor nodes.
	Most int
	// Param is the number the kind takes; 0 means its default. For a number that somebody typed,
	// see [Kind.ParseParam], which tells a typed 0 from one that was left out.
	Param int
	// Seed fixes every choice made by chance.
	Seed uint64
}

// Generate makes the connected graph of nodes 1…Nodes that r asks for. It fails with an error that
// wraps [ErrUnknownKind], or with an [*ImpossibleError].
func Generate(r Request) (*Graph, error) {
	k, ok := Find(r.Kind)
	if !ok {
		return nil, fmt.Errorf("%w %q; try one of %s", ErrUnknownKind, r.Kind, strings.Join(names(), ", "))
	}
	param := r.Param
	if param == 0 {
		param = k.Param.Default
	}
	if err := k.check(r.Nodes, param, r.Most); err != nil {
		return nil, err
	}
	return k.build(r.Nodes, param, rand.NewPCG(r.Seed, stream)), nil
}

// ParseParam reads the number of a kind as a person typed it for a network of that many nodes, up to
// [MaxNodes]. It
// fails with an [*ImpossibleError] for what is not a whole number and for 0, which [Request] could
// not tell from a number left out; everything else is for [Generate] to judge.
func (k Kind) ParseParam(text string, nodes int) (int, error) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil && k.Param.Name == "":
		return 0, k.misread(nodes, fmt.Sprintf("it takes no argument, but was given %q", text))
	case err != nil:
		return 0, k.misread(nodes, fmt.Sprintf("%s must be a whole number, not %q", k.Param.Name, text))
	case n == 0 && k.Param.Name == "":
		return 0, k.misread(nodes, "it takes no number, but was given 0")
	case n == 0:
		return 0, k.check(nodes, 0, 0)
	}
	return n, nil
}

// check returns an *ImpossibleError, or nil if the request can be answered. Its param is taken as
// it is: 0 is no default here.
func (k Kind) check(nodes, param, most int) error {
	limit := nodeLimit(most)
	why := ""
	switch {
	case nodes < 1:
		why = fmt.Sprintf("a network has at least 1 node, not %d", nodes)
	case nodes > limit && most == 0:
		why = fmt.Sprintf("%d nodes are too many, because each is a process and one machine is given at most %d", nodes, limit)
	case nodes > limit:
		why = fmt.Sprintf("%d nodes are too many, because here a network has at most %d", nodes, limit)
	default:
		why = k.refuse(nodes, param)
	}
	switch {
	case why != "":
	case k.Param.Name == "" && param != 0:
		why = fmt.Sprintf("it takes no number, but was given %d", param)
	case k.edges(nodes, param) > MaxEdges:
		why = fmt.Sprintf("%s would have up to %d edges, which are too many, because a network has at most %d", count(nodes, "node"), k.edges(nodes, param), MaxEdges)
	default:
		return nil
	}
	return k.impossible(Request{Kind: k.Name, Nodes: nodes, Param: param, Most: most}, why)
}

// nodeLimit is how many nodes there may be for a [Request] of that Most. A node more takes an edge
// more, which also keeps the numbers of edges from overflowing.
func nodeLimit(most int) int {
	if most == 0 {
		return MaxNodes
	}
	return min(most, MaxEdges)
}

// possible reports whether check has nothing to say.
func (k Kind) possible(nodes, param, most int) bool {
	return nodes >= 1 && nodes <= nodeLimit(most) && k.edges(nodes, param) <= MaxEdges &&
		k.refuse(nodes, param) == "" && (k.Param.Name != "" || param == 0)
}

func names() []string {
	list := make([]string, len(table))
	for i, k := range table {
		list[i] = k.Name
	}
	return list
}
