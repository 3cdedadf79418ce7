package draw
import ("testing";"bytes";"os";"fmt";"math/rand/v2")
func spreadOf(p Picture, root int) Spread {
  s:=Spread{Title:"8.1.1 “banana”",Root:root}
  rng:=rand.New(rand.NewPCG(5,5)); peers:=p.neighbours(); idx:=p.index()
  after:=map[int]float64{root:0}; hop:=map[int]int{root:0}
  q:=[]int{root}
  s.Nodes=append(s.Nodes,SpreadNode{ID:root})
  for len(q)>0 { v:=q[0];q=q[1:]; for _,w:=range peers[idx[v]] { id:=p.Nodes[w].ID; if _,ok:=after[id];ok||id%17==0{continue}
    after[id]=after[v]+0.4+rng.Float64(); hop[id]=hop[v]+1; q=append(q,id); s.Nodes=append(s.Nodes,SpreadNode{id,v,hop[id],after[id]}) } }
  for _,v:=range p.Nodes{ if _,ok:=after[v.ID];!ok {s.Missing=append(s.Missing,v.ID)}}
  s.Subtitle=fmt.Sprintf("flood · from node %d · reached %d of %d · last after 4.2 ms",root,len(s.Nodes),len(p.Nodes))
  return s
}
func TestSpreads(t *testing.T){
  for _,n:=range []int{16,64,200,1000}{ s:=spreadOf(randomRegular(n,3,42),8); if err:=s.Check();err!=nil{t.Fatal(err)}; var b bytes.Buffer; s.Scene().SVG(&b); os.WriteFile(fmt.Sprintf("/tmp/gal/spread%d.svg",n),b.Bytes(),0o644)}
  s:=Spread{Title:"alone",Root:3}; var b bytes.Buffer; s.Scene().SVG(&b); os.WriteFile("/tmp/gal/spread1.svg",b.Bytes(),0o644)
  s=Spread{Title:"odd",Root:1,Nodes:[]SpreadNode{{ID:2,Parent:3},{ID:3,Parent:2},{ID:4,Parent:9},{ID:5,Parent:4},{ID:6,Parent:1}},Missing:[]int{7,8}};b.Reset(); s.Scene().SVG(&b); os.WriteFile("/tmp/gal/spreadodd.svg",b.Bytes(),0o644)
}
func TestDeep(t *testing.T){
  for _,n:=range []int{64,1000}{ p:=Picture{Layout:"circle"}; nodes(n,&p); for i:=1;i<=n;i++{p.Links=append(p.Links,Link{A:i,B:i%n+1})}
  var b bytes.Buffer; s:=spreadOf(p,8); s.Scene().SVG(&b); os.WriteFile(fmt.Sprintf("/tmp/gal/spreadring%d.svg",n),b.Bytes(),0o644)}
}
