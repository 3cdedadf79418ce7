package limit

import (
	"net/http"
	"testing"
)

func TestServersAnswerUntilStopped(t *testing.T) {
	s, err := StartServers(bounded(t), programs.Serve, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	pids := s.PIDs()
	if len(pids) != 5 || s.Started <= 0 {
		t.Errorf("%d processes in %v; want 5", len(pids), s.Started)
	}
	for k := 1; k <= 5; k++ {
		took, err := Ask(bounded(t), programs.Ask, s.URL(k))
		if err != nil || took <= 0 {
			t.Errorf("copy %d: asked for %v, error %v", k, took, err)
		}
	}
	if _, err := s.Stop(); err != nil {
		t.Error(err)
	}
	wantGone(t, pids)
	if answer, err := http.Get(s.URL(1)); err == nil {
		answer.Body.Close()
		t.Error("a stopped server answered")
	}
	if _, err := Ask(bounded(t), programs.Ask, s.URL(1)); err == nil {
		t.Error("asking a stopped server went well")
	}
}

func TestStartServersFailsWhenACopyDoes(t *testing.T) {
	for _, program := range []string{"/nowhere/servelimit", programs.Ask} {
		if _, err := StartServers(bounded(t), program, 3, 1); err == nil {
			t.Errorf("%s was accepted for servelimit", program)
		}
	}
}
