// Command gossipctl-graph is gossipctl's renderer. It reads one drawing on standard input, finds
// places for its nodes with Graphviz, and writes it as JSON with places, as SVG or as PNG; or one
// chart, which it draws with gonum's plot, as SVG or as PNG.
//
// It is a program of its own because go-graphviz loads a WebAssembly module before main runs,
// which every node process would pay for, and cannot do two things at once.
package main

import "os"

func main() { os.Exit(run(os.Stdin, os.Stdout, os.Stderr, os.Args[1:])) }
