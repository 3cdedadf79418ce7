// Package netctl makes, changes and ends networks of node processes.
//
// It has two sides. The command line calls [Start], [Stop], [Open], [List] and [Diagnose]; the
// controller, a process of its own that Start makes by running the same executable again with
// [ControllerCommand], binds the ports, forks the nodes and owns them until the network ends.
//
// Three things tie them together: the state folder of the network (package netctl/store), whose
// state file says what exists; the controller's HTTP interface; and, while a network starts, three
// pipes. Nothing outlives the controller: every node holds the reading end of a pipe, the lifeline,
// whose writing end only the controller has.
package netctl
