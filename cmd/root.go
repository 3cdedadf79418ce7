package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// app is what every command shares: the streams, and the flags they all have.
type app struct {
	term.Streams
	env     term.Env
	out     term.Output
	color   term.ColorMode
	network string
	timeout time.Duration
	quiet   bool
	line    []string // the arguments
	shown   bool     // a result for programs: an error after it goes to stderr only
}

// Run runs one command line and returns its exit status.
func Run(ctx context.Context, args []string, streams term.Streams, env term.Env) int {
	out := &checked{Writer: streams.Out}
	streams.Out = out
	a := &app{Streams: streams, env: env, line: args}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Streams.Out)
	root.SetErr(a.Err)
	err := root.ExecuteContext(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("writing the result: %w", out.err)
	}
	return a.finish(ctx, err, args)
}

// checked remembers that something could not be written, wherever it was.
type checked struct {
	io.Writer
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

const groupNetwork, groupNodes, groupMessages, groupState, groupFaults, groupLab, groupHelp = "network", "nodes", "messages", "state", "faults", "laboratory", "help"

// root builds the tree of commands from one table.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "gossipctl",
		Version: version,
		Short:   "A laboratory for gossip protocols",
		Long: `gossipctl is a laboratory for gossip protocols. One command starts a network of real
node processes on this machine; others send messages through it, show who got
what, when and by which path, change it, draw it, and measure it.`,
		Example:       "  gossipctl start-network random 3\n  gossipctl send-message 8 banana\n  gossipctl get-messages 3 unread -p --time\n  gossipctl stop-network",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.network, "network", netctl.DefaultNetwork, "name of the network")
	flags.DurationVar(&a.timeout, "timeout", netctl.DefaultTimeout, "longest wait before giving up")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print results only, nothing on stderr")
	flags.Var(&a.color, "color", "when to use colours: "+strings.Join(term.ColorModes(), ", "))
	a.out.AddFlags(flags)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return a.misuse(c, term.BadFlag(err)) })
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return a.prepare(c) }
	cobra.EnableCommandSorting = false // the table below is in the order in which people need them

	for _, g := range []struct{ id, title string }{
		{groupNetwork, "Network"}, {groupNodes, "Node"}, {groupMessages, "Message"}, {groupState, "Shared state"}, {groupFaults, "Fault"}, {groupLab, "Laboratory"}, {groupHelp, "Help"},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title + " commands:"})
	}
	for _, row := range []struct {
		group string
		make  []func(*app) *cobra.Command
	}{
		{groupNetwork, []func(*app) *cobra.Command{newStartNetwork, newStopNetwork, newShowNetwork, newListNetworks, newPlotNetwork, newRewireNetwork, newExportNetwork, newGuestToken}},
		{groupNodes, []func(*app) *cobra.Command{newListNodes, newListPeers, newListMembers, newWaitMembers, newAddNode, newRunNode, newRemoveNode, newConnectNodes, newDisconnectNodes, newShowLogs}},
		{groupMessages, []func(*app) *cobra.Command{newSendMessage, newGetMessages, newTraceMessage, newWaitMessage}},
		{groupState, []func(*app) *cobra.Command{newSetValue, newDeleteValue, newGetValues, newWatchValues, newStartWorkload, newStopWorkload, newPauseWorkload, newResumeWorkload, newListWorkloads}},
		{groupFaults, []func(*app) *cobra.Command{newKillNode, newPauseNode, newResumeNode, newRestartNode, newSetFault, newListFaults, newClearFaults, newPartitionNetwork, newHealNetwork}},
		{groupLab, []func(*app) *cobra.Command{newListProtocols, newListTopologies, newListMemberships, newSimulate, newCompare, newBenchmarkNetwork, newCheckRun, newListScenarios, newRunScenario}},
		{groupHelp, []func(*app) *cobra.Command{newDoctor, newVersion}},
	} {
		for _, make := range row.make {
			c := make(a)
			c.GroupID = row.group
			c.DisableFlagsInUseLine = true
			root.AddCommand(c)
		}
	}
	root.AddCommand(exitCodes())
	root.SetHelpCommandGroupID(groupHelp)
	root.SetCompletionCommandGroupID(groupHelp)
	root.RegisterFlagCompletionFunc("network", completeNetworks)
	root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(term.Formats(), cobra.ShellCompDirectiveNoFileComp))
	root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions(term.ColorModes(), cobra.ShellCompDirectiveNoFileComp))
	return root
}

// Commands returns every command, in the order of the help text, for documents that list them.
func Commands() []*cobra.Command {
	a := &app{}
	return a.root().Commands()
}

// prepare fills in what the command line left open from environment and config file.
func (a *app) prepare(c *cobra.Command) error {
	file, err := term.ReadConfig(a.env, flagNames(c.Root()))
	if err != nil {
		return api.WrapError(api.CodeUsage, err, "")
	}
	if err := term.Apply(c.Flags(), a.env, file, "help", "version", "yes", "fix", "reconnect", "follow", "resume", "keep", "discard", "force", "for", "cut", "one-way", "name", "to", "delete", "register", "all", "everywhere", "wait", "check", "count", "list", "no-wait", "dead", "alive"); err != nil {
		return api.WrapError(api.CodeUsage, err, "")
	}
	if a.timeout <= 0 {
		return api.NewError(api.CodeUsage, "--timeout must be above 0", "")
	}
	a.Streams = a.Streams.WithColor(a.color, a.env)
	if a.quiet {
		a.Streams = a.Streams.Quiet()
	}
	return nil
}

// flagNames are the names of every flag of every command: what a config file may set.
func flagNames(root *cobra.Command) []string {
	var names []string
	add := func(f *pflag.Flag) { names = append(names, f.Name) }
	root.PersistentFlags().VisitAll(add)
	for _, c := range root.Commands() {
		c.Flags().VisitAll(add)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// misuse is the error about a command line that makes no sense.
func (a *app) misuse(c *cobra.Command, err error) error {
	return api.WrapError(api.CodeUsage, err, fmt.Sprintf("see %s --help", c.CommandPath()))
}

// args checks the number of arguments and says in words what is wanted.
func (a *app) args(least, most int, want string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return a.misuse(c, fmt.Errorf("%s needs %s", c.Name(), want))
		case len(args) > most:
			quote := ""
			if strings.Contains(want, "MESSAGE") {
				quote = " (quote a text with blanks)"
			}
			return a.misuse(c, fmt.Errorf("%q is too much%s: %s takes %s", args[most], quote, c.Name(), want))
		}
		return nil
	}
}

// limit bounds a command by --timeout.
func (a *app) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, a.timeout, api.NewError(api.CodeTimeout, fmt.Sprintf("not done within %s", a.timeout), "give it longer with --timeout"))
}

// open finds the network that --network names.
func (a *app) open() (*netctl.Network, error) { return netctl.Open("", a.network) }

// parseNode reads a node number.
func parseNode(text string) (gossip.NodeID, error) {
	v, err := strconv.ParseInt(text, 10, 32)
	if err != nil || v < 1 {
		return 0, api.NewError(api.CodeUsage, fmt.Sprintf("%q is not a node number: it must be a whole number from 1", text), "run gossipctl list-nodes")
	}
	return gossip.NodeID(v), nil
}

// parseNodes reads a set of node numbers: 3, 1-8, 1,4,9-12.
func parseNodes(text string) ([]gossip.NodeID, error) {
	var ids []gossip.NodeID
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := parseNode(first)
		if err != nil {
			return nil, err
		}
		b := a
		if isRange {
			if b, err = parseNode(last); err != nil {
				return nil, err
			}
		}
		if b < a || b-a > 10_000 {
			return nil, api.NewError(api.CodeUsage, fmt.Sprintf("%q is not a range of node numbers, such as 1-8", part), "")
		}
		for id := a; id <= b; id++ {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// note tells the person something beside the result.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.Err, format+"\n", args...)
}

// human reports whether the result is for a person to read, not for a program.
func (a *app) human() bool {
	return a.out.Format == "" || a.out.Format == term.FormatTable || a.out.Format == term.FormatWide
}

// print shows a result: doc for programs; for people, what text writes, or else the table.
func (a *app) print(doc any, text func(w io.Writer), table func(*term.Table)) error {
	if a.human() && text != nil {
		text(a.Out)
		return nil
	}
	a.shown = true
	return term.Print(a.Streams, a.out, doc, table)
}
