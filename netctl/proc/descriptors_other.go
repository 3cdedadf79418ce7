//go:build !linux

package proc

func closeRangeOnExec() bool { return false }
