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
