package netctl

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"

	"golang.org/x/sys/unix"
)

// checkPorts sees whether the ports of a network that is to be started are free. Each is bound and
// let go at once.
func (d *doctor) checkPorts() {
	var taken []gossip.NodeID // as numbers, for ranges
	var denied error
	for port := d.BasePort; port <= d.BasePort+d.Nodes && denied == nil; port++ {
		l, err := net.Listen("tcp", loopback(port))
		switch {
		case err == nil:
			l.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			taken = append(taken, gossip.NodeID(port))
		default:
			denied = err
		}
	}
	block := fmt.Sprintf("ports %d to %d", d.BasePort, d.BasePort+d.Nodes)
	next := "start with another --base-port"
	if free := freeBase(d.BasePort, d.Nodes); free > 0 {
		next = fmt.Sprintf("start with --base-port %d", free)
	}
	owners, strangers := d.portOwners(taken)
	switch {
	case denied != nil:
		d.add(checkPorts, FindingFail, fmt.Sprintf("%s cannot be listened on: %v", block, denied), next)
	case len(taken) == 0:
		d.add(checkPorts, FindingOK, block+" are free", "")
	case len(strangers) > 0:
		first := int(strangers[0])
		detail := fmt.Sprintf("of %s, %d is in use by %s", block, first, portUser(first))
		if len(strangers) > 1 {
			detail += fmt.Sprintf(", and %d more are in use", len(strangers)-1)
		}
		d.add(checkPorts, FindingFail, detail, next)
	case slices.Equal(owners, []string{d.Network}):
		d.add(checkPorts, FindingOK, fmt.Sprintf("%s are used by network %q, which runs", block, d.Network), "")
	default:
		d.add(checkPorts, FindingWarn, fmt.Sprintf("of %s, some are used by network %s, which runs", block, strings.Join(owners, ", ")), next)
	}
}

// portOwners tells which of our networks hold ports, and which ports none of them holds.
func (d *doctor) portOwners(ports []gossip.NodeID) (owners []string, strangers []gossip.NodeID) {
	for _, port := range ports {
		i := slices.IndexFunc(d.running, func(s State) bool {
			return int(port) == s.Spec.BasePort && !s.byHand || slices.ContainsFunc(s.Nodes, func(n NodeState) bool {
				return !n.Removed && n.Ended == nil && portOf(s.addr(n.ID)) == int(port)
			})
		})
		if i < 0 {
			strangers = append(strangers, port)
		} else if name := d.running[i].Spec.Network; !slices.Contains(owners, name) {
			owners = append(owners, name)
		}
	}
	return owners, strangers
}

const (
	// filesApart is what a controller or node has open beside what grows with the number of nodes:
	// files, pipes, the runtime's, and requests that come in.
	filesApart = 64
	// filesPerNode is for a controller a process and, now and then, a connection; for a node whose
	// peers are all the others, a link each way.
	filesPerNode = 2
	// threadsPerNode is 6 for an idle node and 8 for a busy one, and some room.
	threadsPerNode = 10
)

// checkLimits says how many nodes the limits of this user have room for.
func (d *doctor) checkLimits() {
	files, processes, err := proc.Limits()
	if err != nil {
		d.add(checkFiles, FindingWarn, err.Error(), "look at ulimit -n and ulimit -u")
		return
	}
	d.room(checkFiles, "open files", "n", files, (max(files, filesApart)-filesApart)/filesPerNode)
	_, threads, err := proc.CountOwn()
	if err != nil {
		d.add(checkProcesses, FindingWarn, err.Error(), "look at ulimit -u")
		return
	}
	if os.Geteuid() == 0 {
		processes = proc.Unlimited // root passes
	}
	own := uint64(threads)
	d.room(checkProcesses, "user processes", "u", processes, (max(processes, own)-own)/threadsPerNode)
}

// room adds how many nodes a limit has room for.
func (d *doctor) room(check, what, flag string, limit, nodes uint64) {
	switch {
	case limit == proc.Unlimited:
		d.add(check, FindingOK, fmt.Sprintf("there is no limit of %s", what), "")
	case nodes < uint64(d.Nodes):
		d.add(check, FindingFail, fmt.Sprintf("the limit of %s is %d (ulimit -%s), with room for %d nodes more, not %d", what, limit, flag, nodes, d.Nodes),
			fmt.Sprintf("raise it with ulimit -%s, or start fewer nodes", flag))
	default:
		d.add(check, FindingOK, fmt.Sprintf("the limit of %s is %d (ulimit -%s), enough for %d nodes more", what, limit, flag, nodes), "")
	}
}

// leastDisk is the free space below which a person is warned: the full logs of five nodes.
const leastDisk = 100 << 20

// checkDisk sees whether there is room for state and logs.
func (d *doctor) checkDisk() {
	place, _ := d.place()
	var fs unix.Statfs_t
	if err := unix.Statfs(place, &fs); err != nil {
		d.add(checkDisk, FindingWarn, fmt.Sprintf("the free space of %s is not known: %v", place, err), "look at df")
		return
	}
	free := uint64(fs.Bavail) * uint64(fs.Bsize)
	detail := fmt.Sprintf("%d MB are free in %s", free>>20, place)
	if free < leastDisk {
		d.add(checkDisk, FindingWarn, "only "+detail, "make some room: the logs of a node take up to 20 MB")
		return
	}
	d.add(checkDisk, FindingOK, detail, "")
}

// checkLogout says so where systemd ends what a user has started when they log out.
func (d *doctor) checkLogout() {
	const etc = "/etc/systemd"
	if os.Geteuid() == 0 || !killsAtLogout(etc) { // by default systemd leaves root alone
		return
	}
	d.add(checkLogout, FindingWarn, "networks end when you log out (KillUserProcesses in "+etc+"/logind.conf)",
		"to keep one, run loginctl enable-linger once and start it with systemd-run --user --scope gossipctl start-network")
}

// killsAtLogout reads the configuration of systemd-logind. Only what it says counts, not what the
// distribution built in.
func killsAtLogout(etc string) bool {
	dropIns, _ := filepath.Glob(filepath.Join(etc, "logind.conf.d", "*.conf")) // fails on bad patterns only
	last := ""
	for _, name := range append([]string{filepath.Join(etc, "logind.conf")}, dropIns...) {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			key, value, ok := strings.Cut(line, "=")
			if ok && strings.TrimSpace(key) == "KillUserProcesses" {
				last = strings.ToLower(strings.TrimSpace(value))
			}
		}
	}
	return slices.Contains([]string{"yes", "y", "true", "t", "on", "1"}, last) // as systemd reads a boolean
}
