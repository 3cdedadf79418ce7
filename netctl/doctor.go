package netctl

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gossipctl/netctl/proc"
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
	unread error // why the state folder cannot be used, if it cannot
	found  []Finding

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
	d.checkFolder()
	if d.unread == nil {
		d.checkNetworks(ctx)
		d.checkOrphans(ctx)
	}
	d.checkPorts()
	d.checkLimits()
	d.checkDisk()
	d.checkLogout("/etc/systemd")
	if err := ctx.Err(); err != nil {
		return nil, err
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

// mending does something again and again for as long as what stands in its way are permissions that
// can be mended, and says which were.
func (d *doctor) mending(do func() error) (mended []string, err error) {
	const levels = 8 // the folder of all, that of a network, that of its logs and two files in them, and some
	for range levels {
		err = do()
		var unsafe *store.UnsafeError
		if !d.Fix || !errors.As(err, &unsafe) || !errors.Is(err, store.ErrPermissions) {
			break
		}
		if failed := makePrivate(unsafe.Path, unsafe.Folder); failed != nil {
			return mended, fmt.Errorf("%w (and that failed: %w)", err, failed)
		}
		mended = append(mended, fmt.Sprintf("%s had permissions %04o, which are now safe", unsafe.Path, unsafe.Mode.Perm()))
	}
	return mended, err
}

// nextStep is what to do about an error of the state folder.
func (d *doctor) nextStep(err error) string {
	elsewhere := "set XDG_STATE_HOME to a folder of your own"
	var version *store.VersionError
	switch {
	case errors.Is(err, store.ErrPermissions) && !d.Fix:
		return fixHint + ", or the chmod it names"
	case errors.Is(err, store.ErrSymlink):
		return "put a real folder or file in the place of the link, or " + elsewhere
	case errors.Is(err, store.ErrOwner):
		return "run gossipctl as the user it belongs to, or " + elsewhere
	case errors.Is(err, store.ErrLocked):
		return "wait for the other command to finish, and run gossipctl doctor again"
	case errors.As(err, &version):
		return "use the gossipctl that started it, if only to stop it"
	}
	return "see to it that you can read and write there, or " + elsewhere
}

// checkFolder looks at the folder of all networks.
func (d *doctor) checkFolder() {
	root, err := rootOr(d.Root)
	if err != nil {
		d.unread = err
		d.add(checkFolder, FindingFail, err.Error(), "set HOME or XDG_STATE_HOME")
		return
	}
	if d.Root, err = filepath.Abs(root); err != nil {
		d.unread = err
		d.add(checkFolder, FindingFail, err.Error(), "change to a folder that exists")
		return
	}
	mended, err := d.mending(func() error {
		_, err := store.Networks(d.Root)
		return err
	})
	place, missing := d.place()
	if err == nil {
		err = writable(place)
	}
	switch {
	case err != nil:
		d.unread = err
		d.add(checkFolder, FindingFail, err.Error(), d.nextStep(err))
	case len(mended) > 0:
		d.fixed(checkFolder, strings.Join(mended, "; "))
	case missing:
		d.add(checkFolder, FindingOK, d.Root+" is not there yet; the first start makes it", "")
	default:
		d.add(checkFolder, FindingOK, d.Root+" is yours alone and can be written to", "")
	}
}

// endProcesses ends processes that are proven to be of a network in this state folder, controllers
// first, because their nodes end with them.
func endProcesses(ctx context.Context, list []sighting) error {
	for _, controllers := range []bool{true, false} {
		var ids []proc.Identity
		for _, s := range list {
			if (s.node == 0) == controllers {
				ids = append(ids, s.Identity)
			}
		}
		if err := endAll(ctx, ids); err != nil {
			return err
		}
	}
	return nil
}

// doctorAsk bounds how long a controller may take to say that it is well.
const doctorAsk = time.Second
