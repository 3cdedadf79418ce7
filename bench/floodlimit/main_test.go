package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// talk starts a node as a program and returns what to say to it, what it says, and how it ended.
func talk(t *testing.T, id int) (say io.WriteCloser, hear *bufio.Scanner, ended chan error) {
	t.Helper()
	commands, say := io.Pipe()
	out, answers := io.Pipe()
	ended = make(chan error, 1)
	go func() {
		err := run([]string{"-id", fmt.Sprint(id)}, commands, answers)
		commands.Close()
		answers.Close()
		ended <- err
	}()
	t.Cleanup(func() { say.Close(); out.Close() })
	return say, bufio.NewScanner(out), ended
}

func line(t *testing.T, s *bufio.Scanner) string {
	t.Helper()
	if !s.Scan() {
		t.Fatal("the node said nothing more")
	}
	return s.Text()
}

// impostor joins a node as its peer 1 by hand.
func impostor(t *testing.T, greeting uint32) (conn net.Conn, say io.WriteCloser, hear *bufio.Scanner, ended chan error) {
	t.Helper()
	say, hear, ended = talk(t, 2)
	_, addr, _ := strings.Cut(line(t, hear), " ")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	binary.Write(conn, binary.LittleEndian, greeting)
	fmt.Fprintln(say, "peers 1=unused")
	return conn, say, hear, ended
}

func TestANodeByHand(t *testing.T) {
	conn, say, hear, ended := impostor(t, 1)
	if got := line(t, hear); got != "ready" {
		t.Fatalf("said %q; want ready", got)
	}
	fmt.Fprintln(say, "publish 2 3")
	want := appendFrame(appendFrame(nil, 2, 1, make([]byte, 3)), 2, 2, make([]byte, 3))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(want) {
		t.Errorf("wrote %x, error %v; want %x", got, err, want)
	}
	fmt.Fprintln(say, "report")
	if got := line(t, hear); !strings.HasPrefix(got, "report 2 2 0 ") {
		t.Errorf("said %q after publishing two", got)
	}
	say.Close()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v; closing the commands is the way to end it", err)
	}
}

func TestABrokenLinkIsReported(t *testing.T) {
	for name, junk := range map[string]string{"bad frame": strings.Repeat("\xff", 64), "end": ""} {
		t.Run(name, func(t *testing.T) {
			conn, say, hear, ended := impostor(t, 1)
			line(t, hear) // ready
			io.WriteString(conn, junk)
			conn.Close()
			for {
				if _, err := fmt.Fprintln(say, "report"); err != nil || !hear.Scan() {
					break
				}
			}
			if err := <-ended; err == nil || !strings.Contains(err.Error(), "node 1") {
				t.Errorf("ended with %v; want the link to node 1 named", err)
			}
		})
	}
}

func TestAStrangerIsRefused(t *testing.T) {
	_, _, _, ended := impostor(t, 9)
	if err := <-ended; err == nil {
		t.Error("a node that is no peer was let in")
	}
}

func TestWrongCommandsEndTheNode(t *testing.T) {
	for _, command := range []string{"dance", "publish", "publish x 1", "publish 1 y", "publish 0 1", "report now", "peers 5", "peers x=y", "peers 0=y"} {
		t.Run(command, func(t *testing.T) {
			say, hear, ended := talk(t, 2)
			line(t, hear) // listening
			fmt.Fprintln(say, command)
			if err := <-ended; err == nil {
				t.Error("ended without an error")
			}
		})
	}
}

func TestANodeNeedsANumber(t *testing.T) {
	for _, args := range [][]string{nil, {"-id", "0"}, {"-id", "65536"}, {"-id", "x"}} {
		if run(args, strings.NewReader(""), io.Discard) == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}
