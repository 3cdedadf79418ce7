package check

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

var (
	plain   = Conditions{Nodes: []gossip.NodeID{1, 2}}
	durable = Conditions{Nodes: []gossip.NodeID{1, 2}, Durable: true}
	timed   = Conditions{Nodes: []gossip.NodeID{1, 2}, Converge: 10 * time.Second}
	fifo    = Conditions{Nodes: []gossip.NodeID{1, 2}, Order: FIFO}
	led     = Conditions{Nodes: []gossip.NodeID{1, 2}, Controlled: true}
)

// Conditions of networks with values, and with a membership that promises 10 and 20 seconds.
var (
	owned    = Conditions{Nodes: []gossip.NodeID{1, 2}, ValuesWithin: 10 * time.Second}
	keeping  = Conditions{Nodes: []gossip.NodeID{1, 2}, Durable: true, ValuesWithin: 10 * time.Second}
	three    = []gossip.NodeID{1, 2, 3}
	swimming = Conditions{Nodes: three, Membership: Swim, DeadWithin: 10 * time.Second, AliveWithin: 20 * time.Second}
	known    = Conditions{Nodes: three, Membership: Acquainted, AliveWithin: 20 * time.Second}
	partly   = Conditions{Nodes: three, Membership: Hyparview, DeadWithin: 10 * time.Second, AliveWithin: 20 * time.Second}
)

// oneSet is a value that node 1 sets and node 2 comes to have.
const oneSet = both + "1.1 publish 1.1.v1\n1.1 apply 1.1.v1 name=k\n1.1 send 1.1.v1 peer=2\n2.1 receive 1.1.v1 peer=1\n2.1 apply 1.1.v1 name=k\n"

// readK reads both nodes with one value of key k.
const readK = "wait 11s\n1.1 value 1.1.v1 name=k\nread 1.1\n2.1 value 1.1.v1 name=k\nread 2.1"

// met is three nodes that know of each other, left alone for a while.
const met = both + `3.1 start
1.1 member peer=2.1 reason=alive
1.1 member peer=3.1 reason=alive
2.1 member peer=1.1 reason=alive
2.1 member peer=3.1 reason=alive
3.1 member peer=1.1 reason=alive
3.1 member peer=2.1 reason=alive
wait 30s
`

// readMet reads the three as they are after met.
const readMet = `wait 30s
1.1 view peer=2.1 reason=alive
1.1 view peer=3.1 reason=alive
read 1.1
2.1 view peer=1.1 reason=alive
2.1 view peer=3.1 reason=alive
read 2.1
3.1 view peer=1.1 reason=alive
3.1 view peer=2.1 reason=alive
read 3.1
`

const both = "1.1 start\n2.1 start\n"

var verdicts = []struct {
	name   string
	cond   Conditions
	script string
	want   Valid
	broken string // guarantees
	about  string // a part of a violation or of a reason
}{
	// Nothing wrong.
	{"clean", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1", True, "", ""},
	{"no messages", plain, both + "read 1.1\nread 2.1", True, "", ""},
	{"stopped after the read", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1\n1.1 stop\n2.1 stop", True, "", ""},
	{"read twice, the second counts", plain, both + "read 1.1\nread 2.1\npub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1", True, "", ""},
	{"a killed node need not agree", plain, both + "pub 1.1.1\n2.1 kill\nread 1.1 1.1.1", True, "", ""},
	{"what only the killed had is not promised", plain, both + "pub 1.1.1\n1.1 kill\nread 2.1", True, "", ""},
	{"a paused node may have what others have", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\n1.1 pause\nread 2.1 1.1.1", True, "", "node 1 is paused and was not read"},
	{"a stopped node need not agree", plain, both + "pub 1.1.1\n2.1 stop\nread 1.1 1.1.1", True, "", ""},
	{"a paused node need not agree", plain, both + "pub 1.1.1\n2.1 pause\nread 1.1 1.1.1", True, "", ""},
	{"a paused node that was killed and started lives", plain, both + "2.1 pause\n2.1 kill\n2.2 start\nread 1.1\nread 2.2", True, "", ""},
	{"memory: a new life gets everything again", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\n2.1 kill\n2.2 start\n2.2 deliver 1.1.1\nread 1.1 1.1.1\nread 2.2 1.1.1", True, "", ""},
	{"memory: accepted and lost with its only holder", plain, both + "pub 1.1.1\n1.1 kill\n1.2 start\nread 1.2\nread 2.1", True, "", ""},
	{"durable: restored", durable, both + "pub 1.1.1\n2.1 deliver 1.1.1\n1.1 kill\n1.2 start count=1\nread 1.2 1.1.1\nread 2.1 1.1.1", True, "", ""},
	{"durable: neither accepted nor synced may be lost, and come again", durable,
		both + "pub 1.1.1\n2.1 deliver 1.1.1\n2.1 kill\n2.2 start\n2.2 deliver 1.1.1\nread 1.1 1.1.1\nread 2.2 1.1.1", True, "", ""},
	{"memory: saved and taken back as a whole", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\n2.1 stop\n2.2 start count=1\nread 1.1 1.1.1\nread 2.2 1.1.1", True, "", ""},
	{"a relay limit allows more", Conditions{Nodes: []gossip.NodeID{1, 2}, Work: 2}, both + "1.1 publish 1.1.1\n1.1 deliver 1.1.1\n1.1 accept 1.1.1 count=2\n2.1 deliver 1.1.1\n" + strings.Repeat("1.1 send 1.1.1 peer=2\n", 5) + "read 1.1 1.1.1\nread 2.1 1.1.1", True, "", ""},
	{"healed", plain, both + "0 fault name=f1\n0 fault name=f2\n0 heal name=f2\n0 heal name=f1\nread 1.1\nread 2.1", True, "", ""},
	{"in time", timed, both + "0 fault name=f1\npub 1.1.1\nwait 1m\n0 heal name=f1\nwait 9s\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1", True, "", ""},
	{"in order", fifo, both + "pub 1.1.1\npub 1.1.2\n2.1 deliver 1.1.1\n2.1 deliver 1.1.2\nread 1.1 1.1.1 1.1.2\nread 2.1 1.1.1 1.1.2", True, "", ""},
	{"nobody asked for order", plain, both + "pub 1.1.1\npub 1.1.2\n2.1 deliver 1.1.2\n2.1 deliver 1.1.1\nread 1.1 1.1.1 1.1.2\nread 2.1 1.1.2 1.1.1", True, "", ""},
	{"conserved", plain, both + "1.1 link peer=2.1 sent=7 repeated=1 passed=5 lost=2 in_flight=1\n2.1 heard peer=1.1 received=4 corrupt=1\nread 1.1\nread 2.1", True, "", ""},
	{"to a life that is over", plain, both + "2.1 kill\n2.2 start\n1.1 link peer=2.1 sent=7 passed=7\nread 1.1\nread 2.2", True, "", ""},
	{"drop-oldest: what made room is not missing", Conditions{Nodes: []gossip.NodeID{1, 2}, DropOldest: true},
		both + "pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\n2.1 end", True, "", ""},
	{"the controller tells", led, "0 start\n0 end\n" + both + "read 1.1\nread 2.1", True, "", ""},
	{"brought back", led, "0 start\n0 end\n0 stop\n0 start\n0 end\n" + both + "read 1.1\nread 2.1\n1.1 stop\n2.1 stop\n1.2 start\n2.2 start\nread 1.2\nread 2.2", True, "", ""},
	{"killed after the final read", led, "0 start\n0 end\n1.1 kill\n0 fault name=f1\n" + both + "pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1", True, "", ""},

	// Violations.
	{"G1 another body", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1 digest=666\nread 1.1 1.1.1\nread 2.1 1.1.1", False, "G1", "is not what was published"},
	{"G1 another size", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1 size=4\nread 1.1 1.1.1\nread 2.1 1.1.1", False, "G1", "(4 bytes)"},
	{"G1 changed in the inbox", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\n2.1 inbox 1.1.1 digest=666 count=1\n2.1 end count=1", False, "G1", "is not what was published"},
	{"G1 never published", plain, both + "2.1 deliver 1.1.7\n1.1 deliver 1.1.7\nread 1.1 1.1.7\nread 2.1 1.1.7", False, "G1", "was never published"},
	{"G1 of nobody", plain, both + "2.1 deliver 9.1.1\n1.1 deliver 9.1.1\nread 1.1 9.1.1\nread 2.1 9.1.1", False, "G1", "was never published"},
	{"G1 of a life that never was", plain, both + "2.1 deliver 1.5.1\n1.1 deliver 1.5.1\nread 1.1 1.5.1\nread 2.1 1.5.1", False, "G1", "was never published"},
	{"G1 a name twice", plain, both + "pub 1.1.1\n1.1 publish 1.1.1 digest=5\nread 1.1 1.1.1\n2.1 deliver 1.1.1\nread 2.1 1.1.1", False, "G1", "a second message under the name"},
	{"G1 a name of somebody else", plain, both + "1.1 publish 2.1.1\n1.1 deliver 2.1.1\n2.1 deliver 2.1.1\nread 1.1 2.1.1\nread 2.1 2.1.1", False, "G1", "not its own name"},
	{"G1 a life twice", plain, both + "1.1 start\nread 1.1\nread 2.1", False, "G1", "names of messages are given twice"},
	{"G1 accepted, not given", plain, both + "1.1 accept 1.1.1\nread 1.1\nread 2.1", False, "G1", "nobody gave it"},
	{"G1 in the inbox, not delivered", plain, both + "pub 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1", False, "G1", "never delivered it"},
	{"G1 restored more than there was", durable, both + "1.1 kill\n1.2 start count=1\nread 1.2\nread 2.1", False, "G1", "though it had 0"},
	{"G2 delivered again", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1", False, "G2", "delivers message 1.1.1 again"},
	{"G2 twice in the inbox", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1 1.1.1", False, "G2", "twice"},
	{"G2 restored, and delivered again", durable, both + "pub 1.1.1\n2.1 deliver 1.1.1\n2.1 kill\n2.2 start count=1\n2.2 deliver 1.1.1\nread 1.1 1.1.1\nread 2.2 1.1.1", False, "G2", "again"},
	{"G2 G3 synced, not restored, and delivered again", durable, both + "pub 1.1.1\n2.1 deliver 1.1.1\n2.1 sync count=1\n2.1 kill\n2.2 start\n2.2 deliver 1.1.1\nread 1.1 1.1.1\nread 2.2 1.1.1",
		False, "G2 G3", "was on the disk of node 2"},
	{"G3 accepted, not restored", durable, both + "pub 1.1.1\n1.1 kill\n1.2 start\nread 1.2\nread 2.1", False, "G3", "was on the disk of node 1"},
	{"G3 G4 accepted, not everywhere", plain, both + "pub 1.1.1\nread 1.1 1.1.1\nread 2.1", False, "G3 G4", "which node 1 has accepted"},
	{"G3 accepted, nowhere", plain, both + "1.1 publish 1.1.1\n1.1 accept 1.1.1\nread 1.1\nread 2.1", False, "G3", "which node 1 has accepted"},
	{"G4 another live node has it", Conditions{Nodes: []gossip.NodeID{1, 2, 3}}, both + "3.1 start\npub 1.1.1\n2.1 deliver 1.1.1\n1.1 kill\nread 2.1 1.1.1\nread 3.1", False, "G4", "node 3 does not have message 1.1.1"},
	{"G4 gone from the inbox", Conditions{Nodes: []gossip.NodeID{1, 2}}, both + "pub 1.1.1\n2.1 deliver 1.1.1\n1.1 kill\nread 2.1", False, "G4", "not in its inbox any more"},
	{"G3 G4 on its way to a node that is dead", Conditions{Nodes: []gossip.NodeID{1, 2, 3}}, both + "3.1 start\n3.1 kill\npub 1.1.1\n1.1 link peer=3.1 sent=1 in_flight=1\nread 1.1 1.1.1\nread 2.1", False, "G3 G4", "does not have"},
	{"G3 G4 late and still missing", timed, both + "pub 1.1.1\nwait 11s\nread 1.1 1.1.1\nread 2.1", False, "G3 G4", "does not have"},
	{"G5 too late after the heal", timed, both + "0 fault name=f1\npub 1.1.1\nwait 1m\n0 heal name=f1\nwait 12s\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1", False, "G5", "later than promised"},
	{"G5 too late without a fault", timed, both + "pub 1.1.1\nwait 12s\n2.1 deliver 1.1.1\nread 1.1 1.1.1\nread 2.1 1.1.1", False, "G5", "2.003s later"},
	{"G6 out of order", fifo, both + "pub 1.1.1\npub 1.1.2\n2.1 deliver 1.1.2\n2.1 deliver 1.1.1\nread 1.1 1.1.1 1.1.2\nread 2.1 1.1.2 1.1.1", False, "G6", "after number 2"},
	{"G6 across a restart", Conditions{Nodes: []gossip.NodeID{1, 2}, Order: FIFO, Durable: true},
		both + "pub 1.1.1\npub 1.1.2\n2.1 deliver 1.1.2\n2.1 kill\n2.2 start count=1\n2.2 deliver 1.1.1\nread 1.1 1.1.1 1.1.2\nread 2.2 1.1.2 1.1.1", False, "G6", "after number 2"},
	{"G7 a storm", Conditions{Nodes: []gossip.NodeID{1, 2}, Work: 2}, both + "pub 1.1.1\n2.1 deliver 1.1.1\n" + strings.Repeat("1.1 send 1.1.1 peer=2\n", 5) + "read 1.1 1.1.1\nread 2.1 1.1.1", False, "G7", "sent 5 times; allowed are 4"},
	{"G9 unaccounted", plain, both + "1.1 link peer=2.1 sent=7 passed=5\n2.1 heard peer=1.1 received=5\nread 1.1\nread 2.1", False, "G9", "says what became of 5"},
	{"G9 not heard", plain, both + "1.1 link peer=2.1 sent=7 passed=7\n2.1 heard peer=1.1 received=5\nread 1.1\nread 2.1", False, "G9", "has heard 5"},
	{"G9 nothing heard", plain, both + "1.1 link peer=2.1 sent=7 passed=7\nread 1.1\nread 2.1", False, "G9", "has heard 0"},
	{"G9 not sent", plain, both + "2.1 heard peer=1.1 received=5\nread 1.1\nread 2.1", False, "G9", "says nothing of them"},

	// Values.
	{"a value", owned, oneSet + readK, True, "", ""},
	{"a value by nobody's promise", plain, oneSet + readK, True, "", ""},
	{"updates are no messages", plain, oneSet + "1.1 send 1.1.v1 peer=2\n2.1 drop 1.1.v1 peer=1 reason=duplicate\n" + readK, True, "", ""},
	{"a value that is replaced", owned, oneSet + "1.1 apply 1.1.v2 name=k\n2.1 apply 1.1.v2 name=k\n" + strings.ReplaceAll(readK, "v1", "v2"), True, "", ""},
	{"versions of two keys may overtake each other", owned, both + "1.1 apply 1.1.v1 name=a\n1.1 apply 1.1.v2 name=b\n2.1 apply 1.1.v2 name=b\n2.1 apply 1.1.v1 name=a\nwait 11s\n" +
		"1.1 value 1.1.v1 name=a\n1.1 value 1.1.v2 name=b\nread 1.1\n2.1 value 1.1.v1 name=a\n2.1 value 1.1.v2 name=b\nread 2.1", True, "", ""},
	{"what is gone may be forgotten", owned, oneSet + "1.1 apply 1.1.v2 name=k count=1\n2.1 apply 1.1.v2 name=k count=1\nwait 11s\n1.1 value 1.1.v2 name=k count=1\nread 1.1\nread 2.1", True, "", ""},
	{"a new life takes the place of the old", owned, oneSet + "1.1 kill\n1.2 start\n1.2 apply 1.2.v1 name=j\n2.1 apply 1.2.v1 name=j\nwait 11s\n1.2 value 1.2.v1 name=j\nread 1.2\n2.1 value 1.2.v1 name=j\nread 2.1", True, "", ""},
	{"values vanish with a life that had them", owned, oneSet + "1.1 kill\n1.2 start\n2.1 apply 1.1.v1 name=k count=1 reason=vanished digest=7\nwait 11s\nread 1.2\nread 2.1", True, "", ""},
	{"G12 a value of a life that is over", owned, oneSet + "1.1 kill\n1.2 start\nwait 11s\nread 1.2\n2.1 value 1.1.v1 name=k\nread 2.1", False, "G12", "though it is gone"},
	{"G12 vanished, and there again", owned, oneSet + "2.1 apply 1.1.v1 name=k count=1 reason=vanished\nwait 11s\n1.1 value 1.1.v1 name=k\nread 1.1\nread 2.1", False, "G12", "does not have key"},
	{"G12 what was not there vanishes", owned, oneSet + "2.1 apply 1.1.v2 name=k count=1 reason=vanished\n" + readK, False, "G12", "which did not have it"},
	{"a durable map goes on in the next life", owned, oneSet + "1.1 kill\n1.2 start\n1.2 apply 1.1.v2 name=j\n2.1 apply 1.1.v2 name=j\nwait 11s\n1.2 value 1.1.v1 name=k\n1.2 value 1.1.v2 name=j\nread 1.2\n" +
		"2.1 value 1.1.v1 name=k\n2.1 value 1.1.v2 name=j\nread 2.1", True, "", ""},
	{"values that outlive their owner", owned, both + "1.1 apply 1.1.v1 name=k\n2.1 apply 1.1.v1 name=k\n1.1 kill\nwait 11s\n2.1 value 1.1.v1 name=k\nread 2.1", True, "", ""},
	{"values go on after the final read", owned, oneSet + readK + "\n1.1 publish 1.1.v2\n1.1 apply 1.1.v2 name=k\n2.1 apply 1.1.v2 name=k", True, "", ""},
	{"G1 an update is delivered", plain, oneSet + "2.1 deliver 1.1.v1\n" + readK, False, "G1", "as if it were a message"},
	{"G1 an update is in an inbox", plain, oneSet + "wait 11s\n1.1 value 1.1.v1 name=k\nread 1.1\n2.1 value 1.1.v1 name=k\nread 2.1 1.1.v1", False, "G1", "as if it were a message"},
	{"G1 an update of another's", plain, oneSet + "2.1 publish 1.1.v2\n" + readK, False, "G1", "not its own name"},
	{"G7 a storm of updates", Conditions{Nodes: []gossip.NodeID{1, 2}, Work: 2}, oneSet + strings.Repeat("1.1 send 1.1.v1 peer=2\n", 4) + readK, False, "G7", "update 1.1.v1 was sent 5 times"},
	{"G12 an older version over a newer one", owned, oneSet + "1.1 apply 1.1.v2 name=k\n2.1 apply 1.1.v2 name=k\n2.1 apply 1.1.v1 name=k\n" + strings.ReplaceAll(readK, "v1", "v2"), False, "G12", "goes back to 1.1.v1"},
	{"G12 an older life over a newer one", owned, oneSet + "1.1 kill\n1.2 start\n1.2 apply 1.2.v1 name=j\n2.1 apply 1.2.v1 name=j\n2.1 apply 1.1.v1 name=k\nwait 11s\n1.2 value 1.2.v1 name=j\nread 1.2\n2.1 value 1.2.v1 name=j\nread 2.1",
		False, "G12", "though it has values of life 2"},
	{"G12 deleted, and there again", owned, oneSet + "1.1 apply 1.1.v2 name=k count=1\n2.1 apply 1.1.v2 name=k count=1\n2.1 apply 1.1.v1 name=k\nwait 11s\nread 1.1\nread 2.1", False, "G12", "goes back"},
	{"G12 deleted, and there in the end", owned, oneSet + "1.1 apply 1.1.v2 name=k count=1\nwait 11s\n1.1 value 1.1.v2 name=k count=1\nread 1.1\n2.1 value 1.1.v1 name=k\nread 2.1", False, "G12", "though it is gone"},
	{"G12 never there", owned, both + "1.1 apply 1.1.v1 name=k\nwait 11s\n1.1 value 1.1.v1 name=k\nread 1.1\nread 2.1", False, "G12", "does not have key"},
	{"G12 old in the end", owned, oneSet + "1.1 apply 1.1.v2 name=k\nwait 11s\n1.1 value 1.1.v2 name=k\nread 1.1\n2.1 value 1.1.v1 name=k\nread 2.1", False, "G12", "at 1.v1, which is at 1.v2"},
	{"G12 another value", owned, both + "1.1 apply 1.1.v1 name=k\n2.1 apply 1.1.v1 name=k digest=5\n" + readK, False, "G12", "not what its owner has set"},
	{"G12 another key", owned, both + "1.1 apply 1.1.v1 name=k\n2.1 apply 1.1.v1 name=l\nwait 11s\n1.1 value 1.1.v1 name=k\nread 1.1\n2.1 value 1.1.v1 name=l\nread 2.1", False, "G12", "not what its owner has set"},
	{"G12 never set", owned, both + "2.1 apply 1.1.v1 name=k\nwait 11s\nread 1.1\n2.1 value 1.1.v1 name=k\nread 2.1", False, "G12", "never set by its owner"},
	{"G12 never applied", owned, both + "1.1 apply 1.1.v1 name=k\n" + readK, False, "G12", "which it never applied"},
	{"G12 a version is given twice", owned, oneSet + "1.1 apply 1.1.v1 name=j\n" + readK, False, "G12", "twice, to different changes"},
	{"G12 an owner goes back", owned, both + "1.1 apply 1.1.v5 name=k\n1.1 apply 1.1.v3 name=j\n2.1 apply 1.1.v5 name=k\n2.1 apply 1.1.v3 name=j\nwait 11s\n1.1 value 1.1.v5 name=k\n1.1 value 1.1.v3 name=j\nread 1.1\n" +
		"2.1 value 1.1.v5 name=k\n2.1 value 1.1.v3 name=j\nread 2.1", False, "G12", "after version 5"},
	{"durable: an accepted value outlives its node", keeping, oneSet + "1.1 accept 1.1.v1\n1.1 kill\n1.2 start\nwait 11s\n1.2 value 1.1.v1 name=k\nread 1.2\n2.1 value 1.1.v1 name=k\nread 2.1", True, "", ""},
	{"durable: the map begins anew with all that is in it", keeping, oneSet + "1.1 accept 1.1.v1\n1.1 kill\n1.2 start\n1.2 apply 1.2.v1 name=k\n2.1 apply 1.2.v1 name=k\nwait 11s\n1.2 value 1.2.v1 name=k\nread 1.2\n2.1 value 1.2.v1 name=k\nread 2.1", True, "", ""},
	{"durable: what was not accepted may be lost", keeping, oneSet + "1.1 kill\n1.2 start\n2.1 apply 1.1.v1 name=k count=1 reason=vanished\nwait 11s\nread 1.2\nread 2.1", True, "", ""},
	{"G12 durable: an accepted value is lost", keeping, oneSet + "1.1 accept 1.1.v1\n1.1 kill\n1.2 start\n2.1 apply 1.1.v1 name=k count=1 reason=vanished\nwait 11s\nread 1.2\nread 2.1", False, "G12", "has accepted 1.1.v1 of key"},
	{"G1 an update is accepted that was never set", owned, both + "1.1 accept 1.1.v1\nread 1.1\nread 2.1", False, "G1", "which nobody gave it"},
	{"G12 no update", owned, both + "1.1 apply 1.1.1 name=k\nread 1.1\nread 2.1", False, "G12", "no update of a value"},
	{"values read too early", owned, both + "1.1 apply 1.1.v1 name=k\n1.1 value 1.1.v1 name=k\nread 1.1\nread 2.1", Unknown, "", "do not have the same values yet"},
	{"values apart by a fault", owned, both + "0 fault name=f1\n1.1 apply 1.1.v1 name=k\nwait 11s\n1.1 value 1.1.v1 name=k\nread 1.1\nread 2.1", Unknown, "", "while faults are in force"},
	{"values of an owner without a log", Conditions{Nodes: three}, both + "1.1 apply 3.1.v1 name=k\n2.1 apply 3.1.v1 name=k\n1.1 value 3.1.v1 name=k\nread 1.1\n2.1 value 3.1.v1 name=k\nread 2.1", Unknown, "", "has set what others have"},
	{"half a picture", owned, oneSet + "wait 11s\n1.1 value 1.1.v1 name=k\nread 1.1\n2.1 end values=1", Unknown, "", "0 values of 1"},

	// Membership.
	{"all know all", swimming, met + readMet, True, "", ""},
	{"a suspicion is no death", swimming, met + strings.Replace(readMet, "alive", "suspect", 1), True, "", ""},
	{"nobody tells who is there", plain, both + "1.1 member peer=2.1 reason=dead\n1.1 member peer=2.1 reason=alive\nread 1.1\nread 2.1", True, "", ""},
	{"a death is noticed", swimming, met + "3.1 kill\nwait 5s\n1.1 member peer=3.1 reason=suspect\n1.1 member peer=3.1 reason=dead\n2.1 member peer=3.1 reason=dead\nwait 30s\n" +
		"1.1 view peer=2.1 reason=alive\n1.1 view peer=3.1 reason=dead\nread 1.1\n2.1 view peer=1.1 reason=alive\nread 2.1", True, "", ""},
	{"dead, and back with a new life", swimming, met + "3.1 kill\n1.1 member peer=3.1 reason=dead\n2.1 member peer=3.1 reason=dead\n3.2 start\n1.1 member peer=3.2 reason=alive\n2.1 member peer=3.2 reason=alive\n" +
		strings.ReplaceAll(readMet, "3.1", "3.2"), True, "", ""},
	{"dead by mistake, and back with a new incarnation", swimming, met + "0 fault name=f\n1.1 member peer=3.1 reason=dead\n0 heal name=f\n1.1 member peer=3.1 reason=alive count=1\n" +
		strings.Replace(readMet, "1.1 view peer=3.1 reason=alive", "1.1 view peer=3.1 reason=alive count=1", 1), True, "", ""},
	{"a paused node may be dead or alive", swimming, met + "3.1 pause\n1.1 member peer=3.1 reason=dead\nwait 30s\n1.1 view peer=2.1 reason=alive\n1.1 view peer=3.1 reason=dead\nread 1.1\n2.1 view peer=1.1 reason=alive\n2.1 view peer=3.1 reason=alive\nread 2.1", True, "", ""},
	{"how soon is not judged in a fault", swimming, met + "0 fault name=f\n3.1 kill\nwait 20s\n0 heal name=f\n1.1 member peer=3.1 reason=dead\n2.1 member peer=3.1 reason=dead\nwait 30s\n1.1 view peer=2.1 reason=alive\nread 1.1\n2.1 view peer=1.1 reason=alive\nread 2.1",
		True, "", "how soon a kill was noticed is not judged"},
	{"how soon is not judged when many die", Conditions{Nodes: []gossip.NodeID{1, 2, 3, 4}, Membership: Swim, DeadWithin: 10 * time.Second, AliveWithin: 20 * time.Second},
		both + "3.1 start\n4.1 start\n1.1 member peer=3.1 reason=alive\n1.1 member peer=4.1 reason=alive\n3.1 kill\n4.1 kill\nwait 15s\n1.1 member peer=3.1 reason=dead\n1.1 member peer=4.1 reason=dead\nwait 30s\n1.1 view peer=2.1 reason=alive\nread 1.1\n2.1 view peer=1.1 reason=alive\nread 2.1",
		True, "", "how soon 2 kills were noticed is not judged"},
	{"acquaintances do not notice deaths", known, met + "3.1 kill\nwait 30s\n1.1 view peer=2.1 reason=alive\n1.1 view peer=3.1 reason=alive\nread 1.1\n2.1 view peer=1.1 reason=alive\nread 2.1", True, "", ""},
	{"hyparview knows some", partly, met + "wait 30s\n1.1 view peer=2.1 reason=alive name=neighbour\nread 1.1\nread 2.1\nread 3.1", True, "", ""},
	{"hyparview may keep a dead one in reserve", partly, met + "3.1 kill\nwait 30s\n1.1 view peer=3.1 reason=alive\nread 1.1\nread 2.1", True, "", ""},
	{"G8 a dead neighbour", partly, met + "3.1 kill\nwait 30s\n1.1 view peer=3.1 reason=alive name=neighbour\nread 1.1\nread 2.1", False, "G8", "which has ended"},
	{"G8 never noticed", swimming, met + "3.1 kill\n1.1 member peer=3.1 reason=dead\nwait 30s\n1.1 view peer=2.1 reason=alive\nread 1.1\n2.1 view peer=1.1 reason=alive\n2.1 view peer=3.1 reason=alive\nread 2.1", False, "G8", "never notices"},
	{"G8 noticed late", swimming, met + "3.1 kill\n1.1 member peer=3.1 reason=dead\nwait 12s\n2.1 member peer=3.1 reason=dead\nwait 30s\n1.1 view peer=2.1 reason=alive\nread 1.1\n2.1 view peer=1.1 reason=alive\nread 2.1", False, "G8", "2.002s late"},
	{"G8 a dead life is back", swimming, met + "3.1 kill\n1.1 member peer=3.1 reason=dead\n2.1 member peer=3.1 reason=dead\n1.1 member peer=3.1 reason=alive\n1.1 member peer=3.1 reason=dead\nwait 30s\n1.1 view peer=2.1 reason=alive\nread 1.1\n2.1 view peer=1.1 reason=alive\nread 2.1",
		False, "G8", "after it was dead"},
	{"G8 back in silence", known, met + "1.1 member peer=3.1 reason=left\n" + readMet, False, "G8", "in the end, after it was left"},
	{"G8 an older life is back", swimming, met + "3.1 kill\n3.2 start\n1.1 member peer=3.2 reason=alive\n1.1 member peer=3.1 reason=alive\n1.1 member peer=3.2 reason=alive\n2.1 member peer=3.2 reason=alive\n" + strings.ReplaceAll(readMet, "3.1", "3.2"),
		False, "G8", "after it was alive in life 2"},
	{"G8 nobody comes back", swimming, met + "0 fault name=f\n1.1 member peer=3.1 reason=dead\n0 heal name=f\n" + strings.Replace(readMet, "1.1 view peer=3.1 reason=alive", "1.1 view peer=3.1 reason=dead", 1), False, "G8", "which lives"},
	{"G8 never met", known, met + strings.Replace(readMet, "1.1 view peer=3.1 reason=alive\n", "", 1), False, "G8", "does not know of node 3"},
	{"G8 the old life is known", swimming, met + "3.1 kill\n3.2 start\n2.1 member peer=3.2 reason=alive\n" + strings.Replace(strings.ReplaceAll(readMet, "3.1", "3.2"), "1.1 view peer=3.2", "1.1 view peer=3.1", 1), False, "G8", "which lives its life 2"},
	{"G8 a life that never was", swimming, met + strings.Replace(readMet, "1.1 view peer=3.1", "1.1 view peer=3.7", 1), False, "G8", "life 7 of node 3, which has had 1"},
	{"members read too early", swimming, met + "3.1 kill\n3.2 start\n" + strings.Replace(strings.ReplaceAll(readMet, "3.1", "3.2"), "wait 30s\n1.1 view peer=2.1 reason=alive\n1.1 view peer=3.2", "1.1 view peer=2.1 reason=alive\n1.1 view peer=3.1", 1), Unknown, "", "not all know of all yet"},
	{"members while a fault is in force", swimming, met + "0 fault name=f\n" + readMet, Unknown, "", "G8 is promised without"},
	{"a member that is something", swimming, met + "1.1 member peer=2.1 reason=asleep\n" + readMet, Unknown, "", "a member that is \"asleep\""},

	{"who joins and writes nothing down", known, met + "1.1 deliver 9.1.1\n2.1 deliver 9.1.1\n3.1 deliver 9.1.1\n1.1 apply 9.1.v1 name=k\nwait 30s\n" +
		"1.1 view peer=2.1 reason=alive\n1.1 view peer=3.1 reason=alive\n1.1 view peer=9.1 reason=alive\nread 1.1 9.1.1\n" +
		"2.1 view peer=1.1 reason=alive\n2.1 view peer=3.1 reason=alive\nread 2.1 9.1.1\n3.1 view peer=1.1 reason=alive\n3.1 view peer=2.1 reason=alive\nread 3.1 9.1.1", Unknown, "", "whether node 9 has published"},

	// What cannot be told.
	{"nothing at all", Conditions{}, "", Unknown, "", "nothing is known"},
	{"no log of a node", plain, "1.1 start\nread 1.1", Unknown, "", "no log of node 2"},
	{"no log of a life", Conditions{Nodes: []gossip.NodeID{1, 2}, Runs: map[gossip.NodeID]uint32{2: 2}}, both + "2.1 kill\nread 1.1\nread 2.1", Unknown, "", "life 2 of node 2"},
	{"no final read of a node", plain, both + "read 1.1", Unknown, "", "no final read of node 2"},
	{"no final read of a node whose message others have", plain, both + "1.1 deliver 2.1.1\nread 1.1 2.1.1", Unknown, "", "its log is not whole"},
	{"half a final read", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\n2.1 end count=1", Unknown, "", "0 messages of 1"},
	{"a gap in an inbox", plain, both + "pub 1.1.1\n2.1 deliver 1.1.1\nread 1.1 1.1.1\n2.1 inbox 1.1.1 count=2\n2.1 end count=1", Unknown, "", "entry 2"},
	{"after the final read", plain, both + "read 1.1\nread 2.1\npub 1.1.1\n2.1 deliver 1.1.1", Unknown, "", "went on after the final read"},
	{"a fault in force", plain, both + "0 fault name=f1\npub 1.1.1\nread 1.1 1.1.1\nread 2.1", Unknown, "", "a fault is still in force"},
	{"read too early", timed, both + "pub 1.1.1\nwait 3s\nread 1.1 1.1.1\nread 2.1", Unknown, "", "some nodes do not have everything"},
	{"read with packets on their way", plain, both + "pub 1.1.1\n1.1 link peer=2.1 sent=1 in_flight=1\nread 1.1 1.1.1\nread 2.1", Unknown, "", "on their way"},
	{"a paused node has what nobody else has", plain, both + "pub 1.1.1\n1.1 pause\nread 2.1", Unknown, "", "node 1 is paused and was not read: it has accepted a message that no node that was read has"},
	{"paused nodes have what nobody else has", Conditions{Nodes: []gossip.NodeID{1, 2, 3}}, both + "3.1 start\npub 1.1.1\npub 1.1.2\npub 3.1.1\n2.1 deliver 3.1.1\n1.1 pause\n3.1 pause\nread 2.1 3.1.1", Unknown, "", "it has accepted 2 messages that"},
	{"nobody is left", plain, both + "pub 1.1.1\n1.1 kill\n2.1 kill", Unknown, "", "no node lived"},
	{"nobody is awake", plain, both + "1.1 pause\n2.1 pause", Unknown, "", "no node lived"},
	{"cut", plain, both + "read 1.1\nread 2.1\n2.1 cut reason=bound", Unknown, "", "wrote no more events down: bound"},
	{"cut, and its message elsewhere", plain, both + "2.1 cut reason=bound\n1.1 deliver 2.1.1\nread 1.1 2.1.1", Unknown, "", "its log is not whole"},
	{"full", plain, both + "pub 1.1.1\n2.1 drop 1.1.1 reason=inbox_full\nread 1.1 1.1.1\nread 2.1", Unknown, "", "inbox was full"},
	{"headless", plain, "1.1 start\nread 1.1\nread 2.1", Unknown, "", "does not begin with its start"},
	{"lives mixed up", plain, both + "2.2 start\n2.1 deliver 1.1.1\nread 1.1\nread 2.2", Unknown, "", "in the midst of its life 2"},
	{"which life was killed", plain, both + "2 kill\nread 1.1\nread 2.1", Unknown, "", "in which life is not told"},
	{"no controller", led, both + "read 1.1\nread 2.1", Unknown, "", "the log of the controller is missing"},
	{"no read by the controller", led, "0 start\n" + both + "read 1.1\nread 2.1", Unknown, "", "no final read of the network"},
	{"brought back, and not read", led, "0 start\n0 end\n0 stop\n0 start\n" + both + "read 1.1\nread 2.1\n1.2 start\n2.2 start", Unknown, "", "no final read of the network"},
	{"the controller's log is cut", led, "0 start\n0 cut\n0 end\n" + both + "read 1.1\nread 2.1", Unknown, "", "not everything that was done"},
	{"in parts", Conditions{Nodes: []gossip.NodeID{1, 2}, Parts: [][]gossip.NodeID{{1}, {2}}}, both + "pub 1.1.1\nread 1.1 1.1.1\nread 2.1", Unknown, "", "no way between them"},
	{"incomplete", Conditions{Nodes: []gossip.NodeID{1}, Incomplete: "interrupted"}, "1.1 start\nread 1.1", Unknown, "", "interrupted"},
	{"durable: more on disk than seen", durable, both + "1.1 sync count=3\nread 1.1\nread 2.1", Unknown, "", "has 3 messages on disk"},
	{"memory: taken back in part", plain, both + "pub 1.1.1\npub 1.1.2\n2.1 deliver 1.1.1\n2.1 deliver 1.1.2\n2.1 stop\n2.2 start count=1\nread 1.1 1.1.1 1.1.2\nread 2.2 1.1.1 1.1.2", Unknown, "", "which 1 messages"},
	{"disk full", plain, both + "pub 1.1.1\n2.1 drop 1.1.1 reason=disk_full\nread 1.1 1.1.1\nread 2.1", Unknown, "", "or its disk"},
	{"durable: an inbox from before", durable, "1.1 start count=4\n2.1 start\nread 1.1\nread 2.1", Unknown, "", "before anything was written down"},
}

func TestVerdicts(t *testing.T) {
	for _, c := range verdicts {
		t.Run(c.name, func(t *testing.T) {
			events := script(t, c.script)
			v := judge(c.cond, events)
			if v.Valid != c.want || broken(v) != c.broken {
				t.Errorf("%v, violated %q; want %v, %q\n%+v\n%q", v.Valid, broken(v), c.want, c.broken, v.Violations, v.Unknown)
			}
			texts := append(slices.Clone(v.Unknown), v.Notes...)
			for _, violation := range v.Violations {
				texts = append(texts, violation.What)
				if violation.First.Line < 1 || violation.First.Line > len(events) || events[violation.First.Line-1].Kind != violation.First.Event.Kind {
					t.Errorf("the first event is said to be %+v", violation.First)
				}
			}
			if c.about != "" && !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, c.about) }) {
				t.Errorf("nothing of %q in %q", c.about, texts)
			}
			if v.Events != len(events) {
				t.Errorf("%d of %d events", v.Events, len(events))
			}
		})
	}
}

// Logs of nodes come one after the other, in any order: the verdict must be the same.
func TestOrderOfLogsDoesNotMatter(t *testing.T) {
	for _, c := range verdicts {
		events := script(t, c.script)
		slices.SortStableFunc(events, func(a, b trace.Event) int {
			source := func(e trace.Event) int {
				if belongs(&e, ownerControl) {
					return 0
				}
				return 100 - int(e.Node)
			}
			return source(a) - source(b)
		})
		if v := judge(c.cond, events); v.Valid != c.want || broken(v) != c.broken {
			t.Errorf("%s: %v, violated %q; want %v, %q\n%+v\n%q", c.name, v.Valid, broken(v), c.want, c.broken, v.Violations, v.Unknown)
		}
	}
}

// A verdict in between changes nothing of the last.
func TestVerdictsMayBeAskedForAtAnyTime(t *testing.T) {
	for _, c := range verdicts {
		k := New(c.cond)
		for _, e := range script(t, c.script) {
			k.Verdict()
			k.Event(&e)
		}
		k.Verdict()
		if v := k.Verdict(); v.Valid != c.want || broken(v) != c.broken {
			t.Errorf("%s: %v, violated %q", c.name, v.Valid, broken(v))
		}
	}
}
