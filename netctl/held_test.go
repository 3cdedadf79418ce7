package netctl

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
)

func TestAHeldPortRefusesAndBelongsToNobodyElse(t *testing.T) {
	// The port must be asked for by number, as those of nodes are: one the system chose is let go.
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.Addr().String()
	probe.Close()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var held heldPorts
	if _, err := held.share(7, l.(*net.TCPListener)); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("shared, but not listening: %v", err)
	}
	conn.Close()

	held.hold(7)
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a held port answers: %v", err)
	}
	if l, err := net.Listen("tcp", addr); err == nil {
		l.Close()
		t.Error("somebody else can listen on a held port")
	}
	_, port, _ := net.SplitHostPort(addr)
	if l, err := net.Listen("tcp", ":"+port); err == nil {
		l.Close()
		t.Error("somebody else can listen on a held port, on all addresses")
	}
	if p, _ := strconv.Atoi(port); p > 0 {
		held.free(7)
		l, err := bind(p)
		if err != nil {
			t.Fatalf("a port that was let go cannot be bound: %v", err)
		}
		l.Close()
	}
	held.hold(7) // of a node that is not there: nothing happens
	held.freeAll()
}

// A node that is started again listens where it did, also while what is left of old calls lingers, and
// as often as one likes.
func TestAHeldPortListensAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	var held heldPorts
	defer held.freeAll()
	socket, err := held.share(7, l.(*net.TCPListener))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		// A life of the node: it takes a call, and ends it first, so that the port has an old call left.
		node, err := net.FileListener(socket)
		if err != nil {
			t.Fatal(err)
		}
		call, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		taken, err := node.Accept()
		if err != nil {
			t.Fatal(err)
		}
		taken.Close()
		call.Close()
		node.Close()

		held.hold(7)
		if !held.holds(7) {
			t.Skip("this system does not hold ports")
		}
		if other, err := net.Listen("tcp", addr); err == nil {
			other.Close()
			t.Fatal("somebody else can listen while it is dead")
		}
		if socket, err = held.reopen(7); err != nil {
			t.Fatal(err)
		}
		if other, err := net.Listen("tcp", addr); err == nil {
			other.Close()
			t.Fatal("somebody else can listen as well")
		}
	}
	if _, err := held.reopen(8); err == nil {
		t.Error("a port that is not held was opened")
	}
}
