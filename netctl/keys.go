package netctl

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// keys are the tokens of one network, all derived from its one secret, so that only the secret
// needs keeping and none of them tells another.
type keys struct {
	control string // of the command line and the controller
	peer    string // of nodes among each other
	guest   string // of programs that are no nodes
}

func deriveKeys(secret []byte) (keys, error) {
	derive := func(label string) (string, error) {
		key, err := hkdf.Key(sha256.New, secret, nil, "gossipctl "+label+" token", 32)
		if err != nil {
			return "", fmt.Errorf("deriving the %s token: %w", label, err)
		}
		return hex.EncodeToString(key), nil
	}
	control, err := derive("control")
	if err != nil {
		return keys{}, err
	}
	peer, err := derive("peer")
	if err != nil {
		return keys{}, err
	}
	guest, err := derive("guest")
	if err != nil {
		return keys{}, err
	}
	return keys{control, peer, guest}, nil
}
