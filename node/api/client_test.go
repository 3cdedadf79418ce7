package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gossipctl/gossip"
)

const token = "a-token-nobody-may-see"

// ask returns a client of a server that answers everything with handler.
func ask(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	shared := NewTransport()
	t.Cleanup(func() {
		shared.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return NewClient(shared, server.URL, "0123", token, "node 8")
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// hijack takes the connection of a request away from the server.
func hijack(w http.ResponseWriter) *net.TCPConn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	return conn.(*net.TCPConn)
}

// text makes a handler that answers with a status, a media type and a body.
func text(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// raw makes a handler that writes bytes to the connection and closes it.
func raw(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn := hijack(w)
		io.WriteString(conn, answer)
		conn.Close()
	}
}

// Whatever becomes of a request, the error says it in a sentence about the server, under a code that
// programs can rely on. Nothing of the request is told, least of all the token.
func TestWhatTheClientSaysOfFailures(t *testing.T) {
	const html = "<!DOCTYPE html><html><body>It works!</body></html>"
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		code    Code
		says    string
	}{
		"its own error":          {text(409, "application/json", `{"error":{"code":"conflict","message":"no","hint":"go"}}`), CodeConflict, "no"},
		"error without text":     {text(409, "application/json", `{"error":{"code":"conflict"}}`), CodeFailed, "node 8 answered 409"},
		"error that is null":     {text(409, "application/json", `{"error":null}`), CodeFailed, "node 8 answered 409"},
		"HTML error":             {text(500, "text/html", html), CodeFailed, "node 8 answered 500"},
		"HTML, and all is well":  {text(200, "text/html", html), CodeFailed, "node 8 gave an answer that makes no sense"},
		"empty error":            {text(502, "", ""), CodeFailed, "node 8 answered 502"},
		"empty answer":           {text(200, "application/json", ""), CodeFailed, "node 8 gave an answer that makes no sense"},
		"no content":             {text(204, "application/json", ""), CodeFailed, "node 8 answered 204"},
		"wrong type":             {text(200, "application/json", `{"published":"x"}`), CodeFailed, "node 8 gave an answer that makes no sense"},
		"redirect":               {http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, CodeFailed, "node 8 answered 302"},
		"redirect of a POST":     {http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP, CodeFailed, "node 8 answered 307"},
		"not modified":           {text(304, "", ""), CodeFailed, "node 8 answered 304"},
		"closed at once":         {raw(""), CodeNotRunning, "node 8 went away before it answered"},
		"cut in the header":      {raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), CodeNotRunning, "node 8 went away before it answered"},
		"header without a colon": {raw("HTTP/1.1 200 OK\r\nContent-"), CodeFailed, "asking node 8"},
		"cut in the body":        {raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"node\""), CodeNotRunning, "node 8 went away before it answered"},
		"cut in a chunk":         {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{\"node\""), CodeNotRunning, "node 8 went away before it answered"},
		"no HTTP":                {raw("SSH-2.0-OpenSSH_9.6\r\n"), CodeFailed, "asking node 8"},
		"reset": {func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w)
			conn.SetLinger(0)
			conn.Close()
		}, CodeNotRunning, "node 8 went away before it answered"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, c.handler).Stats(deadline(t))
			if CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s %q, want %s %q", CodeOf(err), err, c.code, c.says)
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("%q tells the token", err)
			}
		})
	}
}

func TestNobodyAtHome(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	client := NewClient(NewTransport(), "http://"+l.Addr().String(), "", token, "node 8")
	if _, err := client.Stats(deadline(t)); CodeOf(err) != CodeNotRunning || err.Error() != "node 8 is not running" {
		t.Errorf("%s %v", CodeOf(err), err)
	}
}

func TestTheClientGivesUp(t *testing.T) {
	over := make(chan struct{})
	arrived := make(chan struct{}, 3)
	client := ask(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		if r.Method == http.MethodPut { // stops in the middle of its answer instead of before it
			w.Write([]byte(`{"node":`))
			http.NewResponseController(w).Flush()
		}
		<-over
	})
	t.Cleanup(func() { close(over) })

	ctx, cancel := context.WithTimeout(deadline(t), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Stats(ctx); CodeOf(err) != CodeTimeout || err.Error() != "node 8 did not answer in time" {
		t.Errorf("%s %v", CodeOf(err), err)
	}
	why := NewError(CodeTimeout, "not done within 50 ms", "")
	ctx, cancel = context.WithTimeoutCause(deadline(t), 50*time.Millisecond, why)
	defer cancel()
	if err := client.SetPeers(ctx, nil); CodeOf(err) != CodeTimeout || err.Error() != "node 8 did not answer in time" {
		t.Errorf("%s %v", CodeOf(err), err)
	}
	<-arrived
	<-arrived
	ctx, stop := context.WithCancel(deadline(t))
	go func() { <-arrived; stop() }()
	if _, err := client.Stats(ctx); CodeOf(err) != CodeInterrupted {
		t.Errorf("%s %v", CodeOf(err), err)
	}
}

// A client goes where it is told and nowhere else. (Row 44.)
func TestTheClientTakesNoDetours(t *testing.T) {
	if proxy := NewTransport().Proxy; proxy != nil {
		t.Error("the environment could name a proxy")
	}
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		client := ask(t, http.RedirectHandler(elsewhere.URL, status).ServeHTTP)
		if _, err := client.Publish(deadline(t), PublishRequest{Batch: [][]byte{{1}}}); err == nil {
			t.Errorf("%d is taken for an answer", status)
		}
		if _, err := client.Stats(deadline(t)); err == nil {
			t.Errorf("%d is taken for an answer", status)
		}
	}
	if n := visits.Load(); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// endless answers with as much JSON as the client takes and says how many bytes that were.
func endless(taken chan<- int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte(" "), 64<<10)
		n := 0
		for {
			more, err := w.Write(chunk)
			if n += more; err != nil {
				taken <- n
				return
			}
		}
	}
}

// However much a server sends, a client keeps a bounded part of it, and of a stranger's word only
// very little: whoever holds a port that a network wants is asked who he is. (Rows 41, 42.)
func TestTheClientKeepsABoundedAnswer(t *testing.T) {
	const onTheWay = 16 << 20 // what the buffers of the system may hold
	taken := make(chan int, 1)
	client := ask(t, endless(taken))
	if _, err := client.Health(deadline(t)); err == nil || !strings.Contains(err.Error(), "node 8 gave an answer that makes no sense") {
		t.Errorf("%v", err)
	}
	if n := <-taken; n > maxHealth+onTheWay {
		t.Errorf("health took %d bytes", n)
	}
	if _, err := client.Stats(deadline(t)); err == nil || !strings.Contains(err.Error(), "node 8 gave an answer that makes no sense") {
		t.Errorf("%v", err)
	}
	if n := <-taken; n > maxAnswer+onTheWay {
		t.Errorf("stats took %d bytes", n)
	}
	client = ask(t, raw("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n{}"))
	if _, err := client.Stats(deadline(t)); CodeOf(err) != CodeNotRunning {
		t.Errorf("a huge declared length: %v", err)
	}
}

// Nothing is ever unpacked: a few kilobytes would become gigabytes. (Row 41.)
func TestTheClientUnpacksNothing(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write([]byte(`{"node":8,"links":[`))
	z.Write(bytes.Repeat([]byte(" "), 8<<20))
	z.Write([]byte(`]}`))
	z.Close()
	client := ask(t, func(w http.ResponseWriter, r *http.Request) {
		if accepted := r.Header.Get("Accept-Encoding"); accepted != "" {
			t.Errorf("the client asks for %q", accepted)
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	if _, err := client.Stats(deadline(t)); err == nil {
		t.Error("the answer was unpacked")
	}
}

// What a server says of messages is looked at before anybody relies on it.
func TestMessagesThatMakeNoSense(t *testing.T) {
	const when = `"sent":"2026-01-02T03:04:05Z","received":"2026-01-02T03:04:05Z"`
	good := func(number int) string {
		return fmt.Sprintf(`{"number":%d,"id":"1.1.%d","origin":1,%s,"arrivals":[{"path":[1,2]}]}`, number, number, when)
	}
	page := func(messages string, more bool) string {
		return fmt.Sprintf(`{"messages":[%s],"more":%v,"last":9}`, messages, more)
	}
	for name, answer := range map[string]string{
		"nothing":            page(`{}`, false),
		"no arrival":         page(`{"number":1,"id":"1.1.1","origin":1,`+when+`,"arrivals":[]}`, false),
		"no path":            page(`{"number":1,"id":"1.1.1","origin":1,`+when+`,"arrivals":[{}]}`, false),
		"one without a path": page(`{"number":1,"id":"1.1.1","origin":1,`+when+`,"arrivals":[{"path":[1]},{"path":null}]}`, false),
		"no ID":              page(`{"number":1,"id":"x","origin":1,`+when+`,"arrivals":[{"path":[1]}]}`, false),
		"twice":              page(good(1)+","+good(1), false),
		"backwards":          page(good(2)+","+good(1), false),
		"for ever":           page(good(1), true),
	} {
		t.Run(name, func(t *testing.T) {
			client := ask(t, text(200, "application/json", answer))
			if m, err := client.Read(deadline(t), ReadRequest{Status: "all"}); err == nil || !strings.Contains(err.Error(), "makes no sense") {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
	client := ask(t, text(200, "application/json", `{"id":"1.1.1","arrivals":[]}`))
	if m, err := client.Message(deadline(t), gossip.ID{Origin: 1, Run: 1, Seq: 1}, 0); err == nil {
		t.Errorf("%+v", m)
	}
	client = ask(t, text(200, "application/json", page(good(3)+","+good(7), false)))
	if m, err := client.Read(deadline(t), ReadRequest{Status: "all"}); err != nil || len(m) != 2 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	cause := errors.New("the disk is on fire")
	err := fmt.Errorf("saving: %w", WrapError(CodeFailed, cause, ""))
	if !errors.Is(err, cause) || CodeOf(err) != CodeFailed || CodeOf(cause) != CodeFailed {
		t.Errorf("%v", err)
	}
}
