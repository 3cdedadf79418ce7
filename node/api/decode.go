package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
)

// MaxRequest is the largest request body in bytes: a batch of messages, or the largest message as
// base64, with room to spare.
const MaxRequest = 1 << 20

// DecodeRequest reads the JSON object of a request into v, strictly: the right media type, one
// object and nothing behind it, no unknown field, none twice, none in other letter case.
func DecodeRequest(w http.ResponseWriter, r *http.Request, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return NewError(CodeMediaType, "the request must have the Content-Type application/json", "")
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return NewError(CodeTooLarge, fmt.Sprintf("the request is larger than %d bytes", MaxRequest), "")
	case err != nil:
		return NewError(CodeUsage, "the request was cut short", "")
	}
	return DecodeStrict(data, v)
}

// DecodeStrict reads exactly one JSON object into the struct v points at.
func DecodeStrict(data []byte, v any) error {
	if err := checkKeys(data, fieldNames(v)); err != nil {
		return NewError(CodeUsage, "not a valid request: "+err.Error(), "")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return NewError(CodeUsage, "not a valid request: "+strings.TrimPrefix(err.Error(), "json: "), "")
	}
	if _, err := d.Token(); err != io.EOF {
		return NewError(CodeUsage, "not a valid request: something follows the JSON object", "")
	}
	return nil
}

// checkKeys looks at the keys of the outermost object. The standard decoder takes a key twice, and
// in any letter case; two readers of one request could then understand two different things.
func checkKeys(data []byte, known map[string]bool) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return errors.New("it must be a JSON object")
	}
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return errors.New("malformed JSON")
		}
		key, _ := token.(string)
		switch {
		case !known[key]:
			return fmt.Errorf("unknown field %q", key)
		case seen[key]:
			return fmt.Errorf("field %q stands twice", key)
		}
		seen[key] = true
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return fmt.Errorf("field %q is malformed", key)
		}
	}
	return nil
}

func fieldNames(v any) map[string]bool {
	names := make(map[string]bool)
	t := reflect.TypeOf(v).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}
