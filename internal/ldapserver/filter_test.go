package ldapserver

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeader(t *testing.T) {
	for raw, want := range map[string]int{"\x30\x00": 0, "\x30\x7f": 127, "\x30\x81\x80": 128, "\x30\x84\x00\x00\x00\x05": 5, "\x30\x88\x00\x00\x00\x00\x00\x00\x01\x00": 256} {
		if _, length, size, err := header([]byte(raw)); err != nil || length != want || size != len(raw) {
			t.Errorf("%x: length %d, size %d, %v", raw, length, size, err)
		}
	}
	for _, raw := range []string{
		"", "\x30", "\x30\x80", "\x30\x89\x00\x00\x00\x00\x00\x00\x00\x00\x01", "\x30\x82\x01", "\x3f\x01", "\x1f\x01\x00",
		"\x30\x84\x80\x00\x00\x00", "\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff", "\x30\x88\x01\x00\x00\x00\x00\x00\x00\x00", "\x30\xff",
	} {
		if _, length, _, err := header([]byte(raw)); !errors.Is(err, errMalformed) {
			t.Errorf("%x: length %d, %v", raw, length, err)
		}
	}
}

func TestParseFilter(t *testing.T) {
	for encoded, want := range map[string]Filter{
		"\x87\x03uid":                            {Kind: FilterPresent, Attribute: "uid"},
		"\xa0\x00":                               {Kind: FilterAnd},
		"\xa1\x00":                               {Kind: FilterOr},
		"\xa3\x08\x04\x03uid\x04\x01a":           {Kind: FilterEqual, Attribute: "uid", Value: "a"},
		"\xa3\x07\x04\x03uid\x04\x00":            {Kind: FilterEqual, Attribute: "uid"},
		"\xa5\x08\x04\x03uid\x04\x01a":           {Kind: FilterGreaterOrEqual, Attribute: "uid", Value: "a"},
		"\xa6\x08\x04\x03uid\x04\x01a":           {Kind: FilterLessOrEqual, Attribute: "uid", Value: "a"},
		"\xa8\x08\x04\x03uid\x04\x01a":           {Kind: FilterApprox, Attribute: "uid", Value: "a"},
		"\xa2\x05\x87\x03uid":                    {Kind: FilterNot, Parts: []Filter{{Kind: FilterPresent, Attribute: "uid"}}},
		"\xa9\x06\x82\x01a\x83\x01b":             {Kind: FilterExtensible, Attribute: "a", Value: "b"},
		"\xa9\x09\x81\x01r\x83\x01b\x84\x01\xff": {Kind: FilterExtensible, Rule: "r", Value: "b", NameToo: true},
		"\xa4\x11\x04\x01a\x30\x0c\x80\x01i\x81\x01x\x81\x01y\x82\x01f": {
			Kind: FilterSubstrings, Attribute: "a", Substrings: &Substrings{Initial: "i", Any: []string{"x", "y"}, Final: "f"},
		},
	} {
		got, err := ParseFilter(encoded)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%x: %+v, %v; want %+v", encoded, got, err, want)
		}
	}
	for name, encoded := range map[string]string{
		"nothing": "", "no attribute": "\x87\x00", "no attribute in an equality": "\xa3\x05\x04\x00\x04\x01a", "no value": "\xa3\x05\x04\x03uid",
		"a third part": "\xa3\x0b\x04\x03uid\x04\x01a\x04\x01b", "not of two": "\xa2\x0a\x87\x03uid\x87\x03uid", "not of none": "\xa2\x00",
		"something behind": "\x87\x03uid\x00", "a universal tag": "\x04\x03uid", "an unknown kind": "\xaa\x00", "present, but constructed": "\xa7\x03uid",
		"and, but primitive": "\x80\x00", "no substring": "\xa4\x05\x04\x01a\x30\x00", "an empty substring": "\xa4\x07\x04\x01a\x30\x02\x81\x00",
		"final before any": "\xa4\x0b\x04\x01a\x30\x06\x82\x01f\x81\x01x", "two initials": "\xa4\x0b\x04\x01a\x30\x06\x80\x01f\x80\x01x",
		"neither rule nor attribute": "\xa9\x03\x83\x01b", "cut off": "\xa3\x08\x04\x03uid\x04",
	} {
		if got, err := ParseFilter(encoded); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
