package netctl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/node/api"
)

// bindAll binds every port of a network, or none: the controller's first, then each node's, in the order
// of their numbers. A clash is found here, before anything is started. A network that is resumed cannot
// go elsewhere, so that no other ports are proposed.
func bindAll(base int, ids []gossip.NodeID, resumed bool) ([]*net.TCPListener, error) {
	nodes := len(ids)
	listeners := make([]*net.TCPListener, 0, nodes+1)
	for i := range nodes + 1 {
		port := base
		if i > 0 {
			port += int(ids[i-1])
		}
		l, err := bind(port)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			if resumed {
				err.Hint = "free it, and resume the network then: its nodes come back on the ports they had"
			} else if api.CodeOf(err) == api.CodePortInUse {
				if free := freeBase(base, nodes); free > 0 {
					err.Hint = fmt.Sprintf("try --base-port %d", free)
				}
			}
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func bind(port int) (*net.TCPListener, *api.Error) {
	l, err := net.Listen("tcp", loopback(port))
	switch {
	case err == nil:
		return l.(*net.TCPListener), nil
	case errors.Is(err, syscall.EADDRINUSE):
		e := api.WrapError(api.CodePortInUse, err, "")
		e.Message = fmt.Sprintf("port %d is in use by %s; nothing was started", port, portUser(port))
		return nil, e
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return nil, limitError(err)
	}
	return nil, api.WrapError(api.CodeFailed, fmt.Errorf("listening on port %d: %w", port, err), "")
}

// portUser says who holds a port, as well as can be told without asking for more rights.
func portUser(port int) string {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	client := api.NewClient(api.NewTransport(), "http://"+loopback(port), "", "", "it")
	if health, err := client.Health(ctx); err == nil && health.Service == "gossipctl" {
		return fmt.Sprintf("gossipctl network %q", health.Network)
	}
	if pid, name, ok := proc.PortOwner(port); ok {
		return fmt.Sprintf("another program (pid %d %s)", pid, name)
	}
	return "another program"
}

// freeBase looks for a block of ports that is free at this moment, in steps of a hundred so that
// node numbers stay readable in them.
func freeBase(base, nodes int) int {
	step := (nodes/100 + 1) * 100
	for try, tries := base+step, 0; try+nodes <= 65535 && tries < 20; try, tries = try+step, tries+1 {
		free := true
		for port := try; port <= try+nodes && free; port++ {
			l, err := net.Listen("tcp", loopback(port))
			if free = err == nil; free {
				l.Close()
			}
		}
		if free {
			return try
		}
	}
	return 0
}

// limitError says which limit of the machine stood in the way, if one did.
func limitError(err error) *api.Error {
	e := api.WrapError(api.CodeFailed, err, "")
	e.Message = oneLine(e.Message)
	files, processes, limErr := proc.Limits()
	if limErr != nil {
		return e
	}
	switch {
	case errors.Is(err, syscall.EMFILE):
		e.Message = fmt.Sprintf("the limit of open files is %d (ulimit -n), which is too low", files)
	case errors.Is(err, syscall.EAGAIN):
		e.Message = fmt.Sprintf("the limit of user processes is %d (ulimit -u), which is too low", processes)
	default:
		return e
	}
	e.Hint = "use fewer nodes, or raise the limit"
	return e
}
