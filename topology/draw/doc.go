// Package draw makes pictures: a network as it is ([Picture]), and the way of one message through
// it ([Spread]). It is pure. A picture becomes a [Scene] of lines, discs and words, and a [Brush]
// paints the scene; [Scene.SVG] is the brush in this package, the renderer has one for pixels, and
// both therefore show the same. A terminal ([Picture.Text]) and Graphviz ([Picture.DOT]) get the
// same colours and the same signs for the states.
//
// Where the nodes go is decided in one of three places: a layout with a closed form (see
// [Layouts]) is worked out here; others are asked of the renderer, gossipctl-graph, which
// [Picture.Engine] names the engine for; and without it, [Picture.Stress] is good enough.
//
// Equal drawings give equal bytes.
package draw
