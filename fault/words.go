package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gossipctl/gossip"
)

// String says in words what the rule does, for people and for event logs: loss 50 % of what nodes 1-3
// send. The name is left out.
func (r Rule) String() string {
	text := r.effects()
	if !r.Until.IsZero() {
		text += ", until " + r.Until.UTC().Format(time.RFC3339Nano)
	}
	return text
}

func (r *Rule) effects() string {
	if r.Clock != 0 {
		sign := ""
		if r.Clock > 0 {
			sign = "+"
		}
		return fmt.Sprintf("clock %s%v of %s", sign, r.Clock, nodesWords(r.Nodes))
	}
	var list []string
	link := " " // between what happens and where
	add := func(is bool, between, format string, args ...any) {
		if is {
			list, link = append(list, fmt.Sprintf(format, args...)), between
		}
	}
	partition := r.Cut && len(r.Groups) > 0
	add(r.Cut && !partition, " ", "cut")
	add(r.Delay.Kind != None, " for ", "delay %v", r.Delay)
	add(r.Jitter > 0, " for ", "jitter %s", percent(r.Jitter))
	add(r.Bandwidth > 0, " for ", "bandwidth %d bytes/s", r.Bandwidth)
	add(r.Loss > 0, " of ", "loss %s", percent(r.Loss))
	add(r.Duplicate > 0, " of ", "duplicate %s", percent(r.Duplicate))
	add(r.Corrupt > 0, " of ", "corrupt %s", percent(r.Corrupt))
	add(r.Reorder > 0, " of ", "reorder %s", percent(r.Reorder))
	if partition {
		// Everything else that the rule says is about packets that do not arrive.
		words := "partition "
		if r.OneWay {
			words = "one-way partition "
		}
		return words + GroupsText(r.Groups)
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ") + link + r.where()
}

// where says which packets the rule is about.
func (r *Rule) where() string {
	among, beyond := r.Nodes, r.Peers
	direction := r.Direction
	if len(among) == 0 && len(beyond) > 0 { // all nodes and their links to some: those some, the other way round
		among, beyond = beyond, nil
		direction = map[Direction]Direction{Both: Both, Out: In, In: Out}[direction]
	}
	sends, are := "send", "are"
	if len(among) == 1 {
		sends, are = "sends", "is"
	}
	switch {
	case len(r.Groups) > 0 && r.OneWay:
		return "what goes from a group to a later one of " + GroupsText(r.Groups)
	case len(r.Groups) > 0:
		return "what goes between " + GroupsText(r.Groups)
	case len(among) == 0:
		return "all packets"
	case len(beyond) > 0 && direction == Out:
		return fmt.Sprintf("what %s %s to %s", nodesWords(among), sends, NodesText(beyond))
	case len(beyond) > 0 && direction == In:
		return fmt.Sprintf("what %s %s sent by %s", nodesWords(among), are, NodesText(beyond))
	case len(beyond) > 0:
		return fmt.Sprintf("what goes between %s and %s", nodesWords(among), NodesText(beyond))
	case direction == Out:
		return fmt.Sprintf("what %s %s", nodesWords(among), sends)
	case direction == In:
		return fmt.Sprintf("what %s %s sent", nodesWords(among), are)
	}
	return fmt.Sprintf("what %s %s and %s sent", nodesWords(among), sends, are)
}

func nodesWords(ids []gossip.NodeID) string {
	switch len(ids) {
	case 0:
		return "all nodes"
	case 1:
		return "node " + NodesText(ids)
	}
	return "nodes " + NodesText(ids)
}

// percent writes a share without the noise of binary fractions.
func percent(share float64) string {
	return strconv.FormatFloat(float64(share*100), 'g', 6, 64) + " %"
}
