// Package trace says what happened: the events a node reports as it works, and the report that is
// made of what the nodes of a network know about one message. It only computes; who records and who
// draws is decided above.
package trace
