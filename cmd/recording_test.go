//go:build linux

package cmd_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An exported run is handed to others: no secret of the network is in it, and only its owner can read it.
func TestNothingSecretIsExported(t *testing.T) {
	b := newBox(t)
	b.start(3, "--record", "--log-level=debug")
	b.must(0, "", "send-message", "1", "banana")
	b.must(0, "", "wait-message", "1.1.1")
	file := filepath.Join(t.TempDir(), "run.tgz")
	b.must(0, "verdict: valid", "export-network", "--output", file)
	secret, control, peer := b.tokens()
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for archive := tar.NewReader(zip); ; files++ {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if found := canaries(secret, control, peer).in(text); found != "" {
			t.Errorf("%s tells %s", h.Name, found)
		}
		if strings.Contains(h.Name, "secret") || strings.Contains(h.Name, "state") || bytes.Contains(text, []byte(b.root())) {
			t.Errorf("%s is in it, or tells where the state folder is", h.Name)
		}
	}
	if files < 3+3+2*3 {
		t.Errorf("only %d files", files)
	}
}
