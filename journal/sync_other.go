//go:build !linux

package journal

import "os"

// syncData brings what was written to disk; on macOS through the disk's own memory, too.
func syncData(f *os.File) error { return f.Sync() }
