// Servelimit is the smallest net/http program that starts the way a gossipctl node does: its
// listener comes bound as descriptor 3, and it writes one byte to descriptor 4 when it serves.
// `bench` times how long N copies take until all have said so, and how much memory they hold.
//
// It ends when stdin closes, so no copy outlives the harness, and on SIGTERM.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "servelimit:", err)
		os.Exit(1)
	}
}

func run() error {
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return fmt.Errorf("descriptor 3 has to be a bound listener: %w", err)
	}
	served := make(chan error, 1)
	go func() {
		served <- http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "[]\n")
		}))
	}()
	ready := os.NewFile(4, "ready")
	if _, err := ready.Write([]byte{1}); err != nil {
		return fmt.Errorf("descriptor 4 has to be a pipe: %w", err)
	}
	ready.Close()

	go func() {
		io.Copy(io.Discard, os.Stdin)
		served <- nil
	}()
	return <-served
}
