package directory

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// NormalDN returns a form of a DN in which equal DNs are equal texts, as far as
// case and spacing go (RFC 4514; the attributes in use compare without case).
func NormalDN(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	return strings.ToLower(parsed.String())
}
