package directory

import (
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// NormalDN returns a form of a DN in which equal DNs are equal texts, as far as
// case and spacing go (RFC 4514; the attributes in use compare without case).
func NormalDN(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	// The text of a DN has other letters than those of ASCII as their bytes, in
	// which case cannot be told any more.
	for _, rdn := range parsed.RDNs {
		for _, a := range rdn.Attributes {
			if utf8.ValidString(a.Value) {
				a.Value = strings.ToLower(a.Value)
			}
		}
	}
	return strings.ToLower(parsed.String())
}

// IsDN reports whether a text is the name of an entry (RFC 4514).
func IsDN(text string) bool {
	dn, err := ldap.ParseDN(text)
	return err == nil && len(dn.RDNs) > 0
}

// Within reports whether a DN is that of a subtree's top or of something below.
// What is no DN is within nothing.
func Within(dn, top string) bool {
	inner, err := ldap.ParseDN(NormalDN(dn))
	if err != nil {
		return false
	}
	outer, err := ldap.ParseDN(NormalDN(top))
	return err == nil && len(outer.RDNs) > 0 && (outer.Equal(inner) || outer.AncestorOf(inner))
}
