package program_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gossipctl/bench/program"
)

func TestExitStatuses(t *testing.T) {
	over, end := context.WithCancel(t.Context())
	end()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		ctx            context.Context
		parse, measure error
		status         int
		says           string
	}{
		"measured":    {t.Context(), nil, nil, program.Measured, ""},
		"help":        {t.Context(), flag.ErrHelp, broken, program.Measured, ""},
		"misused":     {t.Context(), broken, nil, program.Misused, "try: broken\n"},
		"failed":      {t.Context(), nil, broken, program.Failed, "try: broken\n"},
		"interrupted": {over, nil, broken, program.Interrupted, "try: interrupted\n"},
	} {
		var errs strings.Builder
		status := program.Run(c.ctx, "try", &errs, func() error { return c.parse }, func(context.Context) error { return c.measure })
		if status != c.status || errs.String() != c.says {
			t.Errorf("%s: exit status %d, %q", name, status, errs.String())
		}
	}
}

func TestAsk(t *testing.T) {
	script := filepath.Join(t.TempDir(), "gossipctl")
	text := "#!/bin/sh\ncase $1 in\ngood) echo '{\"n\":7}' ;;\nslow) trap 'exit 130' INT; while :; do sleep 0.02; done ;;\nodd) echo hello ;;\n*) echo no such thing >&2; exit 2 ;;\nesac\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	g := program.Gossipctl{Path: script, LastWords: 10 * time.Second}
	var answer struct{ N int }
	if err := g.Ask(t.Context(), &answer, "good"); err != nil || answer.N != 7 {
		t.Errorf("%d, %v", answer.N, err)
	}
	if err := g.Ask(t.Context(), nil, "odd"); err != nil {
		t.Errorf("an answer that nobody wants: %v", err)
	}
	if err := g.Ask(t.Context(), &answer, "odd"); err == nil || !strings.Contains(err.Error(), "JSON") {
		t.Errorf("an answer that is no JSON: %v", err)
	}
	if err := g.Ask(t.Context(), nil, "bad"); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("a command that fails: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := g.Ask(ctx, nil, "slow"); err == nil {
		t.Error("a command that was interrupted has answered")
	}
}
