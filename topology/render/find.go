package render

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// program is the name of the renderer's executable.
const program = "gossipctl-graph"

// ErrMissing is wrapped by errors about a renderer that is not installed.
var ErrMissing = errors.New("the renderer " + program + " is missing")

// Find looks for the renderer beside this program, where it is installed, and then on PATH.
func Find() (string, error) {
	beside := ""
	if self, err := os.Executable(); err == nil {
		beside = filepath.Join(filepath.Dir(self), program)
		if _, err := exec.LookPath(beside); err == nil { // says whether it can be executed
			return beside, nil
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%w: it is neither %s nor on PATH; `make` builds it, or: go install gossipctl/cmd/%s", ErrMissing, beside, program)
	}
	return path, nil
}
