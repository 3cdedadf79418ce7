package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// guestDoc is the JSON of guest-token.
type guestDoc struct {
	Network string   `json:"network"`
	Token   string   `json:"token"`
	Peers   []string `json:"peers"` // base URLs of the nodes
}

func newGuestToken(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "guest-token",
		Short: "Print the token by which a program of yours joins",
		Long: `Print the token by which a program of your own, in any language, joins the network as a guest: it
tells nodes its gossip with POST /gossip/ and asks them with GET /peers/ whom else there is, and
they tell it theirs. See docs/http-api.md, and examples/guest for one in Python.

The token opens nothing else. It is new at every start of the network.`,
		Example:           "  gossipctl guest-token\n  gossipctl guest-token -o json",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			n, err := a.open()
			if err != nil {
				return err
			}
			doc := guestDoc{Network: n.Name(), Token: n.GuestToken(), Peers: []string{}}
			for _, id := range n.Present() {
				doc.Peers = append(doc.Peers, n.URL(id))
			}
			return a.print(doc, func(w io.Writer) { fmt.Fprintln(w, doc.Token) }, nil)
		},
	}
}
