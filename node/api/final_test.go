package api

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
)

// recorder is a Recording that notes what it is told.
type recorder struct {
	accepted []gossip.ID
	relays   int
	held     time.Duration
	wrote    int
	fail     error
}

func (r *recorder) Accepted(ids []gossip.ID, relays int) {
	r.accepted, r.relays = append(r.accepted, ids...), relays
}
func (r *recorder) Hold(d time.Duration) { r.held = d }
func (r *recorder) Final(write bool) (FinalAnswer, error) {
	if write {
		r.wrote++
	}
	return FinalAnswer{Node: 1, Run: 1, Sent: []LinkCount{}, Heard: []HeardCount{}}, r.fail
}

// recorded is a desk whose node records what happens.
type recorded struct {
	*desk
	r *recorder
}

func (d recorded) call(t testing.TB, path, body string) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h := Handler{Network: "test", Node: 1, Run: 1, Backend: d.desk, Refused: func() map[Code]uint64 { return nil }, Record: d.r}
	h.Routes().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestWhatIsAcceptedIsRecorded(t *testing.T) {
	r := new(recorder)
	d := recorded{newDesk(t, node.Config{Capacity: 3}), r}
	d.call(t, "/v1/messages", `{"body":"a","relays":4}`)
	if len(r.accepted) != 1 || r.relays != 4 || r.accepted[0] != (gossip.ID{Origin: 1, Run: 1, Seq: 1}) {
		t.Errorf("%+v", r)
	}
	// Of a batch that is refused in its middle, what came before it was accepted.
	d.call(t, "/v1/messages", `{"batch_base64":["eA==","eQ==","eg=="]}`)
	if len(r.accepted) != 3 {
		t.Errorf("%v", r.accepted)
	}
}

func TestFinal(t *testing.T) {
	plain := newDesk(t, node.Config{})
	if status, answer := plain.call(t, "POST", "/v1/final", `{}`, nil); status != 409 || !strings.Contains(answer, "does not record what happens") {
		t.Errorf("where nothing is recorded: %d %s", status, answer)
	}
	r := new(recorder)
	d := recorded{plain, r}
	if status, answer := d.call(t, "/v1/final", `{"hold_ns":1000,"write":true}`); status != 200 || r.held != 1000 || r.wrote != 1 || !strings.Contains(answer, `"sent":[]`) {
		t.Errorf("%d %s, %+v", status, answer, r)
	}
	for _, body := range []string{`{"hold_ns":-1}`, `{"hold_ns":10000000001}`, `{"colour":1}`, `null`, ``} {
		if status, answer := d.call(t, "/v1/final", body); status != 400 || r.wrote != 1 {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	if status, _ := plain.call(t, "GET", "/v1/final", ``, nil); status != 405 {
		t.Errorf("GET: %d", status)
	}
	r.fail = errors.New("no space left on device")
	if status, answer := d.call(t, "/v1/final", `{}`); status != 500 || !strings.Contains(answer, "no space") {
		t.Errorf("%d %s", status, answer)
	}
}
