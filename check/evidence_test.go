package check

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// A run with a node that is paused and one that was killed, each of which lacks what the others have.
const absent = `0 start
1.1 start
2.1 start
3.1 start
4.1 start
read 4.1
4.1 kill
pub 1.1.1
2.1 deliver 1.1.1
read 3.1
3.1 pause
1.1 link peer=2.1 sent=2 passed=2
1.1 link peer=3.1 sent=2 passed=2
1.1 link peer=4.1 sent=2 passed=2
2.1 heard peer=1.1 received=2
read 1.1 1.1.1
read 2.1 1.1.1
0 end count=3
`

// What depends on who lived cannot be told without the controller's log, however it is hurt.
func TestWithoutTheControllersLog(t *testing.T) {
	const name = EventsFolder + "/" + ControllerName
	cond := Conditions{Controlled: true}
	files := func() fstest.MapFS { return folder(t, cond, script(t, absent)) }
	if _, v, err := Folder(files()); err != nil || v.Valid != True {
		t.Fatalf("whole: %v %+v %q %v", v.Valid, v.Violations, v.Unknown, err)
	}
	lines := strings.SplitAfter(string(files()[name].Data), "\n")
	for what, log := range map[string]string{
		"missing": "none", "empty": "", "cut": lines[0], "cut later": lines[0] + lines[1], "no pause": lines[0] + lines[1] + lines[3],
		"no kill": lines[0] + lines[2] + lines[3], "a line twice": lines[0] + lines[1] + lines[1] + lines[2] + lines[3], "headless": lines[1] + lines[2] + lines[3],
		"damaged": lines[0] + "banana\n" + lines[3],
	} {
		run := files()
		if run[name].Data = []byte(log); log == "none" {
			delete(run, name)
		}
		_, v, err := Folder(run)
		if err != nil || v.Valid != Unknown || len(v.Violations) > 0 {
			t.Errorf("%s: %v %+v %q, %v", what, v.Valid, v.Violations, v.Unknown, err)
		}
	}
}

// numbered has every end line of the nodes say how many lines their log had, as nodes do, and that of the
// controller how many those that were read have.
func numbered(events []trace.Event) []trace.Event {
	lines := make(map[gossip.NodeID]uint64)
	read := make(map[gossip.NodeID]uint64)
	for i := range events {
		e := &events[i]
		id := e.Node
		if belongs(e, ownerControl) {
			id = 0
		}
		switch {
		case e.Kind != trace.End:
		case id == 0:
			sum := uint64(0)
			for _, n := range read {
				sum += n
			}
			e.Count, e.Counts = lines[0], map[string]uint64{trace.CountNodes: uint64(len(read)), trace.CountLines: sum}
		default:
			if e.Counts == nil {
				e.Counts = make(map[string]uint64)
			}
			e.Counts[trace.CountLines] = lines[id]
			read[id] = lines[id] + 1
		}
		lines[id]++
	}
	return events
}

// Any line that is missing of a log, or stands in it twice, is noticed: nothing is proved, nor is anything violated.
func TestMissingLinesAreNoticed(t *testing.T) {
	var cond Conditions
	files := func() fstest.MapFS { return folder(t, cond, numbered(run(3, 5, 30, &cond))) }
	whole := files()
	if _, v, err := Folder(whole); v.Valid != True || err != nil {
		t.Fatalf("%v %+v %q %v", v.Valid, v.Violations, v.Unknown, err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for name, file := range whole {
		if !strings.HasSuffix(name, ".ndjson") {
			continue
		}
		lines := slices.Collect(strings.Lines(string(file.Data)))
		kinds := make(map[string][]int)
		for i, line := range lines {
			_, rest, _ := strings.Cut(line, `"kind":"`)
			kind, _, _ := strings.Cut(rest, `"`)
			kinds[kind] = append(kinds[kind], i)
		}
		for kind, at := range kinds {
			hurt := func(how string, change func(lines []string, i int) []string) {
				one := files()
				one[name].Data = []byte(strings.Join(change(slices.Clone(lines), at[rng.IntN(len(at))]), ""))
				if _, v, err := Folder(one); v.Valid != Unknown || len(v.Violations) > 0 || err != nil {
					t.Errorf("%s, %s %s: %v %+v %q %v", name, kind, how, v.Valid, v.Violations, v.Unknown, err)
				}
			}
			hurt("deleted", func(lines []string, i int) []string { return slices.Delete(lines, i, i+1) })
			hurt("cut off with all that follows", func(lines []string, i int) []string { return lines[:i] })
			hurt("all deleted", func(lines []string, _ int) []string {
				return slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, `"kind":"`+kind+`"`) })
			})
		}
	}
}
