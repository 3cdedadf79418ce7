package live

import "gossipctl/gossip"

// alarms is a heap of what the node wants to be woken for, earliest first.
type alarms []gossip.Alarm

func (h *alarms) push(a gossip.Alarm) {
	*h = append(*h, a)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if !s[i].At.Before(s[up].At) {
			break
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
}

func (h *alarms) pop() gossip.Alarm {
	s := *h
	first := s[0]
	last := len(s) - 1
	s[0] = s[last]
	s = s[:last]
	for i := 0; ; {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(s) && s[child].At.Before(s[least].At) {
				least = child
			}
		}
		if least == i {
			break
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
	*h = s
	return first
}
