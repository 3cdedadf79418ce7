package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	var r report
	for i := range 100 {
		r.calm = append(r.calm, time.Duration(100-i)*time.Millisecond)
		r.stopped = append(r.stopped, time.Duration(2*(100-i))*time.Millisecond)
	}
	var out strings.Builder
	if err := r.print(&out, options{neighbours: 10}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"all run", "100ms", "200ms", "ratio", "2.00"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if err := new(report).print(&out, options{}); err != nil {
		t.Error(err)
	}
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{{"x"}, {"--neighbours", "1"}, {"--rounds", "0"}, {"--messages", "1"}, {"--size", "-1"}, {"--nonsense"}} {
		var out, errs strings.Builder
		if code := run(context.Background(), args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%v: %d %s", args, code, errs.String())
		}
	}
	var out, errs strings.Builder
	if code := run(context.Background(), []string{"--gossipctl", "/nonexistent/gossipctl"}, &out, &errs); code != 1 {
		t.Errorf("%d %s", code, errs.String())
	}
}
