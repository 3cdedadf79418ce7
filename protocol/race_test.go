//go:build race

package protocol_test

// The race detector makes trials six times slower, and there is nothing in a machine that could race:
// with it fewer seeds are tried. .ci/run tries all without.
func init() { *seeds = 60 }
