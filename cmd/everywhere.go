package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
)

// agreementDoc says whether nodes know the same of everybody's values.
type agreementDoc struct {
	Nodes  int             `json:"nodes"`  // that run
	Agree  bool            `json:"agree"`  // all of them have answered, and know the same
	Values int             `json:"values"` // known to any of them
	Differ []differenceDoc `json:"differ"`
	Silent []gossip.NodeID `json:"silent"`    // run, but did not answer
	Absent []gossip.NodeID `json:"absent"`    // paused or dead, and not asked
	TookMS float64         `json:"waited_ms"` // until they agreed, or in vain
}

// differenceDoc is one value of which not all nodes have the newest version.
type differenceDoc struct {
	Owner   gossip.NodeID `json:"owner"`
	Key     string        `json:"key"`
	Run     uint32        `json:"run"` // of the newest that any of them has
	Version uint32        `json:"version"`
	Deleted bool          `json:"deleted,omitempty"`
	Behind  []behindDoc   `json:"behind"`
}

// behindDoc is a node that does not have it.
type behindDoc struct {
	Node    gossip.NodeID `json:"node"`
	Run     uint32        `json:"run"` // of what it has instead; 0: nothing
	Version uint32        `json:"version"`
	Other   bool          `json:"other,omitempty"` // the same version, but another value
}

// Pauses between two times that all nodes are asked whether they agree: soon at first, and no more often than a
// large network on a small machine bears.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = time.Second
)

// askAll asks all nodes that run, until they agree if that is wanted. The values are those of one node: id, or where
// that is 0 the first.
func (o *getValues) askAll(ctx context.Context, n *netctl.Network, id gossip.NodeID) (valuesDoc, error) {
	if id > 0 {
		if _, err := n.Node(id); err != nil {
			return valuesDoc{}, err
		}
	}
	began := time.Now()
	var last valuesDoc
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		doc, err := o.lookAround(ctx, n, id)
		late := errors.Is(ctx.Err(), context.DeadlineExceeded) && last.Everywhere != nil
		if err != nil && !late {
			return doc, err
		}
		if err == nil {
			last = doc
		}
		last.Everywhere.TookMS = ms(time.Since(began))
		if late || last.Everywhere.Agree || !o.wait {
			return last, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return last, ctx.Err()
			}
			return last, nil
		}
	}
}

// lookAround asks all nodes that run once.
func (o *getValues) lookAround(ctx context.Context, n *netctl.Network, id gossip.NodeID) (valuesDoc, error) {
	view, err := n.Wiring(ctx)
	if err != nil {
		return valuesDoc{}, err
	}
	var asked, absent []gossip.NodeID
	for _, node := range view.Nodes {
		switch node.State {
		case netctl.Running:
			asked = append(asked, node.ID)
		case netctl.Removed:
		default:
			absent = append(absent, node.ID)
		}
	}
	if len(asked) == 0 {
		return valuesDoc{}, api.NewError(api.CodeNotRunning, fmt.Sprintf("no node of network %q runs", n.Name()), "run gossipctl list-nodes")
	}
	query := o.query
	query.All = true // what is gone is known to be gone, or it would count as missing
	answers, errs := netctl.Each(asked, func(node gossip.NodeID) (api.ValuesAnswer, error) {
		client, err := n.Node(node)
		if err != nil {
			return api.ValuesAnswer{}, err
		}
		return client.Values(ctx, query)
	})
	if err := context.Cause(ctx); err != nil {
		return valuesDoc{}, err
	}
	pictures := make(map[gossip.NodeID][]api.Value)
	silent := []gossip.NodeID{}
	for i, node := range asked {
		if errs[i] == nil && answers[i].Node == node {
			pictures[node] = answers[i].Values
		} else {
			silent = append(silent, node)
		}
	}
	if id == 0 && len(pictures) > 0 {
		id = slices.Min(slices.Collect(maps.Keys(pictures)))
	}
	doc, err := o.ask(ctx, n, id) // once more, and only what counts
	if err != nil {
		return doc, err
	}
	all := differences(pictures)
	all.Nodes, all.Silent, all.Absent = len(asked), silent, append([]gossip.NodeID{}, absent...)
	all.Agree = len(all.Differ)+len(silent) == 0
	doc.Everywhere = &all
	return doc, nil
}

// differences finds what nodes know differently. Of a value the newest version that anybody has counts, of the newest
// life of its owner that anybody knows; a node that has nothing of what is gone has forgotten that it is, and agrees.
func differences(pictures map[gossip.NodeID][]api.Value) agreementDoc {
	type name struct {
		key   string
		owner gossip.NodeID
	}
	newest := make(map[name]*api.Value)
	lives := make(map[gossip.NodeID]uint32)
	has := make(map[gossip.NodeID]map[name]*api.Value)
	for _, node := range slices.Sorted(maps.Keys(pictures)) {
		has[node] = make(map[name]*api.Value)
		list := pictures[node]
		for i := range list {
			v := &list[i]
			at := name{v.Key, v.Owner}
			has[node][at] = v
			lives[v.Owner] = max(lives[v.Owner], v.Run)
			if old := newest[at]; old == nil || cmp.Or(cmp.Compare(old.Run, v.Run), cmp.Compare(old.Version, v.Version)) < 0 {
				newest[at] = v
			}
		}
	}
	out := agreementDoc{Differ: []differenceDoc{}}
	names := slices.SortedFunc(maps.Keys(newest), func(a, b name) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.owner, b.owner)) })
	for _, at := range names {
		want := newest[at]
		former := want.Run < lives[at.owner] // of a life that is over: nobody should have it any more
		if !want.Deleted && !former {
			out.Values++
		}
		d := differenceDoc{Owner: at.owner, Key: at.key, Run: want.Run, Version: want.Version, Deleted: want.Deleted || former, Behind: []behindDoc{}}
		for _, node := range slices.Sorted(maps.Keys(has)) {
			switch v := has[node][at]; {
			case v == nil && !d.Deleted:
				d.Behind = append(d.Behind, behindDoc{Node: node})
			case v == nil:
			case former, v.Run != want.Run, v.Version != want.Version:
				d.Behind = append(d.Behind, behindDoc{Node: node, Run: v.Run, Version: v.Version})
			case v.Deleted != want.Deleted, v.Register != want.Register, v.Stamp != want.Stamp, string(v.Value) != string(want.Value):
				d.Behind = append(d.Behind, behindDoc{Node: node, Run: v.Run, Version: v.Version, Other: true})
			}
		}
		if len(d.Behind) > 0 {
			out.Differ = append(out.Differ, d)
		}
	}
	return out
}

// shownDifferences is how many differences are told to a person one by one.
const shownDifferences = 20

func (o *getValues) writeAgreement(w io.Writer, all *agreementDoc) {
	took := ""
	if o.wait {
		took = " after " + msText(all.TookMS)
	}
	nodes := "All " + term.Plural(all.Nodes, "node") + " agree"
	if all.Nodes == 1 {
		nodes = "The only node agrees with itself"
	}
	switch {
	case all.Agree:
		fmt.Fprintf(w, "%s on %s%s.\n", o.OutColor.Good(term.Escape(nodes)), term.Plural(all.Values, "value"), took)
	case len(all.Differ) > 0:
		fmt.Fprintf(w, "%s in %s of %d%s:\n", o.OutColor.Bad("The nodes differ"), term.Plural(len(all.Differ), "value"), max(all.Values, len(all.Differ)), took)
	}
	for i, d := range all.Differ {
		if i == shownDifferences {
			fmt.Fprintf(w, "  … and %s more: -o json has them all\n", term.Plural(len(all.Differ)-i, "value"))
			break
		}
		what := fmt.Sprintf("version %d", d.Version)
		if d.Deleted {
			what = "is gone, but"
		}
		fmt.Fprintf(w, "  %s of node %s: %s %s\n", term.Escape(d.Key), o.nodeName(int(d.Owner)), what, term.Escape(behindText(d)))
	}
	if len(all.Silent) > 0 {
		fmt.Fprintf(w, "%s\n", o.OutColor.Warn(term.Escape(sentence(nodesText(all.Silent))+" did not answer.")))
	}
	if len(all.Absent) > 0 {
		o.note("paused or dead, and not asked: %s", nodesText(all.Absent))
	}
}

// behindText says which nodes do not have the newest version, and what they have.
func behindText(d differenceDoc) string {
	var missing []gossip.NodeID
	others := make(map[string][]gossip.NodeID)
	for _, b := range d.Behind {
		switch {
		case b.Run == 0:
			missing = append(missing, b.Node)
		case b.Other:
			others["another value of that version"] = append(others["another value of that version"], b.Node)
		default:
			text := fmt.Sprintf("version %d", b.Version)
			if b.Run != d.Run {
				text += fmt.Sprintf(" of life %d", b.Run)
			}
			others[text] = append(others[text], b.Node)
		}
	}
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, "is missing at "+nodesText(missing))
	}
	for _, text := range slices.Sorted(maps.Keys(others)) {
		verb := "have"
		if len(others[text]) == 1 {
			verb = "has"
		}
		parts = append(parts, fmt.Sprintf("%s %s %s", nodesText(others[text]), verb, text))
	}
	if !d.Deleted && len(missing) == 0 {
		return "is not everywhere: " + term.And(parts)
	}
	return term.And(parts)
}
