package draw
import ("testing";"bytes";"os";"fmt")
func TestTxt(t *testing.T){
 g:=gallery()
 for _,n:=range []string{"states16","random16","random64","circle16","grid4","tree15","star16","complete8","powerlaw16","torus4","line6","random200"}{
  for c:=NoColours;c<=TrueColours;c++{ var b bytes.Buffer; g[n].Text(&b,TextStyle{Width:90,Colours:c}); os.WriteFile(fmt.Sprintf("/tmp/gal/%s.%d.txt",n,c),b.Bytes(),0o644); b.Reset(); g[n].DOT(&b); os.WriteFile("/tmp/gal/"+n+".dot",b.Bytes(),0o644)}
 }
 var b bytes.Buffer; spreadOf(randomRegular(16,3,42),8).Text(&b,TextStyle{}); os.WriteFile("/tmp/gal/spread16.0.txt",b.Bytes(),0o644)
}
