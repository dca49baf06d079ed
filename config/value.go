package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"latchkey/internal/setting"
)

// unknownError means that a path leads nowhere: its step number at is none of
// the known names.
type unknownError struct {
	at    int
	known []string
}

func (e *unknownError) Error() string { return "is unknown" }

// valueError means that a value cannot stand where it stands.
type valueError struct {
	problem, allowed string
}

func (e *valueError) Error() string { return e.problem }

// variable is a value from the environment: a text whose type its place says.
type variable string

// set puts a value at the place where a path leads. A nil value only makes
// sure that the place is there.
func set(target reflect.Value, p path, value any) error { return setAt(target, p, 0, value) }

func setAt(target reflect.Value, p path, depth int, value any) error {
	if depth == len(p) {
		if value == nil {
			return header(target)
		}
		return assign(target, value)
	}
	switch kind(target.Type()) {
	case ofTable:
		field, ok := fieldOf(target, p[depth])
		if !ok {
			return &unknownError{depth, keysOf(target)}
		}
		return setAt(field, p, depth+1, value)
	case ofTables:
		entry, err := entryOf(target, p[depth])
		if err != nil {
			return err
		}
		return setAt(entry, p, depth+1, value)
	case ofNames:
		name := reflect.ValueOf(p[depth]).Convert(target.Type().Key())
		entry := reflect.New(target.Type().Elem()).Elem()
		old := target.MapIndex(name)
		switch {
		case old.IsValid():
			entry.Set(old)
		case entry.Kind() != reflect.String: // a text may have any name
			return &unknownError{depth, keysOf(target)}
		}
		defer func() { target.SetMapIndex(name, entry) }()
		return setAt(entry, p, depth+1, value)
	}
	return &unknownError{at: depth}
}

// header judges the header of a table: it must lead to a table.
func header(target reflect.Value) error {
	switch kind(target.Type()) {
	case ofTable, ofNames:
		return nil
	case ofTables:
		return &valueError{"is written as one table", "a list of tables, each with a header in double brackets"}
	}
	return &valueError{"is written as a table", wanted(target.Type())}
}

// entryOf returns an entry of a [[table]], a new one if it is the next.
func entryOf(list reflect.Value, index string) (reflect.Value, error) {
	i, err := strconv.Atoi(index)
	if err != nil {
		return reflect.Value{}, &valueError{"is written as one table", "a list of tables, each with a header in double brackets"}
	}
	if i < 0 || i > list.Len() {
		return reflect.Value{}, &valueError{fmt.Sprintf("is entry %d", i), fmt.Sprintf("0 to %d, counted from 0 without gaps", list.Len())}
	}
	if i == list.Len() {
		list.Set(reflect.Append(list, newEntry(list.Type().Elem())))
	}
	return list.Index(i), nil
}

// kindOf is how a type stands in the file.
type kindOf int

const (
	ofValue  kindOf = iota
	ofTable         // [section]
	ofTables        // [[section]]
	ofNames         // [section.NAME], the names being those of the defaults, or any where texts are named
)

func kind(t reflect.Type) kindOf {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return ofValue
	case t.Kind() == reflect.Struct:
		return ofTable
	case t.Kind() == reflect.Slice && kind(t.Elem()) == ofTable:
		return ofTables
	case t.Kind() == reflect.Map:
		return ofNames
	}
	return ofValue
}

func fieldOf(table reflect.Value, key string) (reflect.Value, bool) {
	for field, value := range table.Fields() {
		if key != "" && field.Tag.Get("toml") == key {
			return value, true
		}
	}
	return reflect.Value{}, false
}

func keysOf(v reflect.Value) []string {
	var keys []string
	if v.Kind() == reflect.Map {
		for _, key := range v.MapKeys() {
			keys = append(keys, key.String())
		}
	} else {
		for field := range v.Fields() {
			if key := field.Tag.Get("toml"); key != "" {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// assign converts a value to the type of its place.
func assign(target reflect.Value, value any) error {
	if secret, ok := target.Addr().Interface().(*setting.Secret); ok {
		return assignSecret(secret, value)
	}
	text, isText := value.(string)
	if v, ok := value.(variable); ok {
		text, isText = string(v), true
		value = typed(target.Type(), text)
	}
	wrong := &valueError{"is " + describe(value), wanted(target.Type())}
	if u, ok := target.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if !isText {
			return wrong
		}
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return &valueError{"does not hold: " + err.Error(), wanted(target.Type())}
		}
		return nil
	}
	switch v := value.(type) {
	case string:
		if target.Kind() == reflect.String {
			target.SetString(v)
			return nil
		}
	case bool:
		if target.Kind() == reflect.Bool {
			target.SetBool(v)
			return nil
		}
	case int64:
		if target.CanInt() && !target.OverflowInt(v) {
			target.SetInt(v)
			return nil
		}
	case []any:
		if target.Kind() == reflect.Slice {
			return assignList(target, v)
		}
	}
	return wrong
}

func assignSecret(secret *setting.Secret, value any) error {
	v, ok := value.(variable)
	switch {
	case !ok:
		return &valueError{problem: "is written down: " + setting.ErrSecretInFile.Error()}
	case strings.TrimSpace(string(v)) == "":
		return &valueError{"is empty", "a secret that is not only space"}
	}
	*secret = setting.NewSecret(string(v))
	return nil
}

func assignList(target reflect.Value, values []any) error {
	list := reflect.MakeSlice(target.Type(), len(values), len(values))
	for i, value := range values {
		if err := assign(list.Index(i), value); err != nil {
			wrong := &valueError{problem: err.Error(), allowed: wanted(target.Type())}
			wrong.problem = fmt.Sprintf("has an entry (number %d) that %s", i+1, wrong.problem)
			return wrong
		}
	}
	target.Set(list)
	return nil
}

// typed reads a variable as its place needs it. A list is written as in the
// file; without brackets it is a list of one.
func typed(t reflect.Type, text string) any {
	isText := reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || t.Kind() == reflect.String
	if isText {
		return text
	}
	if t.Kind() == reflect.Slice && !strings.HasPrefix(text, "[") {
		return []any{text}
	}
	if statements, faults := read([]byte("x = " + text)); len(faults) == 0 && len(statements) == 1 {
		return statements[0].value
	}
	return text
}

func describe(value any) string {
	switch v := value.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64:
		return "a number"
	case []any:
		return "a list"
	case odd:
		return string(v)
	}
	return "a table"
}

func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[setting.Duration]():
		return `a duration such as "30s", "10m" or "24h"`
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()), t.Kind() == reflect.String:
		return "text in quotes"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice:
		return "a list of: " + wanted(t.Elem())
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "a table"
	}
	return "a whole number"
}
