package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"gossipctl/topology/draw"
)

// Bounds of what is taken from the renderer.
const (
	outputMost = 64 << 20        // bytes of a picture; the largest it makes is half of that
	stderrMost = 4 << 10         // bytes of complaint, of which one line is shown
	drainTime  = 2 * time.Second // after a kill, for pipes that something else still holds open
)

// draw lets the renderer make one thing of one drawing and returns what it wrote.
func (r Renderer) draw(ctx context.Context, to string, d draw.Drawing) ([]byte, error) {
	var document bytes.Buffer
	if err := draw.Encode(&document, d); err != nil {
		return nil, err
	}
	return r.run(ctx, to, document.Bytes())
}

// run lets the renderer make one thing of one document and returns what it wrote. When it crashes,
// it gets a second chance without the compiled Graphviz that it keeps between runs: a file cut
// short there makes it panic before it can do anything about it.
func (r Renderer) run(ctx context.Context, to string, document []byte) ([]byte, error) {
	path := r.Program
	if path == "" {
		var err error
		if path, err = Find(); err != nil {
			return nil, err
		}
	}
	dir, release, err := workDir()
	if err != nil {
		return nil, err
	}
	defer release()
	timeout := r.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := once(bounded, path, to, document, dir)
	if crash := new(exec.ExitError); errors.As(err, &crash) && crash.ExitCode() == crashed {
		if removeErr := os.RemoveAll(filepath.Join(dir, compiled)); removeErr != nil {
			return nil, errors.Join(err, removeErr)
		}
		out, err = once(bounded, path, to, document, dir)
	}
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("drawing was given up: %w", ctx.Err())
	case bounded.Err() != nil:
		return nil, fmt.Errorf("the renderer took longer than %v and was stopped: %w", timeout, bounded.Err())
	}
	return nil, err
}

const (
	crashed  = 2             // exit status of a Go program that panicked
	compiled = "go-graphviz" // what go-graphviz calls its folder in TMPDIR
)

// once starts the renderer once, with nothing of our environment but a TMPDIR of its own, and
// kills it when ctx ends.
func once(ctx context.Context, path, to string, document []byte, dir string) ([]byte, error) {
	out := &limited{most: outputMost, strict: true}
	complaint := &limited{most: stderrMost}
	cmd := exec.CommandContext(ctx, path, "--to", to) // it starts no others that would have to be killed too
	cmd.Env = []string{"TMPDIR=" + dir}
	cmd.Stdin = bytes.NewReader(document)
	cmd.Stdout, cmd.Stderr = out, complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us; we then stop it by ctx
	cmd.WaitDelay = drainTime
	err := cmd.Run()
	switch {
	case err == nil:
		return out.kept.Bytes(), nil
	case out.full:
		return nil, fmt.Errorf("the renderer wrote more than %d MiB: %w", outputMost>>20, err)
	}
	if line := complaint.firstLine(); line != "" {
		return nil, fmt.Errorf("%s (%w)", line, err)
	}
	return nil, fmt.Errorf("running %s: %w", path, err)
}

// limited keeps the first bytes of what is written to it. When strict, one byte more is an error,
// which ends the writer; otherwise the rest is thrown away.
type limited struct {
	kept   bytes.Buffer // not embedded: its ReadFrom would go past Write
	most   int
	strict bool
	full   bool
}

var errFull = errors.New("too much output")

func (l *limited) Write(p []byte) (int, error) {
	room := l.most - l.kept.Len()
	if len(p) <= room {
		return l.kept.Write(p)
	}
	l.full = true
	if l.strict {
		return 0, errFull
	}
	l.kept.Write(p[:room])
	return len(p), nil
}

// firstLine is the first line, short and printable, whatever program wrote it.
func (l *limited) firstLine() string {
	line, _, _ := strings.Cut(l.kept.String(), "\n")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	const most = 200
	if letters := []rune(line); len(letters) > most {
		line = string(letters[:most]) + "…"
	}
	return strings.TrimSpace(line)
}
