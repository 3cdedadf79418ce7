package cmd

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/membership"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/node/live"
	"gossipctl/protocol"

	"github.com/spf13/cobra"
)

// assembly are the flags about how the nodes of a network find each other.
type assembly struct {
	discovery  string
	contacts   int
	places     []string
	membership string
	set        map[string]string
	noWait     bool
}

func (o *assembly) add(c *cobra.Command, spec *netctl.Spec) {
	f := c.Flags()
	f.StringVar(&o.discovery, "discovery", "", "how nodes find each other: static (the controller tells them), bootstrap, scan, dns or file (default static, with the topology bootstrap bootstrap)")
	f.IntVar(&o.contacts, "contacts", 0, "with bootstrap: give every node nodes 1 to `K` as contacts (default 1)")
	f.StringArrayVar(&o.places, "discover-at", nil, "`PLACE` to look for nodes at: scan: 127.0.0.1:7001-7016 (default: the network's ports); dns: name:port; file: a path (default: a list the controller keeps)")
	f.StringVar(&o.membership, "membership", membership.None, "what notices who is there and who is gone, see list-memberships")
	f.StringToStringVar(&o.set, "membership-set", nil, "override a setting of the membership: `key=value`")
	f.BoolVar(&o.noWait, "no-wait", false, "do not wait until nodes have found each other")
	c.RegisterFlagCompletionFunc("discovery", completeDiscovery)
	c.RegisterFlagCompletionFunc("membership", completeMembership)
	c.RegisterFlagCompletionFunc("contacts", nothing)
	c.RegisterFlagCompletionFunc("discover-at", o.completePlace)
	c.RegisterFlagCompletionFunc("membership-set", o.completeSetting)
}

// complete turns what was typed into parts of a spec whose topology is set. Args are the topology and its parameter.
func (o *assembly) complete(c *cobra.Command, args []string, spec *netctl.Spec) error {
	spec.Discovery, spec.Places, spec.Contacts = o.discovery, o.places, o.contacts
	if o.membership != membership.None || len(o.set) > 0 {
		spec.Membership, spec.MembershipSettings = o.membership, o.set
	}
	if c.Flags().Changed("contacts") && o.contacts < 1 {
		return fmt.Errorf("--contacts %d is not possible: it must be at least 1", o.contacts)
	}
	if len(args) == 0 && o.discovery != "" && o.discovery != api.DiscoverStatic {
		spec.Topology = netctl.TopologyBootstrap
	}
	if spec.Topology == netctl.TopologyBootstrap && spec.Discovery == "" {
		spec.Discovery = api.DiscoverBootstrap
	}
	if spec.Topology == netctl.TopologyBootstrap && len(args) > 1 {
		k, err := strconv.Atoi(args[1])
		switch {
		case err != nil || k < 1:
			return fmt.Errorf("%q is no number of contacts: it must be a whole number from 1", args[1])
		case o.contacts != 0 && o.contacts != k:
			return fmt.Errorf("bootstrap %d and --contacts %d contradict each other", k, o.contacts)
		}
		spec.Contacts = k
	}
	if spec.Discovery == api.DiscoverFile {
		spec.Places = slices.Clone(o.places)
		for i, path := range spec.Places {
			var err error
			if spec.Places[i], err = filepath.Abs(path); err != nil { // nodes run in another folder
				return err
			}
		}
	}
	if len(spec.Places) == 1 || len(spec.Places) > 0 && spec.Discovery == api.DiscoverScan {
		if err := live.CheckDiscovery(live.Config{ID: 1, Discovery: spec.Discovery, Contacts: spec.Places}); err != nil {
			return err
		}
	}
	if o.noWait && !spec.Assembles() {
		return errors.New("--no-wait is for networks whose nodes find each other; these are told their peers before they are ready")
	}
	return nil
}

// assembled says how long the nodes of a network that was just started took to find each other.
func (o *startNetwork) assembled(view netctl.View) {
	t := view.Assembled
	switch {
	case view.Discovery == "":
	case t == nil || o.assembly.noWait:
		o.note("The nodes are finding each other; gossipctl wait-members%s waits for it.", netctl.Naming(view.Network))
	default:
		what := "every node knows every other"
		if view.Membership == "hyparview" {
			what = "all nodes have neighbours and hang together"
		}
		o.note("Assembled: %s %.0f ms (%.1f rounds of %.0f ms) after all were ready, %.0f ms after the first was started.", what, t.Ms, t.Rounds, t.Round, t.Ready+t.Ms)
	}
}

func completeDiscovery(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, k := range netctl.Discoveries() {
		names = append(names, k.Name+"\t"+k.Summary)
	}
	return names, noFiles
}

func completeMembership(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names := []string{membership.None + "\t" + noMembership}
	for _, k := range membership.Table() {
		names = append(names, k.Name+"\t"+k.Summary)
	}
	return names, noFiles
}

// completePlace lets the shell complete paths where discovery watches a file.
func (o *assembly) completePlace(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	if o.discovery == api.DiscoverFile {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, noFiles
}

// completeSetting completes the settings of the membership chosen so far.
func (o *assembly) completeSetting(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	kind := membership.Acquainted()
	if o.membership != "" && o.membership != membership.None {
		var err error
		if kind, err = membership.Find(o.membership); err != nil {
			return nil, noFiles
		}
	}
	var names []string
	for _, s := range kind.Settings {
		names = append(names, fmt.Sprintf("%s=\t%s", s.Name, s.Unit))
	}
	return names, noFiles | cobra.ShellCompDirectiveNoSpace
}

// noMembership is what none means, in one line.
const noMembership = "nodes that find each other stay acquainted; who leaves says so, who dies is not noticed"

type membershipDoc struct {
	Name     string       `json:"name"`
	Summary  string       `json:"summary"`
	Follows  string       `json:"follows"`
	Default  bool         `json:"default"`
	Settings []settingDoc `json:"settings"`
}

func newListMemberships(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "list-memberships",
		Short:             "List what can notice who is in a network, and the settings",
		Example:           "  gossipctl list-memberships\n  gossipctl list-memberships -o wide",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			docs := []membershipDoc{{Name: membership.None, Summary: noMembership, Default: true, Settings: docsOf(membership.Acquainted().Settings)}}
			for _, k := range membership.Table() {
				docs = append(docs, membershipDoc{Name: k.Name, Summary: k.Summary, Follows: k.Follows, Settings: docsOf(k.Settings)})
			}
			return a.print(docs, nil, func(t *term.Table) {
				t.Columns("membership", "summary", "settings")
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

func docsOf(settings []protocol.Setting) []settingDoc {
	docs := make([]settingDoc, 0, len(settings))
	for _, s := range settings {
		docs = append(docs, docOf(s))
	}
	return docs
}
