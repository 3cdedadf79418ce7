package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/values"
)

// Changes are changes of a node's picture of all values, as its [Backend] keeps the newest of them.
type Changes struct {
	List   []Value // in the order in which they came
	Last   uint64  // number of the last of them, or of the last there was; numbers begin at 1 in every life of a node
	Missed uint64  // how many that were asked for are not kept any more
}

// valueOf is an entry as it is told.
func valueOf(e *values.Entry) Value {
	return Value{
		Owner: e.Owner, Run: e.Run, Key: e.Key, Value: append([]byte{}, e.Value...), Version: e.Version,
		Deleted: e.Deleted, Register: e.Register, Stamp: e.Stamp, Updated: e.Updated.UTC(), Received: e.Received.UTC(),
	}
}

// ChangeOf is a change of the picture as it is told: with all that the picture has of it, unless a newer change of
// the key has taken its place in the same step. Now is when that was.
func ChangeOf(n *node.Node, a *gossip.Applied, now time.Time) Value {
	run, version, _ := a.ID.Update()
	if v := n.Values(); v != nil {
		for _, e := range v.Entries(a.ID.Origin, a.Key, true) {
			if e.Run == run && e.Version == version {
				return valueOf(&e)
			}
		}
	}
	return Value{
		Owner: a.ID.Origin, Run: run, Key: a.Key, Value: append([]byte{}, a.Value...), Version: version,
		Deleted: a.Deleted, Received: now.UTC(),
	}
}

func valuesStatsOf(s values.Stats) ValuesStats {
	return ValuesStats{
		Owners: s.Owners, Keys: s.Keys, Bytes: s.Bytes,
		Applied: s.Applied, Reconciled: s.Reconciled, Ignored: s.Ignored, Refused: s.Refused,
	}
}

// CheckKey says what is wrong with the key of a value: it is 1 to [values.MaxKey] bytes of UTF-8 text without control
// characters, so that it can be typed.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("a key must not be empty")
	case len(key) > values.MaxKey:
		return fmt.Errorf("the key has %d bytes, and at most %d are possible", len(key), values.MaxKey)
	case !utf8.ValidString(key):
		return errors.New("the key is not UTF-8 text")
	case strings.ContainsFunc(key, unicode.IsControl):
		return errors.New("a key must not hold control characters")
	}
	return nil
}

// getValues tells a page of the node's picture of all values.
func (h *Handler) getValues(_ http.ResponseWriter, r *http.Request) (any, error) {
	owner, err := number(r, "owner")
	if err != nil {
		return nil, err
	}
	after, err := number(r, "after_owner")
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	all, key, afterKey := false, q.Get("key"), q.Get("after_key")
	if text := q.Get("all"); text != "" {
		if all, err = strconv.ParseBool(text); err != nil {
			return nil, NewError(CodeUsage, "all must be true or false", "")
		}
	}
	if owner > maxNodeID || after > maxNodeID {
		return nil, NewError(CodeUsage, "there is no node of such a number", "")
	}
	// The number is taken first: whoever watches from there is told of a change twice rather than not at all.
	out := ValuesAnswer{Node: h.Node, Run: h.Run, Version: h.Backend.Changed(), Values: []Value{}}
	err = node.ErrNoValues
	h.Backend.Step(func(_ time.Time, n *node.Node) node.Effects {
		v := n.Values()
		if v == nil {
			return node.Effects{}
		}
		err = nil
		entries := v.Entries(gossip.NodeID(owner), key, all)
		size := 0
		for i := range entries {
			e := &entries[i]
			if after > 0 && (e.Key < afterKey || e.Key == afterKey && uint64(e.Owner) <= after) {
				continue
			}
			if len(out.Values) > 0 && (len(out.Values) == pageMessages || size+len(e.Value) > pageBytes) {
				out.More = true
				break
			}
			size += len(e.Key) + len(e.Value)
			out.Values = append(out.Values, valueOf(e)) // copied here: the picture's own bytes are only lent
		}
		return node.Effects{}
	})
	if err != nil {
		return nil, h.valueError(err)
	}
	return out, nil
}

// maxNodeID is the largest number of a node.
const maxNodeID = 1<<31 - 1

// setValue changes the node's own map.
func (h *Handler) setValue(w http.ResponseWriter, r *http.Request) (any, error) {
	var req SetValueRequest
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	change, err := req.change()
	if err != nil {
		return nil, err
	}
	if err := h.Backend.Room(r.Context()); err != nil {
		return nil, NewError(CodeBusy, "the node's queues are full; the value was not set", "try again later")
	}
	var m gossip.Message
	h.Backend.Step(func(now time.Time, n *node.Node) (fx node.Effects) {
		m, fx, err = n.SetValue(now, change)
		return fx
	})
	if err != nil {
		return nil, h.valueError(err)
	}
	if err := h.Backend.Sync(r.Context()); err != nil {
		return nil, WrapError(CodeFailed, fmt.Errorf("%w; the value may have been set", err), "")
	}
	if h.Record != nil {
		h.Record.Accepted([]gossip.ID{m.ID}, 0)
	}
	_, version, _ := m.ID.Update()
	return SetValueAnswer{ID: m.ID.String(), Owner: h.Node, Key: req.Key, Version: version, Updated: m.Sent.UTC()}, nil
}

// change checks what is asked for.
func (req *SetValueRequest) change() (values.Change, error) {
	c := values.Change{Key: req.Key, Value: req.ValueBase64, Delete: req.Delete, Register: req.Register, TTL: req.TTL}
	ways := 0
	for _, is := range []bool{req.Value != nil, req.ValueBase64 != nil, req.Delete} {
		if is {
			ways++
		}
	}
	switch err := CheckKey(req.Key); {
	case err != nil:
		return c, WrapError(CodeUsage, err, "")
	case ways != 1:
		return c, NewError(CodeUsage, "give one of value, value_base64 and delete", "")
	case req.TTL < 0 || req.TTL > gossip.MaxHops:
		return c, NewError(CodeUsage, fmt.Sprintf("a TTL of %d is not possible: it must be from 1 to %d, or 0 for no limit", req.TTL, gossip.MaxHops), "")
	}
	if req.Value != nil {
		c.Value = []byte(*req.Value)
	}
	return c, nil
}

// valueError says why a value was not set, or not told.
func (h *Handler) valueError(err error) *Error {
	hint := ""
	code := CodeFailed
	switch {
	case errors.Is(err, node.ErrNoValues):
		return NewError(CodeNotFound, fmt.Sprintf("node %d keeps no values", h.Node), "")
	case errors.Is(err, node.ErrNotKept):
		return NewError(CodeDiskFull, fmt.Sprintf("the map of node %d cannot be kept: its disk is full", h.Node), "free some space on the disk of the state folder, and set it again")
	case errors.Is(err, values.ErrGone):
		return WrapError(CodeNotFound, err, "see what there is with gossipctl get-values")
	case errors.Is(err, values.ErrKey), errors.Is(err, values.ErrValue):
		code = CodeUsage
	case errors.Is(err, values.ErrFull):
		code, hint = CodeMapFull, "delete values that nobody needs; the room is free when the marks of those that are gone are forgotten"
	}
	return WrapError(code, fmt.Errorf("%w; the value was not set", err), hint)
}

// watch waits for changes of the values.
func (h *Handler) watch(_ http.ResponseWriter, r *http.Request) (any, error) {
	after, err := strconv.ParseUint(defaultTo(r.URL.Query().Get("after"), "0"), 10, 64)
	if err != nil {
		return nil, NewError(CodeUsage, "after must be a whole number", "")
	}
	wait := maxWait
	if r.URL.Query().Has("wait_ms") {
		ms, err := number(r, "wait_ms")
		if err != nil {
			return nil, err
		}
		wait = min(time.Duration(ms)*time.Millisecond, maxWait)
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	c := h.Backend.Changes(ctx, after)
	return WatchAnswer{Node: h.Node, Run: h.Run, Changes: append([]Value{}, c.List...), Last: c.Last, Missed: c.Missed}, nil
}

func defaultTo(text, value string) string {
	if text == "" {
		return value
	}
	return text
}

// SetValue changes a value of the node's own.
func (c *Client) SetValue(ctx context.Context, req SetValueRequest) (SetValueAnswer, error) {
	var out SetValueAnswer
	err := c.Do(ctx, http.MethodPost, "/v1/values", req, &out)
	return out, err
}

// ValuesQuery says which values are wanted. The zero value asks for all that are there.
type ValuesQuery struct {
	Owner gossip.NodeID // 0: of all
	Key   string        // empty: all
	All   bool          // those that are gone, and entries of a register that do not count, too
}

// Values returns the node's picture of all values, page by page. What changes meanwhile may or may not be in it;
// Version is of the first page, so whoever watches from there misses nothing.
func (c *Client) Values(ctx context.Context, q ValuesQuery) (ValuesAnswer, error) {
	all := ValuesAnswer{Values: []Value{}}
	ask := url.Values{"all": {strconv.FormatBool(q.All)}}
	if q.Owner > 0 {
		ask.Set("owner", strconv.Itoa(int(q.Owner)))
	}
	if q.Key != "" {
		ask.Set("key", q.Key)
	}
	for first := true; ; first = false {
		var page ValuesAnswer
		if err := c.Do(ctx, http.MethodGet, "/v1/values?"+ask.Encode(), nil, &page); err != nil {
			return all, err
		}
		if first {
			all.Node, all.Run, all.Version = page.Node, page.Run, page.Version
		}
		all.Values = append(all.Values, page.Values...)
		if err := checkValues(all.Values[max(0, len(all.Values)-len(page.Values)-1):]); err != nil {
			return all, c.nonsense(err)
		}
		if !page.More || len(page.Values) == 0 {
			return all, nil
		}
		last := page.Values[len(page.Values)-1]
		ask.Set("after_key", last.Key)
		ask.Set("after_owner", strconv.Itoa(int(last.Owner)))
	}
}

// checkValues makes sure that values can be relied on: in order, each with an owner, a version and a key.
func checkValues(list []Value) error {
	for i := range list {
		v := &list[i]
		if err := CheckKey(v.Key); err != nil {
			return err
		}
		if v.Owner < 1 || v.Version < 1 || v.Run < 1 {
			return fmt.Errorf("version %d of life %d of node %d is none", v.Version, v.Run, v.Owner)
		}
		if i > 0 && (v.Key < list[i-1].Key || v.Key == list[i-1].Key && v.Owner <= list[i-1].Owner) {
			return fmt.Errorf("key %.40q of node %d comes after key %.40q of node %d", v.Key, v.Owner, list[i-1].Key, list[i-1].Owner)
		}
	}
	return nil
}

// Watch returns the changes of the node's picture after the first after of this life, as soon as there is one, or
// none after wait, or after as long as a node waits at most, which is some seconds. A number that this life has not
// reached yet stands for 0: the node has begun a new one.
func (c *Client) Watch(ctx context.Context, after uint64, wait time.Duration) (WatchAnswer, error) {
	var out WatchAnswer
	path := fmt.Sprintf("/v1/values/watch?after=%d&wait_ms=%d", after, min(wait, maxWait).Milliseconds())
	if err := c.Do(ctx, http.MethodGet, path, nil, &out); err != nil {
		return out, err
	}
	if slices.ContainsFunc(out.Changes, func(v Value) bool { return CheckKey(v.Key) != nil || v.Owner < 1 }) {
		return out, c.nonsense(errors.New("one of the changes has no key or no owner"))
	}
	return out, nil
}
