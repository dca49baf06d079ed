package config

import (
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/setting"
)

// filledIn are the keys for which the example shows a value other than the
// default, because there is none that fits everyone.
var filledIn = []string{
	"sync[0].directory", "sync[0].email", "sync[0].mobile",
	"server.public_url", "directory[0].name", "directory[0].servers", "directory[0].base_dn", "directory[0].bind_dn",
	"directory[0].bind_password_file", "directory[0].default_policy_dn", "directory[0].group_base_dn",
	"policy[0].enabled", "keys.file",
	"mail.host", "mail.username", "mail.password_file", "mail.from",
}

// shown turns "# key = value" into the line itself.
var shown = regexp.MustCompile(`(?m)^# ([a-z_]+ = )`)

func TestExampleShowsEveryKeyWithItsDefault(t *testing.T) {
	whole := Defaults()
	l := newLoader("example.toml", whole)
	l.readFile(shown.ReplaceAll(Example(), []byte("$1")))
	for _, fault := range l.faults {
		t.Error(fault)
	}
	defaults := Defaults()
	for _, section := range []path{{"directory", "0"}, {"sync", "0"}, {"policy", "0"}} {
		if err := set(reflect.ValueOf(defaults).Elem(), section.with(), nil); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	eachKey(reflect.ValueOf(defaults).Elem(), nil, func(p path, want reflect.Value) {
		keys = append(keys, p.String())
		if _, ok := l.places[p.String()]; !ok {
			t.Errorf("the example does not show %s", p)
			return
		}
		got := at(reflect.ValueOf(whole).Elem(), p)
		same := cmp.Equal(want.Interface(), got.Interface()) || want.Kind() == reflect.Slice && want.Len()+got.Len() == 0
		if slices.Contains(filledIn, p.String()) == same {
			t.Errorf("the example shows %s = %v; the default is %v", p, got, want)
		}
	})
	for _, key := range filledIn {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is filled in and is no key", key)
		}
	}
}

// eachKey calls f for every key below a place, but for secrets.
func eachKey(v reflect.Value, p path, f func(path, reflect.Value)) {
	switch {
	case v.Type() == reflect.TypeFor[setting.Secret]():
	case kind(v.Type()) == ofTable:
		for field, value := range v.Fields() {
			if key := field.Tag.Get("toml"); key != "" {
				eachKey(value, p.with(key), f)
			}
		}
	case kind(v.Type()) == ofTables:
		for i := range v.Len() {
			eachKey(v.Index(i), p.with(decimal(i)), f)
		}
	case kind(v.Type()) == ofNames:
		for _, name := range v.MapKeys() {
			eachKey(v.MapIndex(name), p.with(name.String()), f)
		}
	default:
		f(p, v)
	}
}

// at returns the value at a path.
func at(v reflect.Value, p path) reflect.Value {
	for _, step := range p {
		switch kind(v.Type()) {
		case ofTable:
			v, _ = fieldOf(v, step)
		case ofTables:
			v, _ = entryOf(v, step)
		case ofNames:
			v = v.MapIndex(reflect.ValueOf(step))
		}
	}
	return v
}

func TestNearest(t *testing.T) {
	known := []string{"servers", "bind_dn", "base_dn", "name"}
	for name, want := range map[string]string{"server": "servers", "bnid_dn": "bind_dn", "nmae": "name", "colour": "", "": "", "NAME": ""} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
