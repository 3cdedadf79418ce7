//go:build race

package membership_test

// The race detector makes worlds ten times slower, and there is nothing in a machine that could race.
func init() { raced = true }
