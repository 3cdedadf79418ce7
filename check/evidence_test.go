package check

import (
	"strings"
	"testing"
	"testing/fstest"
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
