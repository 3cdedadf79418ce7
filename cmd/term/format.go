package term

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"
)

// Format is the shape of a result; it is a flag value. The zero value is a table.
type Format string

// The formats. Wide is a table with more columns; name is one identifier a line, for scripts; csv is
// the wide table for spreadsheets, with the titles as keys.
const (
	FormatTable Format = "table"
	FormatWide  Format = "wide"
	FormatJSON  Format = "json"
	FormatYAML  Format = "yaml"
	FormatName  Format = "name"
	FormatCSV   Format = "csv"
)

// Formats returns the values --output takes.
func Formats() []string {
	return []string{string(FormatTable), string(FormatWide), string(FormatJSON), string(FormatYAML), string(FormatName), string(FormatCSV)}
}

// String returns the format as it is written after --output.
func (f *Format) String() string {
	if *f == "" {
		return string(FormatTable)
	}
	return string(*f)
}

// Set takes the format from a flag; the error is the user's mistake in a sentence.
func (f *Format) Set(text string) error {
	if !slices.Contains(Formats(), text) {
		return fmt.Errorf("%s is not an output format; use %s", quote(text), Or(Formats()))
	}
	*f = Format(text)
	return nil
}

// Type names the kind of value in the help text.
func (f *Format) Type() string { return "format" }

// Output is how a command shows its result.
type Output struct {
	Format    Format
	NoHeaders bool // leave out a table's titles
}

// AddFlags gives flags the -o, --output and --no-headers that every command with a result has.
func (o *Output) AddFlags(flags *pflag.FlagSet) {
	flags.VarP(&o.Format, "output", "o", "show the result as "+Or(Formats()))
	flags.BoolVar(&o.NoHeaders, "no-headers", false, "leave out the titles of a table")
}
