package directory

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// ErrReadOnly means that the server that the person was read from takes no
// writes. Nothing was written; reading the person again leads to another server
// where there is one. It is an [ErrUnavailable] too.
var ErrReadOnly = fmt.Errorf("%w: this server takes no writes", ErrUnavailable)

// readOnlyTime is for how long a server that refused a write for being a copy is
// the last to be written to. It is a preference: where there is no other, it is
// asked with each write.
const readOnlyTime = 5 * time.Minute

// readOnlyController is the capability of a read-only domain controller (MS-ADTS
// §3.1.1.3.4.3, LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID).
const readOnlyController = "1.2.840.113556.1.4.1920"

func isReadOnly(root *ldap.Entry) bool {
	return root != nil && lists(root, "supportedCapabilities", readOnlyController)
}

// refusesWrites reports whether a server refused a write for being a copy: with
// a referral to another one, which is not followed (RFC 4511 §4.1.10), or, where
// it knows of none, as unwilling. A policy has other words for a refusal.
func (a answer) refusesWrites() bool {
	return a.code == ldap.LDAPResultReferral || a.code == ldap.LDAPResultUnwillingToPerform && a.policy == noPolicyError
}

// heed keeps in mind what a write told of the server, and returns its error.
func (d *Directory) heed(s *server, err error) error {
	if errors.Is(err, ErrReadOnly) {
		if s.takesNoWrites(time.Now()) {
			d.logger.Warn("a server of the directory takes no writes; others are written to where there are any", "server", s.url, "error", err)
		}
	}
	return err
}
