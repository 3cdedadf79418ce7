package limit

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// endWait is how long a node may take to end by itself before it is killed. Ending closes a few
// sockets; seconds are for a machine with hundreds of processes on few cores.
const endWait = 5 * time.Second

// floodNode is one floodlimit process, spoken to in lines.
type floodNode struct {
	id       int
	addr     string
	process  *exec.Cmd
	commands io.WriteCloser
	answers  *bufio.Scanner
	errors   bytes.Buffer
	ended    bool // and reaped
}

// report mirrors floodlimit's answer of that name.
type report struct {
	published, delivered, copies int
	started, last                int64 // nanoseconds since 1970
}

func startFloodNode(ctx context.Context, program string, id, procs int) (*floodNode, error) {
	n := &floodNode{id: id, process: exec.CommandContext(ctx, program, "-id", strconv.Itoa(id))}
	n.process.Stderr = &n.errors
	n.process.WaitDelay = endWait
	n.process.Env = environment(procs)
	commands, err := n.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := n.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.process.Start(); err != nil {
		return nil, fmt.Errorf("start floodlimit node %d: %w", id, err)
	}
	n.commands, n.answers = commands, bufio.NewScanner(answers)
	return n, nil
}

// say sends one command. A node that is gone shows when it does not answer.
func (n *floodNode) say(line string) { io.WriteString(n.commands, line+"\n") }

// answer reads one line; "" when the node has ended.
func (n *floodNode) answer() string {
	n.answers.Scan()
	return n.answers.Text()
}

func (n *floodNode) report() (report, error) {
	n.say("report")
	var r report
	_, err := fmt.Sscanf(n.answer(), "report %d %d %d %d %d", &r.published, &r.delivered, &r.copies, &r.started, &r.last)
	if err != nil {
		return r, n.failed(err)
	}
	return r, nil
}

// failed adds to an error what the node had to say about it. It ends the node, since its last
// words are complete only then.
func (n *floodNode) failed(err error) error {
	n.commands.Close()
	n.end()
	return fmt.Errorf("floodlimit node %d: %w %s", n.id, err, strings.TrimSpace(n.errors.String()))
}

// end waits for a node whose commands are closed, kills it when it lingers, and reaps it.
// Once it has, end does nothing.
func (n *floodNode) end() error {
	if n.ended {
		return nil
	}
	n.ended = true
	lingers := time.AfterFunc(endWait, func() { n.process.Process.Kill() })
	defer lingers.Stop()
	for n.answers.Scan() { // Wait may only follow the end of the answers
	}
	return n.process.Wait()
}
