package netctl

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gossipctl/check"
	"gossipctl/node/api"
)

// packedRun is a run of nothing, as an archive.
func packedRun(t testing.TB, file string) check.Manifest {
	t.Helper()
	m := check.Manifest{FileVersion: 1, Version: "9.9", Seed: 42, Started: time.Unix(1_700_000_000, 0), Command: []string{"gossipctl", "start-network", "it's"}}
	run := fstest.MapFS{
		"run.json":                 {Data: []byte(`{"file_version":1}`)},
		"events/node-1.ndjson":     {Data: []byte(`{"kind":"stop","node":1,"run":1}` + "\n")},
		"events/deeper/x.ndjson":   {Data: []byte("deep")},
		"logs/node-1.log":          {Data: []byte("hello")},
		"secret":                   {Data: []byte("secret")},
		"events/controller.ndjson": {Data: nil},
	}
	if _, err := Pack(file, run, m, check.Verdict{Valid: check.True}, false); err != nil {
		t.Fatal(err)
	}
	return m
}

func contents(t testing.TB, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for archive := tar.NewReader(zip); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(archive)
		files[h.Name] = string(text)
	}
}

func TestPack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.tgz")
	m := packedRun(t, file)
	files := contents(t, file)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"README.txt", "events/controller.ndjson", "events/node-1.ndjson", "logs/node-1.log", "run.json", "verdict.json"}
	if !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	for _, part := range []string{`gossipctl start-network 'it'\''s'`, "gossipctl 9.9", "Verdict: valid", "The seed was 42"} {
		if !strings.Contains(files["README.txt"], part) {
			t.Errorf("README.txt does not say %q:\n%s", part, files["README.txt"])
		}
	}
	var told *api.Error
	if _, err := Pack(file, fstest.MapFS{}, m, check.Verdict{}, false); !errors.As(err, &told) || told.Code != api.CodeConflict {
		t.Errorf("over an old one: %v", err)
	}
	before, _ := os.ReadFile(file)
	if _, err := Pack(file, fstest.MapFS{}, m, check.Verdict{}, true); err == nil { // there is no run.json
		t.Error("nothing was packed")
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("a failure has damaged the old archive")
	}
	entries, _ := os.ReadDir(filepath.Dir(file))
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	again := filepath.Join(t.TempDir(), "again.tgz")
	packedRun(t, again)
	if other, _ := os.ReadFile(again); !bytes.Equal(before, other) {
		t.Error("the same run is packed into other bytes")
	}
}

func TestUnpack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.tgz")
	packedRun(t, file)
	t.Setenv("TMPDIR", t.TempDir())
	folder, err := Unpack(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	filepath.WalkDir(folder, func(path string, e os.DirEntry, _ error) error {
		if !e.IsDir() {
			name, _ := filepath.Rel(folder, path)
			found = append(found, name)
		}
		return nil
	})
	if want := []string{"events/controller.ndjson", "events/node-1.ndjson", "run.json"}; !slices.Equal(found, want) {
		t.Errorf("unpacked %v, want %v", found, want)
	}
}

// Whoever made an archive may mean harm.
func TestUnpackRefuses(t *testing.T) {
	good := func(a *tar.Writer) {
		a.WriteHeader(&tar.Header{Name: "run.json", Size: 2, Mode: 0o600, Typeflag: tar.TypeReg})
		a.Write([]byte("{}"))
	}
	for _, c := range []struct {
		name, about string
		write       func(a *tar.Writer)
	}{
		{"a path upwards", "which no run has", func(a *tar.Writer) {
			a.WriteHeader(&tar.Header{Name: "../run.json", Size: 0, Typeflag: tar.TypeReg})
		}},
		{"a path from the root", "which no run has", func(a *tar.Writer) {
			a.WriteHeader(&tar.Header{Name: "/events/x.ndjson", Size: 0, Typeflag: tar.TypeReg})
		}},
		{"a path that turns", "which no run has", func(a *tar.Writer) {
			a.WriteHeader(&tar.Header{Name: "events/../../x.ndjson", Size: 0, Typeflag: tar.TypeReg})
		}},
		{"a file twice", "two files", func(a *tar.Writer) { good(a); good(a) }},
		{"a bomb", "it unpacks to more than", func(a *tar.Writer) {
			a.WriteHeader(&tar.Header{Name: "events/x.ndjson", Size: 1 << 40, Typeflag: tar.TypeReg})
		}},
		{"a bomb that nobody asked for", "it unpacks to more than", func(a *tar.Writer) {
			a.WriteHeader(&tar.Header{Name: "logs/x.log", Size: 1 << 40, Typeflag: tar.TypeReg})
		}},
		{"a short one", "unexpected EOF", func(a *tar.Writer) {
			a.WriteHeader(&tar.Header{Name: "events/x.ndjson", Size: 100, Typeflag: tar.TypeReg})
		}},
	} {
		var data bytes.Buffer
		zip := gzip.NewWriter(&data)
		a := tar.NewWriter(zip)
		c.write(a)
		a.Flush()
		zip.Close()
		file := filepath.Join(t.TempDir(), "run.tgz")
		if err := os.WriteFile(file, data.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		into := t.TempDir()
		t.Setenv("TMPDIR", into)
		if folder, err := Unpack(t.Context(), file); err == nil || !strings.Contains(err.Error(), c.about) {
			t.Errorf("%s: unpacked to %q, %v", c.name, folder, err)
		}
		if left, _ := os.ReadDir(into); len(left) > 0 {
			t.Errorf("%s: %v is left", c.name, left)
		}
	}
	// A link is not followed, and not made.
	var data bytes.Buffer
	zip := gzip.NewWriter(&data)
	a := tar.NewWriter(zip)
	victim := filepath.Join(t.TempDir(), "victim")
	a.WriteHeader(&tar.Header{Name: "events/x.ndjson", Linkname: victim, Typeflag: tar.TypeSymlink})
	a.WriteHeader(&tar.Header{Name: "events/x.ndjson", Size: 1, Mode: 0o600, Typeflag: tar.TypeReg})
	a.Write([]byte("x"))
	a.Close()
	zip.Close()
	file := filepath.Join(t.TempDir(), "run.tgz")
	os.WriteFile(file, data.Bytes(), 0o600)
	folder, err := Unpack(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(filepath.Join(folder, "events", "x.ndjson")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := os.Lstat(victim); !errors.Is(err, os.ErrNotExist) {
		t.Error("a link was followed")
	}
}

func FuzzUnpack(f *testing.F) {
	file := filepath.Join(f.TempDir(), "run.tgz")
	packedRun(f, file)
	data, _ := os.ReadFile(file)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := t.TempDir()
		root, err := os.OpenRoot(folder)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		root.Mkdir(check.EventsFolder, 0o700)
		if unpack(bytes.NewReader(data), root, 1<<20) == nil {
			check.Folder(root.FS())
		}
	})
}
