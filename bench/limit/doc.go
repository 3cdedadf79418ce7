// Package limit measures what this machine can do at best, with minimal Go programs that have none
// of gossipctl's features: floodlimit (a flood over TCP streams), servelimit (a net/http server)
// and asklimit (one question over HTTP). Each node of theirs is a process, as gossipctl's are.
//
// Everything started here ends with Stop, with its context, or with the process that started it.
package limit

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Programs are the paths of the built limit programs.
type Programs struct{ Flood, Serve, Ask string }

// Build compiles the limit programs into the folder dir. The working directory has to lie inside
// the module, and the go command on PATH.
func Build(ctx context.Context, dir string) (Programs, error) {
	const module = "gossipctl/bench/"
	names := []string{"floodlimit", "servelimit", "asklimit"}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, module+name)
	}
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return Programs{}, fmt.Errorf("build the limit programs: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return Programs{
		Flood: filepath.Join(dir, names[0]),
		Serve: filepath.Join(dir, names[1]),
		Ask:   filepath.Join(dir, names[2]),
	}, nil
}

// environment is this process's, with GOMAXPROCS set to procs unless that is 0.
func environment(procs int) []string {
	if procs == 0 {
		return os.Environ()
	}
	return append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
}
