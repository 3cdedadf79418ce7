package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"

	"gossipctl/gossip"
	"gossipctl/transport"

	"github.com/go-resty/resty/v2"
)

// What a client reads of one answer, in bytes. A server that sends more is not one of ours.
const (
	// maxAnswer is room for the wiring of a network whose state file is as large as they get.
	maxAnswer = 32 << 20
	// maxHealth is less, because strangers are asked too: whoever holds a port one of ours wants.
	maxHealth = 4 << 10
)

// Client asks one server of a network: a node, or the controller.
type Client struct {
	rest *resty.Client
	name string // how errors call the server: "node 8"
}

// NewTransport returns what clients of one program share. It goes to the address it is given and
// nowhere else: no proxy, no compression a server could use as a bomb.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     10 * time.Second,
	}
}

// NewClient returns a client of the server at a base URL. Name is how errors call it.
func NewClient(shared *http.Transport, base, network, token, name string) *Client {
	rest := resty.NewWithClient(&http.Client{Transport: shared}).
		SetBaseURL(base).
		SetAuthToken(token).
		SetHeader(transport.HeaderNetwork, network).
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })).
		SetDoNotParseResponse(true). // resty would unpack what a server has compressed without being asked
		SetLogger(silent{})
	return &Client{rest: rest, name: name}
}

// Do sends a request and reads the answer into result. Errors carry a code: that of the server, or
// CodeNotRunning when nobody is there, or CodeTimeout when it did not answer in time.
func (c *Client) Do(ctx context.Context, method, path string, body, result any) error {
	return c.do(ctx, method, path, body, result, maxAnswer)
}

func (c *Client) do(ctx context.Context, method, path string, body, result any, limit int64) error {
	r := c.rest.R().SetContext(ctx)
	switch body := body.(type) {
	case nil:
	case []byte:
		r.SetHeader("Content-Type", batchType).SetBody(body)
	default:
		r.SetHeader("Content-Type", "application/json").SetBody(body)
	}
	resp, err := r.Execute(method, path)
	if err != nil {
		return c.explain(err)
	}
	defer resp.RawBody().Close()
	data, err := io.ReadAll(io.LimitReader(resp.RawBody(), limit+1))
	if err != nil {
		return c.explain(err)
	}
	if resp.StatusCode() != http.StatusOK {
		var failed errorBody
		if json.Unmarshal(data, &failed) != nil || failed.Error == nil || failed.Error.Message == "" {
			return NewError(CodeFailed, fmt.Sprintf("%s answered %.60s", c.name, resp.Status()), "")
		}
		return failed.Error
	}
	if int64(len(data)) > limit {
		return c.nonsense(fmt.Errorf("it has more than %d bytes", limit))
	}
	switch result := result.(type) {
	case nil:
		return nil
	case *[]byte: // an answer that is no JSON
		*result = data
		return nil
	}
	if err := json.Unmarshal(data, result); err != nil {
		return c.nonsense(err)
	}
	return nil
}

func (c *Client) nonsense(err error) error {
	return fmt.Errorf("%s gave an answer that makes no sense: %w", c.name, err)
}

func (c *Client) explain(err error) error {
	var timeout net.Error
	var told *Error // why the caller's time was over, in words of theirs
	switch {
	case errors.As(err, &told) && told.Code == CodeTimeout:
		return &Error{Code: CodeTimeout, Message: c.name + " did not answer in time", Hint: told.Hint, cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: CodeInterrupted, Message: "interrupted", cause: err}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{Code: CodeNotRunning, Message: c.name + " is not running", cause: err}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &Error{Code: CodeTimeout, Message: c.name + " did not answer in time", cause: err}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Code: CodeNotRunning, Message: c.name + " went away before it answered", cause: err}
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // without the URL, which says nothing to people
	}
	return fmt.Errorf("asking %s: %w", c.name, err)
}

// Publish gives the node messages.
func (c *Client) Publish(ctx context.Context, req PublishRequest) (PublishAnswer, error) {
	var out PublishAnswer
	if req.Batch != nil && req.Body == nil && req.BodyBase64 == nil {
		err := c.Do(ctx, http.MethodPost, "/v1/messages?relays="+strconv.Itoa(req.Relays), appendBatch(nil, req.Batch), &out)
		return out, err
	}
	err := c.Do(ctx, http.MethodPost, "/v1/messages", req, &out)
	return out, err
}

// Read lists everything in the inbox that the request asks for, page by page up to the newest
// message there is when it begins.
func (c *Client) Read(ctx context.Context, req ReadRequest) ([]Message, error) {
	all := []Message{}
	for {
		var page ReadAnswer
		if err := c.Do(ctx, http.MethodPost, "/v1/messages/read", req, &page); err != nil {
			return all, err
		}
		if err := checkMessages(page.Messages, req.After); err != nil {
			return all, c.nonsense(err)
		}
		all = append(all, page.Messages...)
		if req.Until == 0 {
			req.Until = page.Last
		}
		if !page.More || len(page.Messages) == 0 {
			return all, nil
		}
		req.After = page.Messages[len(page.Messages)-1].Number
	}
}

// checkMessages makes sure that messages can be relied on: each newer than the one before and than
// the number after, with a name, and with at least one way by which it came.
func checkMessages(messages []Message, after uint64) error {
	for _, m := range messages {
		if m.Number <= after {
			return fmt.Errorf("message number %d follows %d", m.Number, after)
		}
		after = m.Number
		if _, err := gossip.ParseID(m.ID); err != nil {
			return err
		}
		if len(m.Arrivals) == 0 || slices.ContainsFunc(m.Arrivals, func(a Arrival) bool { return len(a.Path) == 0 }) {
			return fmt.Errorf("message %s has come by no way", m.ID)
		}
	}
	return nil
}

// Message returns one message; wait is how long the node may wait for it.
func (c *Client) Message(ctx context.Context, id gossip.ID, wait time.Duration) (Message, error) {
	var out Message
	path := "/v1/messages/" + url.PathEscape(id.String()) + "?wait_ms=" + strconv.FormatInt(wait.Milliseconds(), 10)
	if err := c.Do(ctx, http.MethodGet, path, nil, &out); err != nil {
		return out, err
	}
	if err := checkMessages([]Message{out}, 0); err != nil {
		return out, c.nonsense(err)
	}
	return out, nil
}

// Inbox returns how full the inbox is; wait is how long the node may wait until last messages came.
func (c *Client) Inbox(ctx context.Context, last uint64, wait time.Duration) (Inbox, error) {
	var out Inbox
	err := c.Do(ctx, http.MethodGet, fmt.Sprintf("/v1/inbox?last=%d&wait_ms=%d", last, wait.Milliseconds()), nil, &out)
	return out, err
}

// Peers returns the node's peers.
func (c *Client) Peers(ctx context.Context) (PeersAnswer, error) {
	var out PeersAnswer
	err := c.Do(ctx, http.MethodGet, "/v1/peers", nil, &out)
	return out, err
}

// SetPeers replaces the node's peers.
func (c *Client) SetPeers(ctx context.Context, peers []Peer) error {
	return c.Do(ctx, http.MethodPut, "/v1/peers", PeersRequest{peers}, nil)
}

// Save has the node bring its whole inbox to disk.
func (c *Client) Save(ctx context.Context) (SaveAnswer, error) {
	var out SaveAnswer
	err := c.Do(ctx, http.MethodPost, "/v1/save", struct{}{}, &out)
	return out, err
}

// Stats returns the node's counters.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	var out Stats
	err := c.Do(ctx, http.MethodGet, "/v1/stats", nil, &out)
	return out, err
}

// Health asks who is at home.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var out Health
	err := c.do(ctx, http.MethodGet, transport.HealthPath, nil, &out, maxHealth)
	return out, err
}

// silent keeps resty from writing warnings to the terminal.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}
