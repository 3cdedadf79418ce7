package netctl

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"gossipctl/gossip"
)

// Logs of a network lie in a folder of their own. Every node writes one, which it rotates itself;
// what a crash has to say goes to a file beside it.
const (
	logFolder     = "logs"
	controllerLog = "controller.log"
)

func logName(id gossip.NodeID) string    { return fmt.Sprintf("node-%d.log", id) }
func stderrName(id gossip.NodeID) string { return fmt.Sprintf("node-%d.stderr", id) }

// maxTail bounds how much of a log's end is read for its last words.
const maxTail = 64 << 10

// lastWords are the last lines of a node that ended: what a crash wrote, else the end of its log.
func lastWords(logs *os.Root, id gossip.NodeID, n int) string {
	for _, name := range []string{stderrName(id), logName(id)} {
		data, err := tail(logs, name)
		if data = bytes.TrimSpace(data); err != nil || len(data) == 0 {
			continue
		}
		lines := strings.Split(string(data), "\n")
		return strings.Join(lines[max(0, len(lines)-n):], " | ")
	}
	return ""
}

func tail(logs *os.Root, name string) ([]byte, error) {
	f, err := logs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-maxTail), maxTail))
}
