package live

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"gossipctl/gossip"

	"gopkg.in/natefinch/lumberjack.v2"
)

// Descriptors a node process is born with, and what the controller puts there.
const (
	FDListener = 3 + iota // the listener, already bound
	FDReady               // a pipe; the node writes one line and closes it when it serves
	FDLifeline            // a non-blocking pipe nobody writes to; its end means that the controller is gone
	FDConfig              // a pipe with the Config as JSON; secrets never stand in arguments or environment
)

// ReadyLine is what a node writes on FDReady; all nodes that are started together share that pipe.
const ReadyLine = "READY %d\n"

// maxConfig bounds the configuration: every peer of the largest network takes some 40 bytes.
const maxConfig = 4 << 20

// A log is rotated at 5 MB, three times, so that a node cannot fill a disk: 20 MB at most.
const (
	logMegabytes = 5
	logBackups   = 3
)

// Child makes this process a node: it takes over the descriptors it was born with, serves until it
// is told to end or its controller is gone, and returns. Protocol makes the node's protocol.
func Child(protocol func(Config) (gossip.Protocol, error)) error {
	// Everything is taken over at once and kept in variables that live as long as the process: a
	// descriptor nobody refers to is closed by the garbage collector.
	ready := os.NewFile(FDReady, "ready")
	lifeline := os.NewFile(FDLifeline, "lifeline")
	cfg, err := readConfig(os.NewFile(FDConfig, "config"))
	if err != nil {
		return err
	}
	listener, err := takeListener(os.NewFile(FDListener, "listener"))
	if err != nil {
		return err
	}
	defer listener.Close()
	file := &lumberjack.Logger{Filename: cfg.LogFile, MaxSize: logMegabytes, MaxBackups: logBackups}
	defer file.Close()
	log := slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: cfg.LogLevel})).With("node", cfg.ID)

	p, err := protocol(cfg)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(context.Background())
	// The signals are never given back: the process ends with the node, and hundreds of them end at once.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	s, err := newServer(cfg, p, listener.Addr(), log)
	if err != nil {
		end(nil)
		return err
	}

	var group sync.WaitGroup
	group.Go(func() {
		select {
		case s := <-signals:
			end(fmt.Errorf("told to end: %v", s))
		case <-ctx.Done():
		}
	})
	group.Go(func() {
		io.Copy(io.Discard, lifeline)
		end(errAbandoned)
	})
	defer group.Wait()
	defer lifeline.Close() // ends the read
	defer end(nil)         // ends the wait for a signal
	err = s.serve(ctx, listener, func() error {
		log.Info("started", "network", cfg.Network, "protocol", cfg.Protocol, "run", cfg.Run, "address", listener.Addr().String(), "pid", os.Getpid())
		if _, err := fmt.Fprintf(ready, ReadyLine, cfg.ID); err != nil {
			return fmt.Errorf("telling the controller: %w", err)
		}
		return ready.Close()
	})
	log.Info("ended", "because", context.Cause(ctx))
	return err
}

func readConfig(f *os.File) (Config, error) {
	defer f.Close()
	var cfg Config
	data, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return cfg, fmt.Errorf("reading the configuration: %w", err)
	}
	if err := json.Unmarshal(data, &cfg); err != nil {
		return cfg, fmt.Errorf("reading the configuration: %w (a node is started by start-network, not by hand)", err)
	}
	return cfg, nil
}

func takeListener(f *os.File) (net.Listener, error) {
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("taking over the listener: %w", err)
	}
	return l, nil
}
