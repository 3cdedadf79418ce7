package check

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// maxManifest bounds run.json, which has some words about each of at most some thousand nodes.
const maxManifest = 32 << 20

// NodeLog is the name of the log of a node.
func NodeLog(id gossip.NodeID) string { return fmt.Sprintf("node-%d.ndjson", id) }

// Folder judges the run in a folder: run.json, and every .ndjson file in events. The error is about a
// folder that is no run, [fs.ErrNotExist] where run.json is missing; whatever is damaged in a run is a
// reason why the verdict is unknown.
func Folder(run fs.FS) (Manifest, Verdict, error) {
	m, err := ReadManifest(run)
	if errors.Is(err, fs.ErrNotExist) {
		return m, Verdict{}, err
	}
	if err != nil {
		return m, New(Conditions{Incomplete: err.Error()}).Verdict(), nil
	}
	c := New(m.Conditions)
	c.ReadLogs(run)
	return m, c.Verdict(), nil
}

// ReadManifest reads the run.json of a run.
func ReadManifest(run fs.FS) (Manifest, error) {
	var m Manifest
	f, err := run.Open(ManifestName)
	if err != nil {
		return m, fmt.Errorf("reading %s: %w", ManifestName, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return m, fmt.Errorf("reading %s: %w", ManifestName, err)
	}
	if len(data) > maxManifest {
		return m, fmt.Errorf("%s has more than %d bytes", ManifestName, maxManifest)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&m); err != nil {
		line := 1 + bytes.Count(data[:min(int(d.InputOffset()), len(data))], []byte{'\n'})
		return Manifest{}, fmt.Errorf("%s is damaged (line %d: %w)", ManifestName, line, err)
	}
	if m.FileVersion != ManifestVersion {
		return Manifest{}, fmt.Errorf("%s has version %d; this gossipctl reads version %d", ManifestName, m.FileVersion, ManifestVersion)
	}
	return m, nil
}

// ReadLogs takes in every log of a run: that of the controller, those of nodes, then others, by name.
func (c *Checker) ReadLogs(run fs.FS) {
	entries, err := fs.ReadDir(run, EventsFolder)
	if err != nil {
		c.doubt("reading the logs: %v", err)
		return
	}
	var logs []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".ndjson") {
			logs = append(logs, e.Name())
		}
	}
	slices.SortFunc(logs, func(a, b string) int {
		return cmp.Or(cmp.Compare(owner(a), owner(b)), cmp.Compare(a, b))
	})
	for _, name := range logs {
		c.readLog(run, name)
	}
}

// Owners of logs that are none of a node's.
const (
	ownerControl = 0
	ownerAll     = 1 << 31
)

// owner is the node that a log is about, by its name.
func owner(name string) int64 {
	if name == ControllerName {
		return ownerControl
	}
	number, found := strings.CutPrefix(strings.TrimSuffix(name, ".ndjson"), "node-")
	if id, err := strconv.ParseInt(number, 10, 32); found && err == nil && id > 0 && NodeLog(gossip.NodeID(id)) == name {
		return id
	}
	return ownerAll
}

func (c *Checker) readLog(run fs.FS, name string) {
	c.Log(EventsFolder + "/" + name)
	of := owner(name)
	f, err := run.Open(path.Join(EventsFolder, name))
	if err != nil {
		c.damagedLog(of, err.Error())
		return
	}
	defer f.Close()
	strange := 0
	err = trace.ReadLog(f, func(line int, e *trace.Event) {
		if !belongs(e, of) && strange == 0 {
			strange = line
		}
		if strange == 0 {
			c.Event(e)
		}
	})
	var torn *trace.LineError
	switch {
	case strange > 0:
		c.damagedLog(of, fmt.Sprintf("line %d is about somebody else", strange))
	case errors.As(err, &torn) && torn.Torn && of != ownerControl && of != ownerAll:
		c.Torn(gossip.NodeID(of))
	case err != nil:
		c.damagedLog(of, err.Error())
	}
}

// belongs reports whether an event may stand in the log of an owner.
func belongs(e *trace.Event, owner int64) bool {
	switch owner {
	case ownerAll:
		return true
	case ownerControl:
		switch e.Kind {
		case trace.Fault, trace.Heal, trace.Kill, trace.Pause, trace.Resume:
			return true
		}
		return e.Node == 0
	}
	switch e.Kind {
	case trace.Fault, trace.Heal, trace.Kill, trace.Pause, trace.Resume:
		return false
	}
	return int64(e.Node) == owner
}

func (c *Checker) damagedLog(owner int64, why string) {
	if owner == ownerAll {
		c.Damaged(why)
		return
	}
	c.Damaged(why, gossip.NodeID(owner))
}

// LogHash is the SHA-256 of a log, in hexadecimal digits: a seed that is run twice must give the same.
func LogHash(log io.Reader) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, log); err != nil {
		return "", fmt.Errorf("reading the log: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
