package live

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// resolveEvery is how often a name is resolved: names in clusters live for 5 to 30 seconds.
const resolveEvery = 5 * time.Second

// resolveTime is how long one answer may take; resolvers themselves try again after 5 seconds.
const resolveTime = 10 * time.Second

// DNS returns a Discovery that resolves a name again and again, every 5 seconds if every is 0: all its addresses, of
// both families, with one port (name:port); or, for a name that begins with an underscore (_gossip._tcp.example.org),
// the targets and ports of its SRV records. Of what is found only addresses are used where peers may listen, those of
// this machine; the others are refused and counted. A name that cannot be resolved leaves the list as it was.
func DNS(name string, every time.Duration) Discovery {
	return &domain{name: name, every: every, resolver: net.DefaultResolver}
}

type domain struct {
	name     string
	every    time.Duration
	resolver *net.Resolver
}

// Watch implements [Discovery].
func (d *domain) Watch(ctx context.Context, _ Peer, found func([]Peer)) error {
	host, port, err := splitName(d.name)
	if err != nil {
		return err
	}
	every := d.every
	if every <= 0 {
		every = resolveEvery
	}
	for {
		list, err := d.resolve(ctx, host, port)
		if err != nil {
			return err
		}
		found(list)
		if !rest(ctx, every) {
			return nil
		}
	}
}

// resolve returns the addresses that the name has now, sorted.
func (d *domain) resolve(ctx context.Context, host string, port uint16) ([]Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	targets := []net.SRV{{Target: host, Port: port}}
	if port == 0 {
		_, records, err := d.resolver.LookupSRV(ctx, "", "", host)
		if err != nil {
			return nil, fmt.Errorf("the name %s cannot be resolved: %w", d.name, err)
		}
		targets = targets[:0]
		for _, r := range records {
			targets = append(targets, *r)
		}
	}
	var list []Peer
	for _, t := range targets {
		addrs, err := d.resolver.LookupNetIP(ctx, "ip", t.Target)
		if err != nil {
			return nil, fmt.Errorf("the name %s cannot be resolved: %w", t.Target, err)
		}
		for _, a := range addrs {
			list = append(list, Peer{Addr: netip.AddrPortFrom(a.Unmap(), t.Port).String()})
		}
	}
	slices.SortFunc(list, func(a, b Peer) int { return strings.Compare(a.Addr, b.Addr) })
	return slices.Compact(list), nil
}

// splitName reads what DNS takes; port 0 stands for SRV records.
func splitName(name string) (host string, port uint16, err error) {
	if strings.HasPrefix(name, "_") && !strings.Contains(name, ":") {
		return name, 0, nil
	}
	host, text, err := net.SplitHostPort(name)
	n, bad := strconv.ParseUint(text, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" {
		return "", 0, fmt.Errorf("%.80q is no name with a port, such as nodes.example.org:7001, and none of SRV records, such as _gossip._tcp.example.org", name)
	}
	return host, uint16(n), nil
}
