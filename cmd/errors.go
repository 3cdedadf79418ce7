package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// Exit statuses, as `gossipctl help exit-codes` explains them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitTimeout     = 4
	exitCheck       = 5
	exitConflict    = 6
	exitUnknown     = 7
	exitInterrupted = 130
)

// codeUnknown is of a verdict that cannot be given, because the evidence is incomplete.
const codeUnknown api.Code = "verdict_unknown"

// exits maps the codes of errors to exit statuses; every other code is exitFailed.
var exits = map[api.Code]int{
	api.CodeUsage:       exitUsage,
	api.CodeTooLarge:    exitUsage,
	api.CodeNotFound:    exitNotFound,
	api.CodeNotRunning:  exitNotFound,
	api.CodeTimeout:     exitTimeout,
	api.CodeCheckFailed: exitCheck,
	api.CodeConflict:    exitConflict,
	api.CodePortInUse:   exitConflict,
	api.CodeLocked:      exitConflict,
	codeUnknown:         exitUnknown,
	api.CodeInterrupted: exitInterrupted,
}

// finish is the one place where an error is told, and turned into an exit status.
func (a *app) finish(ctx context.Context, err error, args []string) int {
	if err == nil {
		return exitOK
	}
	var told *api.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled) && api.CodeOf(err) != api.CodeInterrupted:
		told = api.NewError(api.CodeInterrupted, "interrupted", "")
	case errors.As(err, &told):
	case errors.Is(err, context.DeadlineExceeded):
		told = api.NewError(api.CodeTimeout, fmt.Sprintf("not done within %s", a.timeout), "give it longer with --timeout")
	case isUsage(err):
		told = api.WrapError(api.CodeUsage, err, "run gossipctl --help")
	default:
		told = api.WrapError(api.CodeFailed, err, "")
	}
	if a.wantsJSON(args) && !a.shown {
		term.Print(a.Streams, term.Output{Format: term.FormatJSON}, map[string]*api.Error{"error": told}, nil)
	}
	text := a.ErrColor.Bad("Error: ")
	fmt.Fprintf(a.Err, "%s%s\n", text, lines(told.Message))
	if told.Hint != "" {
		fmt.Fprintf(a.Err, "%s\n", lines(told.Hint))
	}
	if status, known := exits[told.Code]; known {
		return status
	}
	return exitFailed
}

// lines escapes each line of a text by itself: errors may quote what a user or a peer wrote, and
// those about a config file show an excerpt of it.
func lines(text string) string {
	list := strings.Split(text, "\n")
	for i, line := range list {
		// A backslash in a message is most often from %q already.
		list[i] = strings.ReplaceAll(string(term.Escape(line)), `\\`, `\`)
	}
	return strings.Join(list, "\n")
}

// isUsage reports whether an error is cobra's own about the command line, which have no type.
func isUsage(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command ") || strings.HasPrefix(err.Error(), "if any flags in the group ")
}

// wantsJSON also works when the command line could not be parsed.
func (a *app) wantsJSON(args []string) bool {
	if a.out.Format == term.FormatJSON {
		return true
	}
	i := slices.IndexFunc(args, func(arg string) bool { return arg == "-o" || arg == "--output" })
	return i >= 0 && i+1 < len(args) && args[i+1] == "json" ||
		slices.ContainsFunc(args, func(arg string) bool { return arg == "-ojson" || arg == "-o=json" || arg == "--output=json" })
}

func exitCodes() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit statuses mean",
		Long: `Exit statuses of every command:

  0    done
  1    failed
  2    misused: unknown flag, bad value, impossible topology
  3    not found or not running: network, node, message
  4    timed out, or did not converge in time
  5    an assertion, a check or a verdict failed
  6    conflict: already running, port in use, another command holds the lock
  7    verdict unknown: the evidence is incomplete
  130  interrupted

With -o json an error is also printed on stdout:
  {"error":{"code":"port_in_use","message":"…","hint":"…"}}`,
	}
}
