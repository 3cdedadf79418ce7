// Package scenarios holds the scenarios that gossipctl brings along, as run-scenario reads them.
package scenarios

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names are the names of all scenarios, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // they are in the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Text is the file of that name, and whether there is one.
func Text(name string) (string, bool) {
	if !slices.Contains(Names(), name) {
		return "", false
	}
	text, err := files.ReadFile(name + ".yaml")
	return string(text), err == nil
}
