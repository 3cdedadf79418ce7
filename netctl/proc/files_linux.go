package proc

import (
	"os"
	"strings"
)

// OpenFiles returns the paths of what a process has open, folders included, in no order; pipes and
// sockets show as names without a slash in front. A file that was removed since shows the path it
// had. ok is false when it cannot be told: the process is gone, or it is another user's.
func OpenFiles(id Identity) (paths []string, ok bool) {
	path := procPath(id.PID, "fd")
	dir, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, false
	}
	for _, name := range names {
		if target, err := os.Readlink(path + "/" + name); err == nil {
			paths = append(paths, strings.TrimSuffix(target, " (deleted)"))
		}
	}
	// The pid could have changed hands while we read; then what we read is a stranger's.
	if s, err := look(id.PID); err != nil || s.start != id.Start {
		return nil, false
	}
	return paths, true
}
