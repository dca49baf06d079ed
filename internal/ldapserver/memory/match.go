package memory

import (
	"slices"
	"strings"

	"latchkey/internal/ldapserver"
)

// truth is the three-valued logic of filters (RFC 4511 §4.5.1.7). Its values
// are in order, so that and is the least and or the greatest.
type truth int

const (
	isFalse truth = iota
	isUndefined
	isTrue
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// seen is what of an entry a client may look at.
type seen interface {
	// look returns the values of an attribute by its key, and false where the
	// client may not look or the attribute is not known.
	look(key string) ([]string, bool)
	// keys names the attributes that the client may look at.
	keys() []string
}

// match evaluates a filter.
func match(f *ldapserver.Filter, e seen) truth {
	switch f.Kind {
	case ldapserver.FilterAnd:
		result := isTrue
		for i := range f.Parts {
			result = min(result, match(&f.Parts[i], e))
			if result == isFalse {
				break
			}
		}
		return result
	case ldapserver.FilterOr:
		result := isFalse
		for i := range f.Parts {
			result = max(result, match(&f.Parts[i], e))
			if result == isTrue {
				break
			}
		}
		return result
	case ldapserver.FilterNot:
		return isTrue - match(&f.Parts[0], e)
	case ldapserver.FilterExtensible:
		return matchExtensible(f, e)
	}
	key := keyOf(f.Attribute)
	values, ok := e.look(key)
	if !ok {
		return isUndefined
	}
	if f.Kind == ldapserver.FilterPresent {
		return truthOf(len(values) > 0)
	}
	return matchValues(f, syntaxOf(baseOf(key)), values)
}

// matchValues compares the values of an attribute that is known.
func matchValues(f *ldapserver.Filter, s syntax, values []string) truth {
	if f.Kind == ldapserver.FilterSubstrings {
		if s == distinguishedName || s == number || s == timeStamp || s == class {
			return isUndefined
		}
		return truthOf(slices.ContainsFunc(values, func(v string) bool { return contains(f.Substrings, s, v) }))
	}
	wanted, ok := s.normal(f.Value)
	if !ok {
		return isUndefined
	}
	if s == class && (f.Kind == ldapserver.FilterEqual || f.Kind == ldapserver.FilterApprox) {
		return truthOf(slices.ContainsFunc(values, func(v string) bool { return descends(v, wanted) }))
	}
	return truthOf(slices.ContainsFunc(values, func(v string) bool {
		value, ok := s.normal(v)
		if !ok {
			return false
		}
		switch order := s.order(value, wanted); f.Kind {
		case ldapserver.FilterGreaterOrEqual:
			return order >= 0
		case ldapserver.FilterLessOrEqual:
			return order <= 0
		default:
			return order == 0
		}
	}))
}

// order compares two values in normal form.
func (s syntax) order(a, b string) int {
	if s != number {
		return strings.Compare(a, b)
	}
	negative := strings.HasPrefix(a, "-")
	if negative != strings.HasPrefix(b, "-") {
		if negative {
			return -1
		}
		return 1
	}
	order := len(a) - len(b)
	if order == 0 {
		order = strings.Compare(a, b)
	}
	if negative {
		return -order
	}
	return order
}

// contains looks for the substrings in their order.
func contains(s *ldapserver.Substrings, rule syntax, value string) bool {
	plain := func(text string) string { return text }
	if rule == caseIgnore {
		plain = strings.ToLower
	}
	rest, ok := strings.CutPrefix(plain(value), plain(s.Initial))
	if !ok {
		return false
	}
	for _, part := range s.Any {
		_, after, ok := strings.Cut(rest, plain(part))
		if !ok {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, plain(s.Final))
}

// matchExtensible knows the equality rules by name and number (RFC 4517 §4.2).
// Without an attribute all those of the rule's syntax are looked at.
func matchExtensible(f *ldapserver.Filter, e seen) truth {
	rule, known := ruleNamed(f.Rule)
	if f.Rule != "" && !known {
		return isUndefined
	}
	equal := *f
	equal.Kind = ldapserver.FilterEqual
	if f.Attribute == "" {
		result := isFalse
		for _, key := range e.keys() {
			if values, ok := e.look(key); ok && syntaxOf(baseOf(key)) == rule {
				result = max(result, matchValues(&equal, rule, values))
			}
		}
		return result
	}
	key := keyOf(f.Attribute)
	values, ok := e.look(key)
	if !ok {
		return isUndefined
	}
	if f.Rule == "" {
		rule = syntaxOf(baseOf(key))
	}
	if f.NameToo {
		values = slices.Concat(values, namesOf(e, key))
	}
	return matchValues(&equal, rule, values)
}

func ruleNamed(text string) (syntax, bool) {
	switch strings.ToLower(text) {
	case "caseignorematch", "2.5.13.2", "caseignoreia5match", "1.3.6.1.4.1.1466.109.114.2":
		return caseIgnore, true
	case "caseexactmatch", "2.5.13.5", "octetstringmatch", "2.5.13.17", "caseexactia5match", "1.3.6.1.4.1.1466.109.114.1":
		return octets, true
	case "distinguishednamematch", "2.5.13.1":
		return distinguishedName, true
	case "generalizedtimematch", "2.5.13.27":
		return timeStamp, true
	case "integermatch", "2.5.13.14":
		return number, true
	}
	return 0, false
}

// namesOf returns the values that the name of an entry has for an attribute.
func namesOf(e seen, key string) []string {
	dn, _ := e.look("entrydn")
	if len(dn) == 0 {
		return nil
	}
	n, err := parseName(dn[0])
	if err != nil {
		return nil
	}
	var values []string
	for _, r := range n.rdns {
		for _, p := range r.parts {
			if keyOf(p.attribute) == key {
				values = append(values, p.value)
			}
		}
	}
	return values
}
