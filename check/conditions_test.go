package check

import "testing"

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		want  string
		words []string
	}{
		{"", nil},
		{"gossipctl run-scenario a-b_c.yaml --case share=50%", []string{"gossipctl", "run-scenario", "a-b_c.yaml", "--case", "share=50%"}},
		{`gossipctl 'my file' '' 'it'\''s' '$(x)' 'a~b'`, []string{"gossipctl", "my file", "", "it's", "$(x)", "a~b"}},
	} {
		if got := CommandLine(c.words); got != c.want {
			t.Errorf("%q: %s, want %s", c.words, got, c.want)
		}
	}
}
