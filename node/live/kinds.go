package live

import (
	"fmt"
	"time"

	"gossipctl/node/api"
)

// CheckDiscovery says what is wrong with how a node is to find the others, before it is started.
func CheckDiscovery(cfg Config) error {
	_, err := newDiscovery(&cfg)
	return err
}

// newDiscovery makes the discovery that a node process was told to use; nil: it is told its peers. The error says
// everything that can be known to be wrong beforehand.
func newDiscovery(cfg *Config) (Discovery, error) {
	every, places := cfg.DiscoveryEvery, cfg.Contacts
	if every < 0 || every > 0 && every < 100*time.Millisecond {
		return nil, fmt.Errorf("discovery every %v is too often: at most ten times a second", every)
	}
	one := func(what string) error {
		if len(places) != 1 {
			return fmt.Errorf("discovery by %s needs exactly one %s, not %d", cfg.Discovery, what, len(places))
		}
		return nil
	}
	switch cfg.Discovery {
	case "", api.DiscoverStatic:
		return nil, nil
	case api.DiscoverBootstrap:
		if len(places) == 0 {
			return nil, nil // it is a contact of others itself
		}
		if len(places) > maxBootstrap {
			return nil, fmt.Errorf("%d contacts are too many, at most %d are asked", len(places), maxBootstrap)
		}
		for _, addr := range places {
			if err := checkPeer(cfg.ID, Peer{Addr: addr}); err != nil {
				return nil, fmt.Errorf("the contact %w", err)
			}
		}
		return Bootstrap(every, places...), nil
	case api.DiscoverScan:
		if _, err := scanRanges(places); err != nil {
			return nil, err
		}
		return &scan{ranges: places, every: every}, nil
	case api.DiscoverDNS:
		if err := one("name"); err != nil {
			return nil, err
		}
		if _, _, err := splitName(places[0]); err != nil {
			return nil, err
		}
		return DNS(places[0], every), nil
	case api.DiscoverFile:
		if err := one("path"); err != nil {
			return nil, err
		}
		return File(places[0], every), nil
	}
	return nil, fmt.Errorf("there is no discovery %q; there is static, bootstrap, scan, dns, file", cfg.Discovery)
}
