package protocol_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// command is one word a script may say. Its run writes what happened to the script's out.
type command struct {
	usage   string
	options []string // that it knows
	run     func(s *script, args []string, options map[string]string) error
}

// commands are all words of scripts. Options look like name=value and stand anywhere after the word.
var commands = map[string]command{
	"set":       {"set NAME=VALUE …: settings of the protocol, before there are nodes", []string{anyOption}, (*script).set},
	"nodes":     {"nodes N ring|line|star|complete: the network", nil, (*script).shape},
	"edges":     {"edges A-B … [C …]: the network, edge by edge; a lone C has none", nil, (*script).edges},
	"peers":     {"peers A B,C|none: tell A, and only A, its peers", nil, (*script).tellPeers},
	"publish":   {"publish A TEXT [limit=L]: a person gives A a message", []string{"limit"}, (*script).publish},
	"deliver":   {"deliver B|A->B: what is on its way there arrives, oldest first", nil, (*script).deliver},
	"drop":      {"drop B|A->B: what is on its way there is lost", nil, (*script).drop},
	"duplicate": {"duplicate B|A->B: what is on its way there will arrive twice", nil, (*script).duplicate},
	"settle":    {"settle [quiet]: everything arrives in the order it was sent, and what that causes", nil, (*script).settle},
	"wake":      {"wake A: time passes until A's next alarm", nil, (*script).wake},
	"run":       {"run DURATION [quiet]: time passes; alarms ring, packets arrive at once", nil, (*script).pass},
	"crash":     {"crash A: from now on nothing arrives at A, and nobody is told", nil, (*script).crash},
	"inject": {"inject B from=A [kind=K] [limit=L] [hop=H] [messages=ID,…] [text=T] [ids=ID,…] [route=A,…]: B gets what no protocol sent",
		[]string{"from", "kind", "limit", "hop", "messages", "text", "ids", "route"}, (*script).inject},
	"inbox": {"inbox A: the messages A has", nil, (*script).inbox},
	"paths": {"paths A: the way of every copy A took", nil, (*script).paths},
	"count": {"count: packets, and how far each message came", nil, (*script).count},
}

const anyOption = "*"

// script is a network that a text drives.
type script struct {
	kind     protocol.Kind
	settings map[string]string
	world    *world
	quiet    bool
	out      []string // what was said about the command at hand
}

// do carries out one line and returns what there is to say about it. The error is of a line that
// makes no sense; what nodes refuse is no error.
func (s *script) do(line string) ([]string, error) {
	word, rest, _ := strings.Cut(line, " ")
	cmd, known := commands[word]
	if !known {
		return nil, fmt.Errorf("unknown command %q; there is %s", word, strings.Join(slices.Sorted(maps.Keys(commands)), ", "))
	}
	var args []string
	options := make(map[string]string)
	for _, field := range strings.Fields(rest) {
		if name, value, is := strings.Cut(field, "="); is {
			options[name] = value
		} else {
			args = append(args, field)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(cmd.options, name) && !slices.Contains(cmd.options, anyOption) {
			return nil, fmt.Errorf("unknown option %q; usage: %s", name, cmd.usage)
		}
	}
	switch makes := word == "set" || word == "nodes" || word == "edges"; {
	case makes && s.world != nil:
		return nil, fmt.Errorf("%s comes too late: there is a network", word)
	case !makes && s.world == nil:
		return nil, fmt.Errorf("%s comes too early: there is no network", word)
	}
	s.out = nil
	if err := cmd.run(s, args, options); err != nil {
		return nil, fmt.Errorf("%w; usage: %s", err, cmd.usage)
	}
	if s.world != nil && s.world.err != nil {
		return nil, s.world.err
	}
	return s.out, nil
}

func (s *script) say(format string, args ...any) {
	if !s.quiet {
		s.out = append(s.out, fmt.Sprintf(format, args...))
	}
}

func (s *script) set(args []string, options map[string]string) error {
	if len(args) > 0 || len(options) == 0 {
		return errors.New("it takes settings")
	}
	s.settings = options
	_, err := s.kind.Values(options)
	return err
}

func (s *script) shape(args []string, _ map[string]string) error {
	if len(args) != 2 {
		return errors.New("it takes a number and a shape")
	}
	n, err := number(args[0])
	if err != nil {
		return err
	}
	g := make(graph)
	for a := gossip.NodeID(1); a <= n; a++ {
		g[a] = nil
	}
	for a := gossip.NodeID(1); a < n; a++ {
		switch args[1] {
		case "line", "ring":
			g.join(a, a+1)
		case "star":
			g.join(1, a+1)
		case "complete":
			for b := a + 1; b <= n; b++ {
				g.join(a, b)
			}
		default:
			return fmt.Errorf("there is no shape %q", args[1])
		}
	}
	if args[1] == "ring" && n > 2 {
		g.join(n, 1)
	}
	return s.build(g)
}

func (s *script) edges(args []string, _ map[string]string) error {
	if len(args) == 0 {
		return errors.New("it takes edges")
	}
	g := make(graph)
	for _, arg := range args {
		left, right, edge := strings.Cut(arg, "-")
		a, err := number(left)
		if err != nil {
			return err
		}
		if !edge {
			if _, there := g[a]; !there {
				g[a] = nil
			}
			continue
		}
		b, err := number(right)
		if err != nil {
			return err
		}
		g.join(a, b)
	}
	return s.build(g)
}

func (s *script) build(g graph) error {
	values, err := s.kind.Values(s.settings)
	if err != nil {
		return err
	}
	s.world = newWorld(g, func(id gossip.NodeID) gossip.Protocol {
		return s.kind.New(protocol.Environment{Self: id, Rand: protocol.Generator(1, id)}, values)
	}, s.tell)
	s.world.missed = func(f flight) { s.say("%s lost: %d is down", flightWords(f), f.to) }
	for _, id := range s.world.ids {
		s.say("%d knows %s", id, list(g[id], " "))
	}
	return nil
}

func (s *script) tellPeers(args []string, _ map[string]string) error {
	if len(args) != 2 {
		return errors.New("it takes a node and its peers")
	}
	id, err := s.node(args[0])
	if err != nil {
		return err
	}
	var peers []gossip.NodeID
	if args[1] != "none" {
		for _, arg := range strings.Split(args[1], ",") {
			peer, err := s.node(arg)
			if err != nil {
				return err
			}
			peers = append(peers, peer)
		}
	}
	slices.Sort(peers)
	s.say("%d knows %s", id, list(peers, " "))
	s.world.setPeers(id, peers)
	return nil
}

func (s *script) publish(args []string, options map[string]string) error {
	if len(args) != 2 {
		return errors.New("it takes a node and a text")
	}
	id, err := s.node(args[0])
	if err != nil {
		return err
	}
	limit, err := strconv.Atoi(or(options["limit"], "0"))
	if err != nil {
		return err
	}
	if _, err := s.world.publish(id, args[1], limit); err != nil {
		s.say("%d takes nothing: %v", id, err)
	}
	return nil
}

func (s *script) deliver(args []string, _ map[string]string) error {
	return s.each(args, func(f flight) error { return s.world.arrive(f) })
}

func (s *script) drop(args []string, _ map[string]string) error {
	return s.each(args, func(f flight) error {
		s.world.lost++
		s.say("%s lost", flightWords(f))
		return nil
	})
}

func (s *script) duplicate(args []string, _ map[string]string) error {
	return s.each(args, func(f flight) error {
		s.world.flights = append(s.world.flights, f, f)
		s.say("%s twice", flightWords(f))
		return nil
	})
}

// each takes the flights that args[0] means off the wire and does something with each.
func (s *script) each(args []string, do func(flight) error) error {
	if len(args) != 1 {
		return errors.New("it takes one way")
	}
	left, right, oneWay := strings.Cut(args[0], "->")
	var from gossip.NodeID
	if !oneWay {
		right = left
	} else if id, err := s.node(left); err != nil {
		return err
	} else {
		from = id
	}
	to, err := s.node(right)
	if err != nil {
		return err
	}
	meant := func(f flight) bool { return f.to == to && (!oneWay || f.from == from) }
	var taken []flight
	for _, f := range s.world.flights {
		if meant(f) {
			taken = append(taken, f)
		}
	}
	if len(taken) == 0 {
		return fmt.Errorf("nothing is on its way: %s", args[0])
	}
	s.world.flights = slices.DeleteFunc(s.world.flights, meant)
	for _, f := range taken {
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// settled is how many packets may be under way before a script is thought never to end.
const settled = 100_000

func (s *script) settle(args []string, _ map[string]string) error {
	return s.while(args, func() (bool, error) {
		next := s.world.nextFlight()
		if next < 0 {
			return false, nil
		}
		return true, s.world.arrive(s.world.take(next))
	})
}

func (s *script) pass(args []string, _ map[string]string) error {
	if len(args) == 0 {
		return errors.New("it takes a duration")
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	end := s.world.now.Add(d)
	err = s.while(args[1:], func() (bool, error) { return s.world.advance(end) })
	s.world.now = end
	return err
}

// while takes steps as long as there are any.
func (s *script) while(args []string, next func() (bool, error)) error {
	s.quiet = len(args) == 1 && args[0] == "quiet"
	defer func() { s.quiet = false }()
	if len(args) > 0 && !s.quiet {
		return fmt.Errorf("%q is not quiet", args)
	}
	for steps := 0; ; steps++ {
		more, err := next()
		if err != nil || !more {
			return err
		}
		if steps == settled {
			return fmt.Errorf("no end after %d steps", steps)
		}
	}
}

func (s *script) wake(args []string, _ map[string]string) error {
	id, err := s.only(args)
	if err != nil {
		return err
	}
	next := s.world.nextAlarm(id)
	if next < 0 {
		return fmt.Errorf("%d has no alarm", id)
	}
	s.world.ring(next)
	return nil
}

func (s *script) crash(args []string, _ map[string]string) error {
	id, err := s.only(args)
	if err == nil {
		s.world.down[id] = true
	}
	return err
}

// only returns the one node a command is about.
func (s *script) only(args []string) (gossip.NodeID, error) {
	if len(args) != 1 {
		return 0, errors.New("it takes one node")
	}
	return s.node(args[0])
}

// node reads the number of a node there is.
func (s *script) node(arg string) (gossip.NodeID, error) {
	id, err := number(arg)
	if err == nil && s.world.nodes[id] == nil {
		err = fmt.Errorf("there is no node %d", id)
	}
	return id, err
}

func number(arg string) (gossip.NodeID, error) {
	n, err := strconv.ParseInt(arg, 10, 31)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no node number", arg)
	}
	return gossip.NodeID(n), nil
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
