package cmd

import (
	"fmt"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/netctl"
	"gossipctl/protocol"
	"gossipctl/topology"

	"github.com/spf13/cobra"
)

func newListNetworks(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "list-networks",
		Short:             "List all networks on this machine",
		Example:           "  gossipctl list-networks\n  gossipctl list-networks -o name",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			list, err := netctl.List("")
			if err != nil {
				return err
			}
			return a.print(list, nil, func(t *term.Table) {
				t.Empty = "no network is running; start one with gossipctl start-network"
				t.Columns("network", "state", "nodes", "topology", "protocol", "started")
				t.Wide("base port", "pid", "problem")
				for _, l := range list {
					state := a.OutColor.Good(term.Escape(l.State))
					switch l.State {
					case netctl.WasRunning, netctl.WasByHand:
					case netctl.WasStopped: // on purpose
						state = a.OutColor.Warn(term.Escape(l.State))
					default:
						state = a.OutColor.Bad(term.Escape(l.State))
					}
					started := ""
					if l.Started != nil {
						started = term.Since(*l.Started, time.Now())
					}
					t.Row(l.Network, state, l.Nodes, l.Topology, l.Protocol, started, l.BasePort, l.PID, l.Problem)
				}
			})
		},
	}
}

type protocolDoc struct {
	Name     string       `json:"name"`
	Summary  string       `json:"summary"`
	Follows  string       `json:"follows"`
	Default  bool         `json:"default"`
	Settings []settingDoc `json:"settings"`
}

type settingDoc struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Default any      `json:"default"` // a number, true or false, or a string; a time is a string such as "200ms"
	Min     any      `json:"min,omitempty"`
	Max     any      `json:"max,omitempty"`
	Choices []string `json:"choices,omitempty"`
	Unit    string   `json:"unit"`
	Why     string   `json:"why"`
}

func docOf(s protocol.Setting) settingDoc {
	plain := func(value any) any {
		if d, is := value.(time.Duration); is {
			return d.String()
		}
		return value
	}
	return settingDoc{s.Name, string(s.Type), plain(s.Default), plain(s.Min), plain(s.Max), s.Choices, s.Unit, s.Why}
}

func newListProtocols(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "list-protocols",
		Short:             "List the gossip protocols and their settings",
		Example:           "  gossipctl list-protocols\n  gossipctl list-protocols -o wide",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			docs := []protocolDoc{}
			for _, k := range protocol.Table() {
				d := protocolDoc{Name: k.Name, Summary: k.Summary, Follows: k.Follows, Default: k.Name == protocol.Default}
				for _, s := range k.Settings {
					d.Settings = append(d.Settings, docOf(s))
				}
				docs = append(docs, d)
			}
			return a.print(docs, nil, func(t *term.Table) {
				t.Columns("protocol", "summary", "settings")
				t.Wide("follows")
				for _, d := range docs {
					var settings []string
					for _, s := range d.Settings {
						settings = append(settings, fmt.Sprintf("%s=%v", s.Name, s.Default))
					}
					t.Row(d.Name, d.Summary, strings.Join(settings, " "), d.Follows)
				}
			})
		},
	}
}

type topologyDoc struct {
	Name      string `json:"name"`
	Summary   string `json:"summary"`
	Parameter string `json:"parameter,omitempty"`
	Default   int    `json:"default,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

func newListTopologies(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "list-topologies",
		Short:             "List the topologies a network can have",
		Example:           "  gossipctl list-topologies\n  gossipctl list-topologies -o wide",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			docs := []topologyDoc{}
			for _, k := range topology.Kinds() {
				docs = append(docs, topologyDoc{k.Name, k.Summary, k.Param.Name, k.Param.Default, k.Param.Reason})
			}
			return a.print(docs, nil, func(t *term.Table) {
				t.Columns("topology", "parameter", "summary")
				t.Wide("why this default")
				for _, d := range docs {
					parameter := ""
					if d.Parameter != "" {
						parameter = fmt.Sprintf("[%s=%d]", d.Parameter, d.Default)
					}
					t.Row(d.Name, parameter, d.Summary, d.Reason)
				}
			})
		},
	}
}
