package draw

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

func randomRegular(n, k int, seed uint64) Picture {
	rng := rand.New(rand.NewPCG(seed, 7))
	for {
		var stubs []int
		for i := 1; i <= n; i++ {
			for range k {
				stubs = append(stubs, i)
			}
		}
		seen := map[[2]int]bool{}
		var links []Link
		ok := true
		for len(stubs) > 0 && ok {
			ok = false
			for range 100 {
				i, j := rng.IntN(len(stubs)), rng.IntN(len(stubs))
				a, b := min(stubs[i], stubs[j]), max(stubs[i], stubs[j])
				if a == b || seen[[2]int{a, b}] {
					continue
				}
				seen[[2]int{a, b}] = true
				links = append(links, Link{A: a, B: b})
				if i < j {
					i, j = j, i
				}
				stubs = append(stubs[:i], stubs[i+1:]...)
				stubs = append(stubs[:j], stubs[j+1:]...)
				ok = true
				break
			}
		}
		if !ok {
			continue
		}
		p := Picture{Title: "default", Subtitle: fmt.Sprintf("random %d · %d nodes · %d edges · seed %d", k, n, len(links), seed), Layout: "random", Links: links}
		for i := 1; i <= n; i++ {
			p.Nodes = append(p.Nodes, Node{ID: i})
		}
		return p
	}
}
func nodes(n int, p *Picture) {
	for i := 1; i <= n; i++ {
		p.Nodes = append(p.Nodes, Node{ID: i})
	}
}
func gallery() map[string]Picture {
	m := map[string]Picture{}
	for _, n := range []int{16, 64, 200, 1000} {
		m[fmt.Sprintf("random%d", n)] = randomRegular(n, 3, 42)
	}
	p := randomRegular(16, 3, 42)
	p.Nodes[2].State = Paused
	p.Nodes[6].State = Dead
	p.Nodes[8].State = Unreachable
	p.Nodes[12].State = Removed
	p.Nodes[0].Messages, p.Nodes[0].Unread = 3, 2
	p.Nodes[4].Messages, p.Nodes[4].Unread = 30, 12
	p.Nodes[2].Unread = 1
	for i := range p.Links {
		if p.Links[i].A == 13 || p.Links[i].B == 13 {
			p.Links[i].Ghost = true
		}
	}
	m["states16"] = p
	p = randomRegular(200, 3, 42)
	for i := range p.Nodes {
		p.Nodes[i].State = states[min(4, max(0, i%14-9))]
	}
	m["states200"] = p
	p = randomRegular(1000, 3, 42)
	for i := range p.Nodes {
		p.Nodes[i].State = states[min(4, max(0, i%14-9))]
	}
	m["states1000"] = p
	for _, n := range []int{3, 16, 64, 200, 1000} {
		p := Picture{Title: "ring", Subtitle: "circular", Layout: "circle"}
		nodes(n, &p)
		for i := 1; i <= n; i++ {
			p.Links = append(p.Links, Link{A: i, B: i%n + 1})
		}
		m[fmt.Sprintf("circle%d", n)] = p
	}
	for _, n := range []int{8, 30} {
		p := Picture{Title: "complete", Subtitle: "complete", Layout: "circle"}
		nodes(n, &p)
		for i := 1; i <= n; i++ {
			for j := i + 1; j <= n; j++ {
				p.Links = append(p.Links, Link{A: i, B: j})
			}
		}
		m[fmt.Sprintf("complete%d", n)] = p
	}
	for _, c := range []int{4, 8, 32} {
		for _, tor := range []bool{false, true} {
			p := Picture{Title: "grid", Subtitle: "grid", Layout: "grid", Columns: c}
			nodes(c*c, &p)
			if tor {
				p.Layout = "torus"
			}
			for y := range c {
				for x := range c {
					id := y*c + x + 1
					if x+1 < c {
						p.Links = append(p.Links, Link{A: id, B: id + 1})
					} else if tor {
						p.Links = append(p.Links, Link{A: id, B: y*c + 1})
					}
					if y+1 < c {
						p.Links = append(p.Links, Link{A: id, B: id + c})
					} else if tor {
						p.Links = append(p.Links, Link{A: id, B: x + 1})
					}
				}
			}
			m[fmt.Sprintf("%s%d", p.Layout, c)] = p
			if tor && c < 20 {
				q := p
				q.Layout = "grid"
				m[fmt.Sprintf("flattorus%d", c)] = q
				q.Layout = "x"
				m[fmt.Sprintf("stresstorus%d", c)] = q
			}
		}
	}
	for _, n := range []int{8, 16, 64} {
		p := Picture{Title: "star", Subtitle: "star", Layout: "star"}
		nodes(n, &p)
		for i := 2; i <= n; i++ {
			p.Links = append(p.Links, Link{A: 1, B: i})
		}
		m[fmt.Sprintf("star%d", n)] = p
	}
	for _, n := range []int{15, 40, 127, 1000} {
		p := Picture{Title: "tree", Subtitle: "tree", Layout: "tree"}
		nodes(n, &p)
		for i := 2; i <= n; i++ {
			p.Links = append(p.Links, Link{A: i / 2, B: i})
		}
		m[fmt.Sprintf("tree%d", n)] = p
	}
	for _, n := range []int{6, 16, 64} {
		p := Picture{Title: "line", Subtitle: "line", Layout: "line"}
		nodes(n, &p)
		for i := 2; i <= n; i++ {
			p.Links = append(p.Links, Link{A: i - 1, B: i})
		}
		m[fmt.Sprintf("line%d", n)] = p
	}
	for d := 2; d <= 7; d++ {
		p := Picture{Title: "hypercube", Subtitle: "hypercube", Layout: "hypercube"}
		nodes(1<<d, &p)
		for i := range 1 << d {
			for k := range d {
				if j := i ^ (1 << k); j > i {
					p.Links = append(p.Links, Link{A: i + 1, B: j + 1})
				}
			}
		}
		m[fmt.Sprintf("hypercube%d", d)] = p
		if d == 4 || d == 6 {
			q := p
			q.Layout = ""
			m[fmt.Sprintf("stresscube%d", d)] = q
		}
	}
	for _, n := range []int{0, 1, 2} {
		p := Picture{Title: "tiny", Subtitle: "a few nodes"}
		nodes(n, &p)
		if n == 2 {
			p.Links = []Link{{A: 1, B: 2}}
		}
		m[fmt.Sprintf("tiny%d", n)] = p
	}
	// powerlaw
	for _, n := range []int{16, 64, 200} {
		rng := rand.New(rand.NewPCG(3, 3))
		p := Picture{Title: "default", Subtitle: "powerlaw"}
		nodes(n, &p)
		var ends []int
		for i := 2; i <= n; i++ {
			for k := range 3 {
				_ = k
				j := 1 + rng.IntN(i-1)
				if len(ends) > 0 && rng.IntN(4) > 0 {
					j = ends[rng.IntN(len(ends))]
				}
				if j != i {
					p.Links = append(p.Links, Link{A: j, B: i})
					ends = append(ends, j, i)
				}
			}
		}
		m[fmt.Sprintf("powerlaw%d", n)] = p
	}
	// disconnected
	p = randomRegular(12, 3, 1)
	q := randomRegular(8, 3, 2)
	for _, l := range q.Links {
		p.Links = append(p.Links, Link{A: l.A + 12, B: l.B + 12})
	}
	for i := 13; i <= 22; i++ {
		p.Nodes = append(p.Nodes, Node{ID: i})
	}
	m["parts"] = p
	return m
}
func TestGallery(t *testing.T) {
	os.MkdirAll("/tmp/gal", 0o755)
	for name, p := range gallery() {
		t0 := time.Now()
		var b bytes.Buffer
		if err := p.Check(); err != nil {
			t.Fatal(name, err)
		}
		if err := p.Scene().SVG(&b); err != nil {
			t.Fatal(err)
		}
		os.WriteFile("/tmp/gal/"+name+".svg", b.Bytes(), 0o644)
		if d := time.Since(t0); d > 50*time.Millisecond {
			fmt.Println(name, d, b.Len())
		}
	}
}
