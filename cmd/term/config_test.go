package term

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var someFlags = []string{"network", "num-nodes", "output", "set", "timeout"}

func TestConfigPath(t *testing.T) {
	for _, c := range []struct {
		name  string
		vars  map[string]string
		want  string
		named bool
	}{
		{"named", map[string]string{"GOSSIPCTL_CONFIG": "mine.yaml", "HOME": "/h"}, "mine.yaml", true},
		{"XDG", map[string]string{"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/gossipctl/config.yaml", false},
		{"relative XDG", map[string]string{"XDG_CONFIG_HOME": "x", "HOME": "/h"}, "/h/.config/gossipctl/config.yaml", false},
		{"home", map[string]string{"HOME": "/h"}, "/h/.config/gossipctl/config.yaml", false},
		{"homeless", nil, "", false},
	} {
		if got, named := ConfigPath(fakeEnv(c.vars)); got != c.want || named != c.named {
			t.Errorf("%s: %q named %t, want %q named %t", c.name, got, named, c.want, c.named)
		}
	}
}

func TestNoConfig(t *testing.T) {
	for name, vars := range map[string]map[string]string{
		"homeless":  nil,
		"no file":   {"XDG_CONFIG_HOME": t.TempDir()},
		"no folder": {"HOME": filepath.Join(t.TempDir(), "gone")},
	} {
		if got, err := ReadConfig(fakeEnv(vars), someFlags); err != nil || got.settings != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestConfigThatCannotBeRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	_, err := ReadConfig(fakeEnv(map[string]string{"GOSSIPCTL_CONFIG": missing}), someFlags)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "GOSSIPCTL_CONFIG") || !strings.Contains(err.Error(), missing) {
		t.Errorf("a file that was named and is missing: %v", err)
	}
	path, env := writeConfig(t, "", nil)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadConfig(env, someFlags); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a folder in its place: %v", err)
	}
}

func TestBadConfig(t *testing.T) {
	for _, c := range []struct {
		name, text string
		line       int
		want       string // the reason and the excerpt
	}{
		{"unknown", "network: lab\nnum_nodes: 5\n", 2, `there is no setting "num_nodes"; did you mean num-nodes?
    1 | network: lab
    2 | num_nodes: 5
      | ^`},
		{"unknown and unlike any", "colour: red\n", 1, `there is no setting "colour"; settings have the names of flags
    1 | colour: red
      | ^`},
		{"hostile", "\"\\u202e\\e[2J\": 1 # \u202e\n", 1, `there is no setting "\u202e\x1b[2J"; settings have the names of flags
    1 | "\\u202e\\e[2J": 1 # \u202e
      | ^`},
		{"twice", "network: a\n\"network\": b\n", 2, `"network" is set here and in line 1
    1 | network: a
    2 | "network": b
      | ^`},
		{"no value", "timeout:\nnetwork: a\n", 1, `"timeout" has no value
    1 | timeout:
      | ^`},
		{"nested too deep", "set:\n  - [1, 2]\n", 1, `"set" must be a plain value, a list of them, or pairs of them
    1 | set:
      | ^`},
		{"an alias", "network: &a lab\noutput: *a\n", 1, `"network" must be a plain value, a list of them, or pairs of them
    1 | network: &a lab
      | ^`},
		{"a tag", "network: !!str 5\n", 1, ""},
		{"merged", "<<: {network: a}\n", 1, ""},
		{"a list", "- network\n", 1, `a config file consists of lines such as num-nodes: 16
    1 | - network
      | ^`},
		{"a word", "network\n", 1, ""},
		{"two documents", "network: a\n---\noutput: json\n", 3, `this starts a second document; a config file is one, without --- between
    2 | ---
    3 | output: json
      | ^`},
		{"no YAML", "network: [a\noutput: json\n", 2, ""},
		{"a tab", "network:\n\tlab\n", 0, ""},
		{"bad indentation", "network: a\n  output: b\n", 0, ""},
	} {
		path, env := writeConfig(t, c.text, nil)
		_, err := ReadConfig(env, someFlags)
		var bad *ConfigError
		if !errors.As(err, &bad) {
			t.Errorf("%s: error is %v, want a ConfigError", c.name, err)
			continue
		}
		if bad.Path != path || c.line > 0 && bad.Line != c.line {
			t.Errorf("%s: it is about line %d of %s, want line %d", c.name, bad.Line, bad.Path, c.line)
		}
		if got := bad.Reason + "\n" + bad.Excerpt; c.want != "" && got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if bad.Line > 0 && !strings.Contains(err.Error(), bad.Excerpt) {
			t.Errorf("%s: %v lacks its excerpt", c.name, err)
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			checkHarmless(t, line)
		}
	}
}

func TestEmptyConfig(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# nothing yet\n", "---\n", "---\n# nothing\n", "\ufeff"} {
		_, env := writeConfig(t, text, nil)
		if got, err := ReadConfig(env, someFlags); err != nil || len(got.settings) > 0 {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestHugeConfig(t *testing.T) {
	_, env := writeConfig(t, "network: "+strings.Repeat("x", maxConfig), nil)
	if _, err := ReadConfig(env, someFlags); err == nil || !strings.Contains(err.Error(), "16 KiB") {
		t.Errorf("error is %v, want one about the size", err)
	}
	for _, deep := range []string{"[", "- ", "&a "} {
		_, env := writeConfig(t, "set: "+strings.Repeat(deep, maxConfig/len(deep)-5), nil)
		if _, err := ReadConfig(env, someFlags); err == nil {
			t.Errorf("%q thousands of levels deep is no error", deep)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"network: lab\nset: [a, b]\n", "set:\n- a\n- 'b'\n", "set: {k: 1}", "a: &b c\n<<: *b", "? x\n: y", "--- !!map\n{}",
		"network: |\n  a\n", "\tx", "network: \"\\x1b\"", "%YAML 1.2\n---\nnetwork: 1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		settings, err := parseSettings("config.yaml", text)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				checkHarmless(t, line)
			}
			return
		}
		for _, s := range settings {
			if s.line < 1 || !s.list && len(s.values) != 1 {
				t.Errorf("%q gave the setting %+v", text, s)
			}
		}
	})
}
