package live

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// MinSecret is the least length of a network's secret in bytes: 128 bits, which nobody tries out.
const MinSecret = 16

// Tokens derives the bearer tokens of a network from its secret. Control opens the whole HTTP API of
// each of its nodes and is what clients of package node/api are given; peer opens no more than peers
// need. Neither tells the other, nor the secret, nor the tokens of a network with another name.
func Tokens(network string, secret []byte) (control, peer string, err error) {
	if len(secret) < MinSecret {
		return "", "", fmt.Errorf("the secret has %d bytes, at least %d are needed", len(secret), MinSecret)
	}
	derive := func(label string) (string, error) {
		key, err := hkdf.Key(sha256.New, secret, []byte(network), "gossipctl "+label+" token", sha256.Size)
		if err != nil {
			return "", fmt.Errorf("deriving the %s token: %w", label, err)
		}
		return hex.EncodeToString(key), nil
	}
	if control, err = derive("control"); err != nil {
		return "", "", err
	}
	if peer, err = derive("peer"); err != nil {
		return "", "", err
	}
	return control, peer, nil
}
