package netctl

import (
	"context"
	"fmt"

	"gossipctl/netctl/store"
)

// FindingStatus says how serious a finding is.
type FindingStatus string

// What a finding can be.
const (
	FindingOK   FindingStatus = "ok"
	FindingWarn FindingStatus = "warn" // nothing is broken, but the person should know
	FindingFail FindingStatus = "fail"
)

// Finding is what one check has found.
type Finding struct {
	Check  string        `json:"check"` // state_folder, network, orphans, …
	Status FindingStatus `json:"status"`
	Detail string        `json:"detail"` // one sentence
	Next   string        `json:"next"`   // what to do about it, one sentence; never empty where something failed
	Fixed  bool          `json:"fixed"`  // it was as the rest says, and was mended
}

// Failed reports whether the finding is a failure that is still there.
func (f Finding) Failed() bool { return f.Status == FindingFail && !f.Fixed }

// The names of the checks.
const (
	checkFolder    = "state_folder"
	checkNetwork   = "network"
	checkOrphans   = "orphans"
	checkPorts     = "ports"
	checkFiles     = "open_files"
	checkProcesses = "processes"
	checkDisk      = "disk_space"
	checkLogout    = "logout"
)

// DoctorOptions say what is diagnosed.
type DoctorOptions struct {
	Root     string // of all state folders; empty = store.DefaultRoot()
	Network  string // the one that may hold the ports below
	BasePort int    // of the network that is to be started
	Nodes    int    // how many it is to have
	Fix      bool   // mend what can be mended without harm
}

// fixHint is the next step where --fix helps.
const fixHint = "run gossipctl doctor --fix"

// doctor goes through the checks.
type doctor struct {
	DoctorOptions
	found   []Finding
	running []State // networks that run
}

// Diagnose looks for whatever keeps networks from working: how the state folder, the networks in it
// and the machine are. With Fix it also clears what is left of networks that are proven gone, ends
// processes that are proven to be left over from them, puts damaged state files aside, and takes
// from others the permissions on what is ours. Nobody else's process or file is ever touched.
//
// The error is about the options, or the end of the context; what is wrong with the machine is a finding.
func Diagnose(ctx context.Context, opts DoctorOptions) ([]Finding, error) {
	if err := store.CheckName(opts.Network); err != nil {
		return nil, usage(err, "")
	}
	if opts.Nodes < 1 || opts.BasePort < 1 || opts.BasePort+opts.Nodes > 65535 {
		return nil, usage(fmt.Errorf("ports %d to %d are not possible: they go from 1 to 65535", opts.BasePort, opts.BasePort+opts.Nodes), "")
	}
	d := &doctor{DoctorOptions: opts}
	if d.checkFolder() {
		d.checkNetworks(ctx)
		d.checkOrphans(ctx)
	}
	d.checkPorts()
	d.checkLimits()
	d.checkDisk()
	d.checkLogout()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return d.found, nil
}

func (d *doctor) add(check string, status FindingStatus, detail, next string) {
	d.found = append(d.found, Finding{Check: check, Status: status, Detail: oneLine(detail), Next: next})
}

// fixed adds a failure that was mended.
func (d *doctor) fixed(check, detail string) {
	d.found = append(d.found, Finding{Check: check, Status: FindingFail, Detail: oneLine(detail), Fixed: true})
}
