// Package lab runs simulated experiments: a protocol on an overlay, many times over with different
// seeds and on all cores, and says what came out, with how much of it is chance.
package lab
