package directory

import (
	"encoding/hex"
	"errors"
	"strings"
)

// errNotID does not quote the text: it may come from outside.
var errNotID = errors.New("not a permanent id in the form kind:hex")

const (
	maxKindLength = 64
	maxIDBytes    = 64
)

// ParseID reads what [ID.String] wrote, and nothing else: each id has one text.
func ParseID(text string) (ID, error) {
	kind, digits, ok := strings.Cut(text, ":")
	if !ok || !isAttributeName(kind) || digits == "" || len(digits) > 2*maxIDBytes || strings.ToLower(digits) != digits {
		return ID{}, errNotID
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return ID{}, errNotID
	}
	return ID{Kind: kind, Bytes: string(raw)}, nil
}

// isAttributeName accepts the short names of RFC 4512 §1.4.
func isAttributeName(name string) bool {
	if name == "" || len(name) > maxKindLength {
		return false
	}
	for i, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-') {
			return false
		}
	}
	return true
}
