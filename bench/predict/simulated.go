package main

import (
	"context"
	"fmt"
	"strconv"
)

// simulation is what simulate tells, as far as it is compared.
type simulation struct {
	Traffic  mean `json:"traffic"` // copies of a message, per node
	Coverage mean `json:"coverage"`
	MeanHops mean `json:"mean_hops"`
	MaxHops  mean `json:"max_hops"`
	TLast    mean `json:"t_last"` // milliseconds
	Curve    []struct {
		At       float64 `json:"at"` // milliseconds
		Coverage float64 `json:"coverage"`
	} `json:"curve"`
	Endings map[string]int `json:"endings"`
	Unit    string         `json:"time_unit"`
}

type mean struct{ Mean float64 }

// simulate runs one simulation until nothing is passed on any more: a real network does not stop sooner.
func (c *gossipctl) simulate(ctx context.Context, protocol string, settings []string, args ...string) (simulation, error) {
	all := append([]string{"simulate", protocol, "--runs", "1", "--until", "quiet"}, args...)
	for _, s := range settings {
		all = append(all, "--set", s)
	}
	var s simulation
	if err := c.ask(ctx, &s, all...); err != nil {
		return s, err
	}
	if s.Endings["quiet"] != 1 || s.Unit != "ms" {
		return s, fmt.Errorf("the simulation of %s did not end quiet, in milliseconds: %v, %s", protocol, s.Endings, s.Unit)
	}
	return s, nil
}

// predict simulates one of the networks of a comparison: the same graph, as many messages from random nodes.
func (c *gossipctl) predict(ctx context.Context, x *comparison, seed uint64, latency string) (result, error) {
	s, err := c.simulate(ctx, x.protocol, x.settings,
		"--nodes", strconv.Itoa(x.nodes), "--topology", "random:"+strconv.Itoa(x.degree), "--seed", strconv.FormatUint(seed, 10),
		"--messages", strconv.Itoa(x.warm+x.messages), "--discard", strconv.Itoa(x.warm), "--every", x.every.String(),
		"--origins", strconv.Itoa(x.nodes), "--latency", latency)
	return result{s.Traffic.Mean * float64(x.nodes), s.MeanHops.Mean, s.MaxHops.Mean, s.Coverage.Mean, s.TLast.Mean}, err
}
