package term

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// maxDepth bounds how deep a document nests. Ours nest a handful of levels; a document that holds
// itself would never end.
const maxDepth = 100

// withoutNil returns a copy of doc in which every nil slice and map is an empty one, because a
// reader of JSON expects [] for a list and {} for a map, never null. The copy shares what holds no lists.
func withoutNil(doc any) (any, error) {
	if doc == nil {
		return nil, nil
	}
	v := copyOf(reflect.ValueOf(doc))
	if err := fill(v, 0); err != nil {
		return nil, err
	}
	return v.Interface(), nil
}

// copyOf returns a settable shallow copy.
func copyOf(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// fill replaces nil slices and maps within v, which is settable and ours; what v points to is not
// ours and is copied before it is changed.
func fill(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("the document nests more than %d levels deep", maxDepth)
	}
	if encodesItself(v.Type()) {
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return fillFields(v, depth)
	case reflect.Array:
		return fillItems(v, depth)
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			return nil
		}
		if scalar(v.Type().Elem()) {
			return nil
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		v.Set(c)
		return fillItems(v, depth)
	case reflect.Map:
		return fillMap(v, depth)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		c := copyOf(v.Elem())
		if err := fill(c, depth+1); err != nil {
			return err
		}
		if v.Kind() == reflect.Pointer {
			c = c.Addr()
		}
		v.Set(c)
	}
	return nil
}

func fillFields(v reflect.Value, depth int) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !v.Field(i).CanSet() && !(field.Anonymous && field.Type.Kind() == reflect.Struct) {
			continue // not exported, so not encoded
		}
		_, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if strings.Contains(options, "omitzero") && v.Field(i).IsZero() {
			continue // an empty list is not zero: it would appear
		}
		if err := fill(v.Field(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func fillItems(v reflect.Value, depth int) error {
	for i := range v.Len() {
		if err := fill(v.Index(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func fillMap(v reflect.Value, depth int) error {
	c := reflect.MakeMapWithSize(v.Type(), v.Len())
	for entries := v.MapRange(); entries.Next(); {
		value := copyOf(entries.Value())
		if err := fill(value, depth+1); err != nil {
			return err
		}
		c.SetMapIndex(entries.Key(), value)
	}
	v.Set(c)
	return nil
}

// scalar reports whether values of t hold no lists, so that they need no copy.
func scalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Array, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return false
	}
	return true
}

// encodesItself reports whether t decides about its own JSON.
func encodesItself(t reflect.Type) bool {
	for _, marshaler := range []reflect.Type{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()} {
		if t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) {
			return true
		}
	}
	return false
}
