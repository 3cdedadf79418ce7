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
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxRequest is the largest request body in bytes: a batch of messages, or the largest message as
// base64, with room to spare.
const MaxRequest = 1 << 20

// DecodeRequest reads the JSON object of a request into v, strictly: the right media type, one
// object and nothing behind it, no unknown field, none twice, none in other letter case, no text
// that is not UTF-8.
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

// DecodeStrict reads exactly one JSON object into the struct v points at. What it accepts has one
// meaning only, to every reader, and no byte of it was replaced by another.
func DecodeStrict(data []byte, v any) error {
	err := checkText(data)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		if err = checkNames(d, reflect.TypeOf(v).Elem()); err == nil && d.More() {
			err = errFollows
		}
	}
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		if err = d.Decode(v); err == nil {
			if _, end := d.Token(); end != io.EOF {
				err = errFollows
			}
		}
	}
	if err == nil {
		return nil
	}
	why := strings.TrimPrefix(err.Error(), "json: ")
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		why = fmt.Sprintf("field %q has the wrong type or is out of range (%.60s)", mismatch.Field, mismatch.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		why = "the JSON is cut short"
	}
	return NewError(CodeUsage, "not a valid request: "+why, "")
}

var (
	errNoObject = errors.New("it must be a JSON object")
	errFollows  = errors.New("something follows the JSON object")
	errNoUTF8   = errors.New("it is not UTF-8 text; bytes that are none go as base64")
	errHalf     = errors.New("an escape is half of a character (a surrogate without its other half)")
)

// checkText finds what the standard decoder would quietly put U+FFFD in the place of.
func checkText(data []byte) error {
	if !utf8.Valid(data) {
		return errNoUTF8
	}
	for {
		at := bytes.IndexByte(data, '\\')
		if at < 0 {
			return nil
		}
		unit, size := escaped(data[at:])
		data = data[at+size:]
		if utf16.IsSurrogate(unit) {
			other, size := escaped(data)
			if utf16.DecodeRune(unit, other) == utf8.RuneError {
				return errHalf
			}
			data = data[size:]
		}
	}
}

// escaped reads the escape that text begins with, if it does: the UTF-16 unit of one such as \u00e9,
// and of any other 0.
func escaped(text []byte) (unit rune, size int) {
	if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
		if v, err := strconv.ParseUint(string(text[2:6]), 16, 16); err == nil {
			return rune(v), 6
		}
	}
	return 0, min(2, len(text))
}

// checkNames looks at the names in the object that comes next, and in the objects within it. The
// standard decoder takes a name twice, and in any letter case; two readers of one request could then
// understand two different things.
func checkNames(d *json.Decoder, object reflect.Type) error {
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return errNoObject
	}
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return errors.New("malformed JSON")
		}
		name, _ := token.(string)
		field, known := fieldNamed(object, name)
		switch {
		case !known:
			return fmt.Errorf("unknown field %.60q", name)
		case seen[name]:
			return fmt.Errorf("field %q stands twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("field %q is malformed", name)
		}
		if err := checkInside(value, field); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// checkInside looks into an object, and into the objects of a list. What should be one and is none, the
// decoder refuses.
func checkInside(value json.RawMessage, list reflect.Type) error {
	if list.Kind() == reflect.Struct && value[0] == '{' {
		return checkNames(json.NewDecoder(bytes.NewReader(value)), list)
	}
	if list.Kind() != reflect.Slice || list.Elem().Kind() != reflect.Struct || value[0] != '[' {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(value))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		if err := checkNames(d, list.Elem()); err != nil {
			return err
		}
	}
	return nil
}

func fieldNamed(object reflect.Type, name string) (reflect.Type, bool) {
	for i := range object.NumField() {
		if tag, _, _ := strings.Cut(object.Field(i).Tag.Get("json"), ","); tag == name {
			return object.Field(i).Type, true
		}
	}
	return nil, false
}
