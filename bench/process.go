package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// process is one process that was seen running: its number, and when it started, since a number
// alone may have passed to another.
type process struct {
	pid   int
	start string // in clock ticks since boot
}

// identify looks up the processes with these numbers; one that does not run is an error.
func identify(pids []int) ([]process, error) {
	list := make([]process, 0, len(pids))
	for _, pid := range pids {
		_, start, err := stat(pid)
		if err != nil {
			return nil, fmt.Errorf("process %d was said to run: %w", pid, err)
		}
		list = append(list, process{pid, start})
	}
	return list, nil
}

// running reports whether the process still runs. One that ended and was not reaped does not.
func (p process) running() bool {
	state, start, err := stat(p.pid)
	return err == nil && start == p.start && state != "Z" && state != "X"
}

// stat reads the state letter and the start time of a process.
func stat(pid int) (state, start string, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", "", err
	}
	// The name stands in parentheses and may hold anything, spaces and parentheses too.
	_, rest, _ := cutLast(string(text), ")")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", "", fmt.Errorf("cannot read /proc/%d/stat", pid)
	}
	return fields[0], fields[19], nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// stillRunning filters the processes that run.
func stillRunning(list []process) []process {
	var left []process
	for _, p := range list {
		if p.running() {
			left = append(left, p)
		}
	}
	return left
}

// awaitEnd waits until none of the processes runs, and returns those that still do when ctx ends.
func awaitEnd(ctx context.Context, list []process) []process {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		list = stillRunning(list)
		if len(list) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return list
		case <-tick.C:
		}
	}
}

// memoryPerProcess is the mean proportional set size in MB: pages shared by several processes
// are divided among them, so that the sum is what they cost together.
func memoryPerProcess(pids []int) (float64, error) {
	return meanField(pids, "smaps_rollup", "Pss:")
}

// peakPerProcess is the mean of the highest resident set sizes so far in MB. Unlike the above it
// counts shared pages in full: the kernel keeps no peak of the other.
func peakPerProcess(pids []int) (float64, error) {
	return meanField(pids, "status", "VmHWM:")
}

// meanField averages a field of /proc/PID/file over processes, where it stands in KiB, in MB.
func meanField(pids []int, file, field string) (float64, error) {
	if len(pids) == 0 {
		return 0, errors.New("no processes to look at")
	}
	sum := 0.0
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		_, rest, found := strings.Cut(string(text), "\n"+field)
		words := strings.Fields(rest)
		if !found || len(words) == 0 {
			return 0, fmt.Errorf("memory of process %d: no %s in %s", pid, field, file)
		}
		kib, err := strconv.ParseFloat(words[0], 64)
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		sum += kib * 1024 / 1e6
	}
	return sum / float64(len(pids)), nil
}
