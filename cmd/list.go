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
					if l.State != netctl.WasRunning {
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
	Name    string `json:"name"`
	Default int    `json:"default"`
	Min     int    `json:"min"`
	Max     int    `json:"max"`
	Unit    string `json:"unit"`
	Why     string `json:"why"`
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
					d.Settings = append(d.Settings, settingDoc{s.Name, s.Default, s.Min, s.Max, s.Unit, s.Why})
				}
				docs = append(docs, d)
			}
			return a.print(docs, nil, func(t *term.Table) {
				t.Columns("protocol", "summary", "settings")
				t.Wide("follows")
				for _, d := range docs {
					var settings []string
					for _, s := range d.Settings {
						settings = append(settings, fmt.Sprintf("%s=%d", s.Name, s.Default))
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
