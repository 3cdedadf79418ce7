package lab

import (
	"bytes"
	"os"
	"strconv"
)

// unknownMemory is what a machine that tells nothing of its memory is taken to have.
const unknownMemory = 4 << 30

// machineMemory is how many bytes of memory are free for this program, or nearly.
func machineMemory() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return unknownMemory
	}
	free := uint64(unknownMemory)
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == "MemAvailable:" {
			if kib, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil {
				free = kib << 10
			}
		}
	}
	// A container may have less than its machine.
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if most, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64); err == nil {
			free = min(free, most)
		}
	}
	return free
}
