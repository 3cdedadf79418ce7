package draw

import "math"

// forest is a set of rooted trees over the places 0…n-1.
type forest struct {
	roots    []int
	children [][]int
	depth    []int
}

// tree hangs the picture from its first node. Links outside the tree of shortest ways are drawn
// but have no say; parts that are not connected stand beside each other.
func tree(p Picture) []Point {
	peers := p.neighbours()
	f := forest{children: make([][]int, len(peers)), depth: make([]int, len(peers))}
	seen := make([]bool, len(peers))
	for root := range peers {
		if seen[root] {
			continue
		}
		seen[root] = true
		f.roots = append(f.roots, root)
		for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
			v := queue[0]
			for _, w := range peers[v] {
				if !seen[w] {
					seen[w] = true
					f.depth[w] = f.depth[v] + 1
					f.children[v] = append(f.children[v], w)
					queue = append(queue, w)
				}
			}
		}
	}
	if f.leaves() > leavesAcross {
		return f.radial()
	}
	across := f.tidy(func(int) float64 { return 1 })
	// Level from level so that a wide tree is not a flat one.
	step := min(max(1.25, 0.45*float64(f.leaves())/float64(max(1, f.deepest()))), 3)
	at := make([]Point, len(peers))
	for i := range at {
		at[i] = Point{across[i], step * float64(f.depth[i])}
	}
	return at
}

// leavesAcross is how many leaves fit side by side with numbers that can be read; wider trees
// are bent round their root.
const leavesAcross = 40

func (f forest) leaves() int {
	n := 0
	for _, c := range f.children {
		if len(c) == 0 {
			n++
		}
	}
	return n
}

func (f forest) deepest() int {
	deepest := 0
	for _, d := range f.depth {
		deepest = max(deepest, d)
	}
	return deepest
}

// tidy is Reingold and Tilford's tree drawing (1981): parents in the middle above their children,
// equal subtrees alike, everything as close together as apart allows at its depth. It returns each
// place's distance across; how deep it hangs is f.depth.
func (f forest) tidy(apart func(depth int) float64) []float64 {
	offset := make([]float64, len(f.children)) // from the parent
	f.outline(f.roots, 0, offset, apart)
	across := make([]float64, len(f.children))
	stack := append([]int(nil), f.roots...)
	for _, root := range f.roots {
		across[root] = offset[root]
	}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, c := range f.children[v] {
			across[c] = across[v] + offset[c]
			stack = append(stack, c)
		}
	}
	return across
}

// span is the left and right edge of a subtree at one depth, seen from its parent's place.
type span struct{ left, right float64 }

// outline sets the siblings side by side, the middle of the outermost two at 0, and returns the
// outline of the lot, deepest level last.
func (f forest) outline(siblings []int, depth int, offset []float64, apart func(int) float64) []span {
	var all []span
	for i, v := range siblings {
		below := f.outline(f.children[v], depth+1, offset, apart)
		own := append([]span{{}}, below...)
		shift := 0.0
		for d := 0; i > 0 && d < min(len(all), len(own)); d++ {
			shift = max(shift, all[d].right-own[d].left+apart(depth+d))
		}
		offset[v] = shift
		for d, s := range own {
			s = span{s.left + shift, s.right + shift}
			if d == len(all) {
				all = append(all, s)
			} else {
				all[d].right = s.right
			}
		}
	}
	if len(siblings) == 0 {
		return nil
	}
	middle := (offset[siblings[0]] + offset[siblings[len(siblings)-1]]) / 2
	for _, v := range siblings {
		offset[v] -= middle
	}
	for d := range all {
		all[d] = span{all[d].left - middle, all[d].right - middle}
	}
	return all
}

// radial bends the tree round its root: depth becomes the distance from the middle.
func (f forest) radial() []Point {
	deepest := max(1, f.deepest())
	// What is nearer to the middle needs a wider angle for the same room, within reason.
	across := f.tidy(func(depth int) float64 { return min(float64(deepest)/float64(max(1, depth)), 3) })
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range across {
		low, high = min(low, x), max(high, x)
	}
	const seam = 0.14 // of the round stays free at twelve o'clock: room for the label of the innermost ring
	turn := 2 * math.Pi * (1 - seam) / max(high-low, 1)
	step := max(1.6, 1/(turn*float64(deepest)))
	first := 0.0
	if len(f.roots) > 1 {
		first = 1 // no root can have the middle to itself
	}
	at := make([]Point, len(across))
	for i, x := range across {
		at[i] = polar(step*(float64(f.depth[i])+first), turn*(x-low)+math.Pi*seam)
	}
	return at
}
