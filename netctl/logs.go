package netctl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

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

// logSizes are how long the two logs of a node were when one of its lives began.
type logSizes struct{ stderr, log int64 }

func sizesOf(logs *os.Root, id gossip.NodeID) (s logSizes) {
	for name, size := range map[string]*int64{stderrName(id): &s.stderr, logName(id): &s.log} {
		if info, err := logs.Stat(name); err == nil {
			*size = info.Size()
		}
	}
	return s
}

// lastWords are the last of what a node that ended has said in the life that began when its logs were so
// long: how it crashed, else the end of its log.
func lastWords(logs *os.Root, id gossip.NodeID, n int, began logSizes) string {
	for _, log := range []struct {
		name string
		from int64
	}{{stderrName(id), began.stderr}, {logName(id), began.log}} {
		if data, err := tailFrom(logs, log.name, log.from); err == nil && len(bytes.TrimSpace(data)) > 0 {
			return gist(data, n)
		}
	}
	return ""
}

// gist are the n lines of a log that tell most: the last, or those a crash begins with, which name
// its cause.
func gist(log []byte, n int) string {
	lines := strings.Split(string(bytes.TrimSpace(log)), "\n")
	crash := slices.IndexFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "runtime: ")
	})
	if crash < 0 {
		crash = max(0, len(lines)-n)
	} else if trace := slices.Index(lines[crash:], ""); trace > 0 {
		lines = lines[:crash+trace]
	}
	return strings.Join(lines[crash:min(len(lines), crash+n)], " | ")
}

func tail(logs *os.Root, name string) ([]byte, error) { return tailFrom(logs, name, 0) }

// tailFrom is the end of a log, as far as it was written behind an offset. A log that is shorter by now was
// begun anew.
func tailFrom(logs *os.Root, name string, from int64) ([]byte, error) {
	f, err := logs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if from > info.Size() {
		from = 0
	}
	return io.ReadAll(io.NewSectionReader(f, max(from, info.Size()-maxTail), maxTail))
}

// logKey says which log: of which process, and whether it is the one crashes write to.
type logKey struct {
	node   gossip.NodeID // 0: the controller
	stderr bool
}

// file is the name of the file that is being written to.
func (k logKey) file() string {
	switch {
	case k.node == 0:
		return controllerLog
	case k.stderr:
		return stderrName(k.node)
	}
	return logName(k.node)
}

// rotated is the time in the name of a log that is complete: node-3-2026-01-02T15-04-05.000.log.
const rotated = "-2006-01-02T15-04-05.000"

// parseLogName is the reverse of logKey.file, for logs that were rotated away as well.
func parseLogName(file string) (logKey, bool) {
	extension := filepath.Ext(file)
	key := logKey{stderr: extension == filepath.Ext(stderrName(1))}
	rest := strings.TrimSuffix(file, extension)
	if number, isNode := strings.CutPrefix(rest, "node-"); isNode {
		number, stamp, complete := strings.Cut(number, "-")
		id, err := strconv.ParseInt(number, 10, 32)
		if err != nil || id < 1 {
			return key, false
		}
		key.node, rest = gossip.NodeID(id), ""
		if complete {
			rest = "-" + stamp
		}
	} else {
		rest = strings.TrimPrefix(rest, strings.TrimSuffix(controllerLog, ".log"))
	}
	if _, err := time.Parse(rotated, rest); err == nil && extension == ".log" {
		return key, true
	}
	return key, file == key.file()
}

// listLogs names the files of each log there is, in the order in which they were written.
func listLogs(logs *os.Root) (map[logKey][]string, error) {
	dir, err := logs.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names) // by the time in the name; the one being written to, which has none, comes last
	files := make(map[logKey][]string)
	for _, name := range names {
		if key, ok := parseLogName(name); ok {
			files[key] = append(files[key], name)
		}
	}
	return files, nil
}

var errNoLog = errors.New("it is not a regular file")

// openLog opens a regular file and nothing else: a link might lead to the secret, and opening a
// pipe would wait for ever.
func openLog(logs *os.Root, name string) (*os.File, fs.FileInfo, error) {
	before, err := logs.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("log %s cannot be read: %w", name, errNoLog)
	}
	f, err := logs.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	// Rotated in between, it is another log that is just as good.
	after, err := f.Stat()
	if err == nil && !after.Mode().IsRegular() {
		err = fmt.Errorf("log %s cannot be read: %w", name, errNoLog)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, after, nil
}
