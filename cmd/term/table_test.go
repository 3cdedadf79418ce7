package term

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// laidOut returns what a table looks like.
func laidOut(t testing.TB, table *Table, o Output) string {
	t.Helper()
	var out bytes.Buffer
	if err := table.render(&out, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func nodesTable(level Level) *Table {
	var t Table
	t.Columns("node", "state", "base_port", "last message")
	t.Wide("pid", "id")
	t.NameBy("id")
	t.Row(level.RGB(31, 119, 180, "1"), level.Good("running"), 7001, "  banana ", 4711, "1.1.1")
	t.Row(level.RGB(255, 127, 14, "12"), level.Bad("dead: signal 9"), 7012, "two\nlines\x1b[31m", 4712, level.Faint("12.1.7"))
	t.Row(level.RGB(44, 160, 44, "3"), level.Warn("paused"), 7003, "你好", 4713, "3.1.1")
	t.Row(4, "", 7004, "", 4714, "")
	return &t
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		name  string
		level Level
		o     Output
		want  string
	}{
		{"plain", NoColor, Output{}, `
NODE  STATE           BASE_PORT  LAST MESSAGE
1     running         7001         banana
12    dead: signal 9  7012       two\nlines\x1b[31m
3     paused          7003       你好
4                     7004
`},
		{"wide", NoColor, Output{Format: FormatWide}, `
NODE  STATE           BASE_PORT  LAST MESSAGE        PID   ID
1     running         7001         banana            4711  1.1.1
12    dead: signal 9  7012       two\nlines\x1b[31m  4712  12.1.7
3     paused          7003       你好                4713  3.1.1
4                     7004                           4714
`},
		{"without titles", NoColor, Output{NoHeaders: true}, `
1   running         7001    banana
12  dead: signal 9  7012  two\nlines\x1b[31m
3   paused          7003  你好
4                   7004
`},
		{"names", TrueColor, Output{Format: FormatName}, "\n1.1.1\n12.1.7\n3.1.1\n\n"},
		{"256 colours", Color256, Output{Format: FormatWide}, `
NODE  STATE           BASE_PORT  LAST MESSAGE        PID   ID
ESC[38;5;31m1ESC[0m     ESC[32mrunningESC[0m         7001         banana            4711  1.1.1
ESC[38;5;208m12ESC[0m    ESC[31mdead: signal 9ESC[0m  7012       two\nlines\x1b[31m  4712  ESC[2m12.1.7ESC[0m
ESC[38;5;34m3ESC[0m     ESC[33mpausedESC[0m          7003       你好                4713  3.1.1
4                     7004                           4714
`},
		{"true colour", TrueColor, Output{}, `
NODE  STATE           BASE_PORT  LAST MESSAGE
ESC[38;2;31;119;180m1ESC[0m     ESC[32mrunningESC[0m         7001         banana
ESC[38;2;255;127;14m12ESC[0m    ESC[31mdead: signal 9ESC[0m  7012       two\nlines\x1b[31m
ESC[38;2;44;160;44m3ESC[0m     ESC[33mpausedESC[0m          7003       你好
4                     7004
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.ReplaceAll(laidOut(t, nodesTable(c.level), c.o), "\x1b", "ESC")
			if diff := cmp.Diff(c.want[1:], got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestTableWithoutRows(t *testing.T) {
	var table Table
	table.Columns("node")
	for _, name := range Formats() {
		want := ""
		if name == string(FormatCSV) {
			want = "node\n" // a program wants to know the columns in any case
		}
		if got := laidOut(t, &table, Output{Format: Format(name)}); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCSV(t *testing.T) {
	var table Table
	table.Columns("node", "last word")
	table.Wide("pid")
	table.Row(1, TrueColor.Good(Escape("a, \"b\"")), 77)
	table.Row(2, "\x1b[31m", 78)
	want := "node,last_word,pid\n1,\"a, \"\"b\"\"\",77\n2,\\x1b[31m,78\n"
	if got := laidOut(t, &table, Output{Format: FormatCSV}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := laidOut(t, &table, Output{Format: FormatCSV, NoHeaders: true}); got != want[len("node,last_word,pid\n"):] {
		t.Errorf("without headers %q", got)
	}
}

func TestNameOfAColumnThatIsNot(t *testing.T) {
	var table Table
	table.Columns("node")
	table.NameBy("id")
	table.Row(1)
	if err := table.render(&bytes.Buffer{}, Output{Format: FormatName}); err == nil {
		t.Error("no error")
	}
}

// naive lays a table out in the plainest way.
func naive(titles []string, rows [][]Safe) string {
	lines := [][]Safe{nil}
	for _, title := range titles {
		lines[0] = append(lines[0], Safe(strings.ToUpper(title)))
	}
	lines = append(lines, rows...)
	widths := make([]int, len(titles))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	var out strings.Builder
	for _, line := range lines {
		text := ""
		for i, cell := range line {
			text += string(cell) + strings.Repeat(" ", widths[i]-Width(cell)+2)
		}
		out.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	return out.String()
}

// FuzzTable compares the table with the naive one. A newline in the input starts a row, a tab a cell.
func FuzzTable(f *testing.F) {
	f.Add("1\trunning\tbanana\n2\t\t\n\t\t", true)
	f.Add(" \t日本\t❤\ufe0f\n\\\t\u202e\t\x1b[2J", false)
	f.Add("\n\n", true)
	f.Fuzz(func(t *testing.T, text string, painted bool) {
		// tablewriter measures rune by rune. Some rare marks are a column wide alone, and none on a
		// letter: a line with one of them may be a column off, and does no harm.
		shown, single := Escape(text), 0
		for _, r := range string(shown) {
			single += Width(Safe(string(r)))
		}
		if single != Width(shown) {
			t.Skip("it holds a mark of uncertain width")
		}
		const columns = 3
		var table Table
		titles := []string{"node", "s", "last message"}
		table.Columns(titles...)
		for line := range strings.SplitSeq(text, "\n") {
			cells := append(strings.Split(line, "\t"), make([]string, columns)...)[:columns]
			if painted {
				table.Row(cells[0], TrueColor.Bad(Escape(cells[1])), Color256.Strong(Escape(cells[2])))
			} else {
				table.Row(cells[0], cells[1], cells[2])
			}
		}
		if diff := cmp.Diff(naive(titles, table.rows), laidOut(t, &table, Output{})); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func BenchmarkTable(b *testing.B) {
	var table Table
	table.Columns("node", "state", "port", "url", "peers", "messages", "unread")
	for i := range 1000 {
		table.Row(i+1, Color256.Good("running"), 7001+i, "http://127.0.0.1:7001", "3, 9, 12", 0, 0)
	}
	for b.Loop() {
		laidOut(b, &table, Output{})
	}
}
