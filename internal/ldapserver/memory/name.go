package memory

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// name is a distinguished name (RFC 4514). Names are equal when their keys are.
type name struct {
	// text is the name as it was written.
	text string
	key  string
	rdns []rdn
}

// rdn is one component: its texts, and its parts as attributes.
type rdn struct {
	text, key string
	parts     []part
}

type part struct{ attribute, value string }

// The bounds of a name.
const (
	maxRDNs  = 64
	maxParts = 16
)

// isRoot reports whether the name is empty.
func (n name) isRoot() bool { return len(n.rdns) == 0 }

// parent is the name above; the empty name is above all.
func (n name) parent() name {
	if len(n.rdns) <= 1 {
		return name{}
	}
	return nameOf(n.rdns[1:])
}

// within reports whether the name is another or below it.
func (n name) within(other name) bool {
	return other.isRoot() || n.key == other.key || strings.HasSuffix(n.key, ","+other.key)
}

func nameOf(rdns []rdn) name {
	texts, keys := make([]string, len(rdns)), make([]string, len(rdns))
	for i, r := range rdns {
		texts[i], keys[i] = r.text, r.key
	}
	return name{text: strings.Join(texts, ","), key: strings.Join(keys, ","), rdns: rdns}
}

// parseName reads the string form of a name.
func parseName(text string) (name, error) {
	if strings.TrimSpace(text) == "" {
		return name{}, nil
	}
	if !utf8.ValidString(text) {
		return name{}, ErrName
	}
	var rdns []rdn
	for _, component := range splitName(text, ",;") {
		if len(rdns) == maxRDNs {
			return name{}, ErrName
		}
		r, err := parseRDN(component)
		if err != nil {
			return name{}, err
		}
		rdns = append(rdns, r)
	}
	return nameOf(rdns), nil
}

func parseRDN(text string) (rdn, error) {
	var r rdn
	var texts, keys []string
	for _, assertion := range splitName(text, "+") {
		attribute, raw, ok := strings.Cut(assertion, "=")
		attribute = strings.TrimSpace(attribute)
		if !ok || !isDescription(attribute) || len(r.parts) == maxParts {
			return rdn{}, ErrName
		}
		value, err := unescape(trimSpaces(raw))
		if err != nil {
			return rdn{}, err
		}
		canonical := canonicalName(attribute)
		r.parts = append(r.parts, part{attribute: canonical, value: value})
		texts = append(texts, attribute+"="+escape(value))
		keys = append(keys, strings.ToLower(canonical)+"="+escape(fold(value)))
	}
	r.text = strings.Join(texts, "+")
	// The parts of one component have no order.
	if len(keys) > 1 {
		slices.Sort(keys)
	}
	r.key = strings.Join(keys, "+")
	return r, nil
}

// splitName splits at separators that are not escaped.
func splitName(text, separators string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.IndexByte(separators, text[i]) >= 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// trimSpaces takes spaces away that are not part of the value.
func trimSpaces(text string) string {
	text = strings.TrimLeft(text, " ")
	trimmed := strings.TrimRight(text, " ")
	escapes := len(trimmed) - len(strings.TrimRight(trimmed, `\`))
	if len(trimmed) < len(text) && escapes%2 == 1 {
		trimmed += " "
	}
	return trimmed
}

// unescape reads the value of RFC 4514 §2.4; the form #hex is refused.
func unescape(text string) (string, error) {
	if text == "" || text[0] == '#' {
		return "", ErrName
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		if i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			raw, _ := hex.DecodeString(text[i+1 : i+3])
			b.Write(raw)
			i += 2
			continue
		}
		if i+1 == len(text) {
			return "", ErrName
		}
		i++
		b.WriteByte(text[i])
	}
	if value := b.String(); utf8.ValidString(value) {
		return value, nil
	}
	return "", ErrName
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// escape writes a value so that it is read as the same.
func escape(value string) string {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		c := value[i]
		edge := i == 0 || i == len(value)-1
		switch {
		case strings.IndexByte(`,+"\<>;=`, c) >= 0, c == ' ' && edge, c == '#' && i == 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isDescription accepts an attribute type with options (RFC 4512 §2.5).
func isDescription(text string) bool {
	if text == "" || len(text) > 128 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && (i == 0 || c != '-' && c != '.' && c != ';' && c != '_') {
			return false
		}
	}
	return true
}
