package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "floodlimit:", err)
		os.Exit(1)
	}
}

// run serves one node until the commands end.
func run(args []string, commands io.Reader, answers io.Writer) error {
	flags := flag.NewFlagSet("floodlimit", flag.ContinueOnError)
	id := flags.Int("id", 0, "number of this node, 1 to 65535")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *id < 1 || *id > maxOrigin {
		return fmt.Errorf("-id is %d; it must lie between 1 and %d", *id, maxOrigin)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Fprintln(answers, "listening", listener.Addr())

	n := newNode(*id)
	defer n.close()
	lines := bufio.NewScanner(commands)
	for lines.Scan() {
		if err := n.obey(strings.Fields(lines.Text()), listener, answers); err != nil {
			return err
		}
	}
	return lines.Err()
}

// obey carries out one command line.
func (n *node) obey(words []string, listener net.Listener, answers io.Writer) error {
	switch {
	case len(words) == 0:
		return nil
	case words[0] == "peers":
		peers, err := parsePeers(words[1:])
		if err != nil {
			return err
		}
		if err := n.connect(peers, listener); err != nil {
			return err
		}
		fmt.Fprintln(answers, "ready")
		return nil
	case words[0] == "publish" && len(words) == 3:
		count, errCount := strconv.Atoi(words[1])
		size, errSize := strconv.Atoi(words[2])
		if err := errors.Join(errCount, errSize); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		return n.publish(count, size)
	case words[0] == "report" && len(words) == 1:
		r, err := n.report()
		if err != nil {
			return err
		}
		fmt.Fprintln(answers, "report", r.published, r.delivered, r.copies, r.started, r.last)
		return nil
	}
	return fmt.Errorf("cannot read the command %q", strings.Join(words, " "))
}

// parsePeers reads words of the form ID=ADDR.
func parsePeers(words []string) (map[int]string, error) {
	if len(words) > maxPeers {
		return nil, fmt.Errorf("%d peers; a node holds at most %d", len(words), maxPeers)
	}
	peers := make(map[int]string, len(words))
	for _, w := range words {
		name, addr, ok := strings.Cut(w, "=")
		id, err := strconv.Atoi(name)
		if !ok || err != nil || id < 1 || id > maxOrigin {
			return nil, fmt.Errorf("cannot read the peer %q; write ID=ADDR", w)
		}
		peers[id] = addr
	}
	return peers, nil
}
