//go:build !unix

package journal

import "os"

// openFile opens the file of a journal. Links and locks are not known here.
func openFile(path string, flag int) (*os.File, error) { return os.OpenFile(path, flag, 0o600) }

// isNoSync reports whether an error means that folders cannot be synced here: none can.
func isNoSync(error) bool { return true }
