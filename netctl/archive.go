package netctl

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"gossipctl/check"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// Bounds of an archive that is read. Whoever made it may mean harm.
const (
	// maxUnpacked is more than anybody sends to somebody else, and less than a disk.
	maxUnpacked = 4 << 30
	// maxPacked is how many files one may have: logs and events of the largest networks.
	maxPacked = 100_000
)

// Names in an archive, beside those of a run.
const (
	verdictName = "verdict.json"
	readmeName  = "README.txt"
)

// Packed is an archive that was written.
type Packed struct {
	File    string      `json:"file"`
	Bytes   int64       `json:"bytes"`
	Files   int         `json:"files"`
	Verdict check.Valid `json:"verdict"`
}

// Pack writes a run to a .tgz file: run.json, events, logs, the verdict, and a text that says what all of
// it is and how to repeat it. The file is there whole or not at all, and only ours to read. One that is
// there already is an error, unless force is set.
func Pack(file string, run fs.FS, m check.Manifest, v check.Verdict, force bool) (Packed, error) {
	out := Packed{File: file, Verdict: v.Valid}
	exists := func() error {
		return api.NewError(api.CodeConflict, fmt.Sprintf("%s is there already", file), "write over it with --force")
	}
	if _, err := os.Lstat(file); err == nil && !force {
		return out, exists()
	}
	temp := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+"."+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return out, storeError(&store.AccessError{Verb: "write", Path: file, Err: bare(err)})
	}
	defer os.Remove(temp) // there is none any more once it has its name
	out.Files, err = pack(f, run, m, v)
	if err == nil {
		err = f.Sync()
	}
	if info, statErr := f.Stat(); statErr == nil {
		out.Bytes = info.Size()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return out, fmt.Errorf("writing %s: %w", file, err)
	}
	if force {
		err = os.Rename(temp, file)
	} else if err = os.Link(temp, file); errors.Is(err, fs.ErrExist) { // made by somebody else meanwhile
		return out, exists()
	} else if err != nil { // a file system without links
		err = os.Rename(temp, file)
	}
	if err != nil {
		return out, fmt.Errorf("writing %s: %w", file, bare(err))
	}
	return out, nil
}

// bare is an error of a file without its path, which is told anyway.
func bare(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

func pack(w io.Writer, run fs.FS, m check.Manifest, v check.Verdict) (files int, err error) {
	zip := gzip.NewWriter(w)
	p := packer{tar: tar.NewWriter(zip), run: run, at: m.Started}
	verdict, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return 0, fmt.Errorf("encoding the verdict: %w", err)
	}
	p.text(readmeName, []byte(explain(m, v)))
	p.text(verdictName, append(verdict, '\n'))
	p.file(check.ManifestName)
	for _, folder := range []string{check.EventsFolder, logFolder} {
		entries, err := fs.ReadDir(run, folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() {
				p.file(path.Join(folder, e.Name()))
			}
		}
	}
	return p.files, errors.Join(p.err, p.tar.Close(), zip.Close())
}

// packer puts files into an archive. After the first error it does nothing.
type packer struct {
	tar   *tar.Writer
	run   fs.FS
	at    time.Time
	files int
	err   error
}

func (p *packer) head(name string, size int64) {
	if p.err == nil {
		p.files++
		p.err = p.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: p.at.Truncate(time.Second), Typeflag: tar.TypeReg})
	}
}

func (p *packer) text(name string, data []byte) {
	if p.head(name, int64(len(data))); p.err == nil {
		_, p.err = p.tar.Write(data)
	}
}

// file puts a file into the archive as long as it is when this begins; logs go on growing.
func (p *packer) file(name string) {
	if p.err != nil {
		return
	}
	f, err := p.run.Open(name)
	if err != nil {
		p.err = err
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		p.err = err
		return
	}
	if p.head(name, info.Size()); p.err == nil {
		if _, err := io.CopyN(p.tar, f, info.Size()); err != nil {
			p.err = fmt.Errorf("reading %s: %w", name, err)
		}
	}
}

// explain is the README.txt of an archive.
func explain(m check.Manifest, v check.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "A recorded run of gossipctl %s, begun at %s.\nVerdict: %v.\n\n", m.Version, m.Started.UTC().Format(time.RFC3339), v.Valid)
	b.WriteString(`What is in here
  run.json      what is needed to repeat the run: command, seed, specification; and what it is judged by
  verdict.json  what the checker says
  events/       what every node wrote down, one event a line; controller.ndjson is what was done to them
  logs/         the logs of the processes, as they were then

To judge it again
  gossipctl check-run FILE.tgz

To repeat it
`)
	if len(m.Command) > 0 {
		fmt.Fprintf(&b, "  %s\n", check.CommandLine(m.Command))
	}
	fmt.Fprintf(&b, "  The seed was %d: the same graph, and the same choices of the protocol. What was sent, and what was\n  done to the network, is in events/.\n", m.Seed)
	return b.String()
}

// Unpack puts the run in a .tgz file into a new folder below the one for temporary files: run.json and the
// events, and nothing else. The caller removes it. An archive that is damaged, too large, or names files
// that no run has is an error, and so is the end of the context; nothing is left then.
func Unpack(ctx context.Context, file string) (folder string, err error) {
	f, err := OpenRegular(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	folder, err = os.MkdirTemp("", "gossipctl-run-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(folder)
			folder = ""
		}
	}()
	root, err := os.OpenRoot(folder)
	if err != nil {
		return folder, err
	}
	defer root.Close()
	if err := root.Mkdir(check.EventsFolder, 0o700); err != nil {
		return folder, err
	}
	return folder, unpack(untilEnd{ctx, f}, root, maxUnpacked)
}

func unpack(r io.Reader, root *os.Root, room int64) error {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	files := tar.NewReader(zip)
	for n := 0; ; n++ {
		h, err := files.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n >= maxPacked:
			return fmt.Errorf("it has more than %d files", maxPacked)
		case !fs.ValidPath(strings.TrimSuffix(h.Name, "/")):
			return fmt.Errorf("it names a file %.80q, which no run has", h.Name)
		}
		if room -= h.Size; room < 0 { // also of what is passed over, which has to be read
			return fmt.Errorf("it unpacks to more than %d MB", int64(maxUnpacked)>>20)
		}
		events := path.Dir(h.Name) == check.EventsFolder && strings.HasSuffix(h.Name, ".ndjson")
		if h.Typeflag != tar.TypeReg || h.Name != check.ManifestName && !events {
			continue
		}
		out, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("it has two files %q", h.Name)
		}
		if err != nil {
			return err
		}
		_, err = io.CopyN(out, files, h.Size)
		if err = errors.Join(err, out.Close()); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}
