package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// word is what a node of memberlist tells on its standard output, one JSON object a line.
type word struct {
	Event string    `json:"event"` // up: it listens and has joined; join, leave: Node has, in its view
	Node  int       `json:"node"`
	Count int       `json:"count,omitempty"` // of up: members it knows, itself included
	At    time.Time `json:"at"`
}

// teller writes words. Events come from goroutines of memberlist's.
type teller struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func (t *teller) tell(event string, node, count int) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enc.Encode(word{Event: event, Node: node, Count: count, At: now}) // who reads it sees that it ends
}

func (t *teller) about(event string, n *memberlist.Node) {
	if id, err := strconv.Atoi(n.Name); err == nil {
		t.tell(event, id, 0)
	}
}

// NotifyJoin and NotifyLeave make it a memberlist.EventDelegate. Who is dead has left, to memberlist.
func (t *teller) NotifyJoin(n *memberlist.Node)  { t.about("join", n) }
func (t *teller) NotifyLeave(n *memberlist.Node) { t.about("leave", n) }
func (t *teller) NotifyUpdate(*memberlist.Node)  {}

// runNode is a process that is one node, with memberlist's LAN defaults: its number, its port, and the port of node 1.
// It ends when its standard input does, so that it never outlives who has started it.
func runNode(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var number [3]int
	if len(args) != len(number) {
		fmt.Fprintln(stderr, "memberlist: a node wants its number, its port and the port of node 1")
		return 2
	}
	for i, arg := range args {
		var err error
		if number[i], err = strconv.Atoi(arg); err != nil {
			fmt.Fprintln(stderr, "memberlist:", err)
			return 2
		}
	}
	t := &teller{enc: json.NewEncoder(stdout)}
	c := memberlist.DefaultLANConfig()
	c.Name = strconv.Itoa(number[0])
	c.BindAddr, c.AdvertiseAddr = "127.0.0.1", "127.0.0.1"
	c.BindPort, c.AdvertisePort = number[1], number[1]
	c.LogOutput, c.Events = io.Discard, t
	list, err := memberlist.Create(c)
	if err != nil {
		fmt.Fprintln(stderr, "memberlist:", err)
		return 1
	}
	if number[1] != number[2] {
		if _, err := list.Join([]string{fmt.Sprintf("127.0.0.1:%d", number[2])}); err != nil {
			fmt.Fprintln(stderr, "memberlist:", err)
			return 1
		}
	}
	t.tell("up", number[0], list.NumMembers())
	io.Copy(io.Discard, stdin) // until it ends, however
	if err := list.Shutdown(); err != nil {
		fmt.Fprintln(stderr, "memberlist:", err)
		return 1
	}
	return 0
}
