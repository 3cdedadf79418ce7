//go:build race

package membership

// The race detector makes trials six times slower, and there is nothing in a machine that could race: with it fewer
// are tried. .ci/run tries all without.
func init() { thorough = false }
