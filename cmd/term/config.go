package term

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxConfig bounds the config file, in bytes: ten times what all flags need. The parser takes time
// that grows with the square of the nesting: half a second for this many brackets, eight for 64 KiB.
const maxConfig = 16 << 10

// Config is what a config file says, by flag name. The zero value is a file that says nothing.
type Config struct {
	path     string
	settings map[string]setting
}

// setting is one line of the config file: a value, or the values of a flag that may be repeated.
type setting struct {
	name   string
	line   int // from 1
	values []string
	list   bool
}

func (s setting) source(path string) string { return fmt.Sprintf("%s:%d: %s", path, s.line, s.name) }

// ConfigError is a config file that cannot be used.
type ConfigError struct {
	Path    string
	Line    int    // from 1; 0 when it is not about a line
	Reason  string // what is wrong, and what to do, without a full stop
	Excerpt string // the lines round it with a mark below the place, escaped; may be empty
}

// Error is a sentence, with the excerpt in lines of their own below it.
func (e *ConfigError) Error() string {
	text := "config file " + e.Path
	if e.Line > 0 {
		text += fmt.Sprintf(", line %d", e.Line)
	}
	text += ": " + e.Reason
	if e.Excerpt != "" {
		text += "\n" + e.Excerpt
	}
	return text
}

// ConfigPath is where the config file is looked for: $GOSSIPCTL_CONFIG, and then it must exist
// (named is true), or gossipctl/config.yaml in $XDG_CONFIG_HOME or else ~/.config. The path is
// empty when there is no home either. A relative XDG_CONFIG_HOME is ignored, as its standard asks.
func ConfigPath(env Env) (path string, named bool) {
	if path := env.get(EnvName("config")); path != "" {
		return path, true
	}
	dir := env.get("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home := env.get("HOME")
		if home == "" {
			return "", false
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "gossipctl", "config.yaml"), false
}

// ReadConfig reads the config file: a YAML mapping from flag names to values. known are the names
// a setting may have, those of all commands; any other name is an error that offers the nearest
// ones. A file that is not there says nothing, unless the environment named it; nor does one in a
// folder we may not look into, which is what another user's HOME is after su or sudo.
//
// The error is a [*ConfigError], or one of the file system.
func ReadConfig(env Env, known []string) (Config, error) {
	path, named := ConfigPath(env)
	if path == "" {
		return Config{}, nil
	}
	if !named {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return Config{}, nil
		}
	}
	text, err := readBounded(path)
	if err != nil {
		if named {
			return Config{}, fmt.Errorf("read the config file that %s names: %w", EnvName("config"), err)
		}
		return Config{}, fmt.Errorf("read the config file: %w", err)
	}
	if len(text) > maxConfig {
		return Config{}, &ConfigError{Path: path, Reason: fmt.Sprintf("is larger than %s; this is not a config file", Bytes(maxConfig))}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // which some editors put first
	settings, err := parseSettings(path, text)
	if err != nil {
		return Config{}, err
	}
	c := Config{path: path, settings: make(map[string]setting, len(settings))}
	for _, s := range settings {
		if !slices.Contains(known, s.name) {
			return Config{}, s.unknown(path, text, known)
		}
		c.settings[s.name] = s
	}
	return c, nil
}

// readBounded reads at most one byte more than a config file may have.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfig+1))
}

func (s setting) unknown(path string, text []byte, known []string) error {
	reason := fmt.Sprintf("there is no setting %s; settings have the names of flags", quote(s.name))
	if near := Near(s.name, known); len(near) > 0 {
		reason = fmt.Sprintf("there is no setting %s; did you mean %s?", quote(s.name), Or(near))
	}
	return &ConfigError{Path: path, Line: s.line, Reason: reason, Excerpt: excerpt(text, s.line, 1)}
}

// excerpt shows a line of text, the one before it, and a mark below a column, both counted from 1.
func excerpt(text []byte, line, column int) string {
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	var out strings.Builder
	for n := max(1, line-1); n <= line; n++ {
		fmt.Fprintf(&out, "%5d | %s\n", n, Truncate(Escape(strings.TrimRight(lines[n-1], "\r")), defaultWidth-8))
	}
	before := []rune(lines[line-1])
	before = before[:min(len(before), max(0, column-1))]
	indent := min(Width(Escape(string(before))), defaultWidth-9)
	fmt.Fprintf(&out, "      | %s^", strings.Repeat(" ", indent))
	return out.String()
}
