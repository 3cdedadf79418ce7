// Package proc names, watches and ends processes, and never touches a stranger.
//
// A process id is not a name: the kernel hands it to somebody else once its owner is gone. So a
// process is known here by its [Identity] (boot, pid, start time). [Open] first pins whatever has
// the pid now (a pidfd on Linux ≥ 5.4), and only then compares the start time; from that moment
// a signal reaches that very process or nobody. The start time counts in ticks of 10 ms, which is
// enough because the pin comes first: two lives of one pid within one tick would need the whole
// pid space to wrap in that time.
//
// Where the kernel offers no pin (macOS, old Linux, some sandboxes) the identity is compared
// right before every signal instead, which leaves a gap of microseconds.
//
// The package also holds what a program that starts processes must know of itself: which
// descriptors it would pass on ([CloseOnExec]), how many files and processes it may have
// ([Limits]), which processes of its own are about ([Find]) and who sits on a port ([PortOwner]).
package proc
