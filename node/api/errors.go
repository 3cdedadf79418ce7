package api

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Code says what sort of failure an error is. It is fixed: programs and exit statuses depend on it.
type Code string

// Codes of errors.
const (
	CodeFailed       Code = "failed"
	CodeUsage        Code = "usage"
	CodeTooLarge     Code = "too_large"
	CodeNotFound     Code = "not_found"
	CodeNotRunning   Code = "not_running"
	CodeTimeout      Code = "timeout"
	CodeCheckFailed  Code = "check_failed"
	CodeConflict     Code = "conflict"
	CodePortInUse    Code = "port_in_use"
	CodeLocked       Code = "locked"
	CodeInboxFull    Code = "inbox_full"
	CodeMapFull      Code = "map_full"
	CodeDiskFull     Code = "disk_full"
	CodeBusy         Code = "busy"
	CodeUnauthorized Code = "unauthorized"
	CodeForbidden    Code = "forbidden"
	CodeWrongNetwork Code = "wrong_network"
	CodeWrongHost    Code = "wrong_host"
	CodeMediaType    Code = "unsupported_media_type"
	CodeMethod       Code = "method_not_allowed"
	CodeDamaged      Code = "state_damaged"
	CodeUnsafe       Code = "unsafe"
	CodeInterrupted  Code = "interrupted"
)

// statuses maps the codes that travel over HTTP; the others are made at the caller's side.
var statuses = map[Code]int{
	CodeFailed:       http.StatusInternalServerError,
	CodeUsage:        http.StatusBadRequest,
	CodeTooLarge:     http.StatusRequestEntityTooLarge,
	CodeNotFound:     http.StatusNotFound,
	CodeNotRunning:   http.StatusGone,
	CodeTimeout:      http.StatusRequestTimeout,
	CodeConflict:     http.StatusConflict,
	CodePortInUse:    http.StatusConflict,
	CodeInboxFull:    http.StatusTooManyRequests,
	CodeMapFull:      http.StatusTooManyRequests,
	CodeDiskFull:     http.StatusInsufficientStorage,
	CodeBusy:         http.StatusServiceUnavailable,
	CodeUnauthorized: http.StatusUnauthorized,
	CodeForbidden:    http.StatusForbidden,
	CodeWrongNetwork: http.StatusForbidden,
	CodeWrongHost:    http.StatusMisdirectedRequest,
	CodeMediaType:    http.StatusUnsupportedMediaType,
	CodeMethod:       http.StatusMethodNotAllowed,
}

// Error is a failure told to a person: what failed and why in one sentence, and what to do next.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	cause   error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns what caused the error, where it was an error of this program.
func (e *Error) Unwrap() error { return e.cause }

// NewError makes an error without a cause.
func NewError(code Code, message, hint string) *Error {
	return &Error{Code: code, Message: message, Hint: hint}
}

// WrapError makes an error of another one, whose text becomes the message.
func WrapError(code Code, cause error, hint string) *Error {
	return &Error{Code: code, Message: cause.Error(), Hint: hint, cause: cause}
}

// CodeOf is the code of an error, or CodeFailed.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeFailed
}

type errorBody struct {
	Error *Error `json:"error"`
}

// WriteError answers a request with an error. Only errors made for people are told; any other is
// an internal one, and its text stays here.
func WriteError(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = NewError(CodeFailed, "internal error", "")
	}
	status, known := statuses[e.Code]
	if !known {
		status = http.StatusInternalServerError
	}
	write(w, status, errorBody{e})
}

// WriteJSON answers a request.
func WriteJSON(w http.ResponseWriter, answer any) { write(w, http.StatusOK, answer) }

func write(w http.ResponseWriter, status int, answer any) {
	data, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(data, '\n'))
}
