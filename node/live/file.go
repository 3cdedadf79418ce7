package live

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"gossipctl/gossip"
)

// lookEvery is how often a file is looked at: a second is soon enough for people, and a look takes microseconds.
const lookEvery = time.Second

// maxList bounds a file with a list of nodes: 5,000 lines with room for comments.
const maxList = 1 << 20

// File returns a Discovery that watches a file with a list of nodes, every second if every is 0. Each line has an
// address, or a node's number and its address; what follows a # is a comment. The file may be written anew or replaced
// by another at any time: replace it (rename), and no half of it is ever read. While it is away or cannot be read, its
// last list stands; lines that make no sense are refused and counted, and the others are good.
func File(path string, every time.Duration) Discovery { return &listFile{path: path, every: every} }

type listFile struct {
	path  string
	every time.Duration
}

// Watch implements [Discovery].
func (f *listFile) Watch(ctx context.Context, _ Peer, found func([]Peer)) error {
	every := f.every
	if every <= 0 {
		every = lookEvery
	}
	var last fs.FileInfo
	for {
		info, err := os.Stat(f.path)
		if err != nil {
			return fmt.Errorf("the list of nodes: %w", err)
		}
		// One that was written lately is read again: the time of a change is only as fine as the file system's clock.
		if last == nil || !os.SameFile(info, last) || info.Size() != last.Size() || info.ModTime() != last.ModTime() ||
			time.Since(info.ModTime()).Abs() < 2*every {
			list, err := readList(f.path)
			if err != nil {
				return err
			}
			found(list)
			last = info
		}
		if !rest(ctx, every) {
			return nil
		}
	}
}

// readList reads a list of nodes.
func readList(path string) ([]Peer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the list of nodes: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the list of nodes: %s is not a file", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxList+1))
	if err == nil && len(data) > maxList {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxList)
	}
	if err != nil {
		return nil, fmt.Errorf("the list of nodes: %w", err)
	}
	list := []Peer{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		switch fields := strings.Fields(text); len(fields) {
		case 0:
		case 1:
			list = append(list, Peer{Addr: fields[0]})
		default:
			id, err := strconv.ParseInt(fields[0], 10, 32)
			if err != nil || id < 1 || len(fields) > 2 {
				list = append(list, Peer{Addr: strings.TrimSpace(text)}) // is refused, and told
				continue
			}
			list = append(list, Peer{ID: gossip.NodeID(id), Addr: fields[1]})
		}
	}
	return list, nil
}
