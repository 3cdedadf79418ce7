package transport

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"

	"gossipctl/gossip"
)

// Where nodes find each other, an address may be anybody's: of another network, or of no network at all. Before a
// node shows its token there, it has whoever listens prove that it knows the token too.
const (
	HealthPath      = "/v1/health"
	HeaderChallenge = "Gossip-Challenge" // from the caller, see Challenge
	HeaderProof     = "Gossip-Proof"     // the answer, see Prove
)

// challengeBytes are too many to be drawn twice.
const challengeBytes = 16

// Challenge draws what somebody is to prove itself by.
func Challenge() string {
	var b [challengeBytes]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// IsChallenge reports whether text is of the form that Challenge draws.
func IsChallenge(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == challengeBytes
}

// Prove answers a challenge as only a node with the network's token can: this number, listening at this address. It
// tells nothing of the token, and is good nowhere else: who passes a challenge on gets a proof for another address.
func Prove(token, network string, self gossip.NodeID, addr, challenge string) string {
	mac := hmac.New(sha256.New, []byte(token))
	fmt.Fprintf(mac, "gossip proof\n%s\n%d\n%s\n%s", network, self, addr, challenge)
	return hex.EncodeToString(mac.Sum(nil))
}

// Proves reports whether a proof is what Prove answers.
func Proves(proof, token, network string, self gossip.NodeID, addr, challenge string) bool {
	return hmac.Equal([]byte(proof), []byte(Prove(token, network, self, addr, challenge)))
}

// errStranger is what a node says of an address where somebody else listens.
type errStranger struct{ to Peer }

func (e errStranger) Error() string {
	return fmt.Sprintf("at %s does not listen node %d of this network", e.to.Addr, e.to.ID)
}

// vet makes sure who listens at the other end of a connection.
func (t *HTTP) vet(conn net.Conn, answers *bufio.Reader, to Peer) error {
	challenge := Challenge()
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s: %s\r\n%s: %s\r\n\r\n",
		HealthPath, to.Addr, HeaderNetwork, t.cfg.Network, HeaderChallenge, challenge)
	if err != nil {
		return err
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !Proves(resp.Header.Get(HeaderProof), t.cfg.Token, t.cfg.Network, to.ID, to.Addr, challenge) {
		return errStranger{to}
	}
	return nil
}
