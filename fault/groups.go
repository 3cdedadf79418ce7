package fault

import (
	"fmt"
	"slices"
	"strings"

	"gossipctl/gossip"
)

// ParseGroups reads groups of nodes with slashes between them, as arguments of a command: the slashes
// may stand apart or not. 1-8 / 9-16 / 17,18 are three. One group is apart from all who are not in it.
func ParseGroups(args []string) ([]NodeSet, error) {
	text := strings.Join(args, " ")
	var groups []NodeSet
	for part := range strings.SplitSeq(text, "/") {
		part = strings.TrimSpace(part)
		if part == "" {
			return nil, fmt.Errorf("groups %q: a group has no nodes: write 1-8 / 9-16", text)
		}
		if strings.ContainsAny(strings.ReplaceAll(part, ", ", ","), " \t") {
			return nil, fmt.Errorf("groups %q: between two groups there is a slash: write 1-8 / 9-16", text)
		}
		set, err := ParseNodes(part)
		if err != nil {
			return nil, err
		}
		groups = append(groups, set)
	}
	return groups, nil
}

// ResolveGroups returns the nodes of each group, sorted, out of those that there are, which must be
// sorted. Nobody is in two groups. Shares are of all live nodes, but drawn, group by group, from those
// that no other group has named; so 50% / 50% are two halves.
func ResolveGroups(groups []NodeSet, live []gossip.NodeID, seed uint64) ([][]gossip.NodeID, error) {
	resolved := make([][]gossip.NodeID, len(groups))
	taken := make(map[gossip.NodeID]int) // the group's number, from 1
	take := func(k int, ids []gossip.NodeID) error {
		for _, id := range ids {
			if other := taken[id]; other > 0 {
				return fmt.Errorf("node %d is in two groups, %v and %v", id, groups[other-1], groups[k])
			}
			taken[id] = k + 1
		}
		resolved[k] = ids
		return nil
	}
	for _, shares := range []bool{false, true} {
		for k, g := range groups {
			if g.share > 0 != shares {
				continue
			}
			if !shares {
				ids, err := g.Resolve(live, seed)
				if err == nil {
					err = take(k, ids)
				}
				if err != nil {
					return nil, err
				}
				continue
			}
			left := slices.DeleteFunc(slices.Clone(live), func(id gossip.NodeID) bool { return taken[id] > 0 })
			if len(left) == 0 {
				return nil, fmt.Errorf("no node is left for the group of %v", g)
			}
			if err := take(k, draw(left, min(g.size(len(live)), len(left)), seed)); err != nil {
				return nil, err
			}
		}
	}
	return resolved, nil
}

// GroupsText writes groups, each sorted, as [ParseGroups] reads them: 1-8 / 9-16.
func GroupsText(groups [][]gossip.NodeID) string {
	parts := make([]string, len(groups))
	for i, g := range groups {
		parts[i] = NodesText(g)
	}
	return strings.Join(parts, " / ")
}
