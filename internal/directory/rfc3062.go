package directory

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// rfc3062 is any other server with the Password Modify operation: what drafts and
// RFCs say holds, and no more. It writes the password alone.
type rfc3062 struct{}

func isRFC3062(root *ldap.Entry) bool { return lists(root, "supportedExtension", passwordModifyOID) }

func (rfc3062) defaults() defaults { return openLDAP{}.defaults() }

func (rfc3062) filter(userFilter, login string) (string, bool) {
	return loginFilter(userFilter, login), true
}

// accountAttributes are those of the password policy draft, and those that
// switch accounts off elsewhere.
func (rfc3062) accountAttributes() []string { return openLDAP{}.accountAttributes() }

func (rfc3062) id(entry *ldap.Entry) (ID, error) { return openLDAP{}.id(entry) }

func (rfc3062) account(entry *ldap.Entry, now time.Time) (account, error) {
	return openLDAP{}.account(entry, now)
}

func (rfc3062) idFilter(id ID) (string, error) { return openLDAP{}.idFilter(id) }

// A policy is read where one is named that looks like a pwdPolicy.
func (rfc3062) policyAttributes() []string { return openLDAP{}.policyAttributes() }

func (rfc3062) policy(entry *ldap.Entry, changeStamp string, now time.Time) (*PasswordPolicy, error) {
	return openLDAP{}.policy(entry, changeStamp, now)
}

func (rfc3062) signIn(policy int, err error) signIn { return signInByPolicy(policy, err) }

func (rfc3062) demands(root *ldap.Entry) error { return demandsPasswordModify(root) }

func (rfc3062) setPassword(l *ldap.Conn, w passwordWrite) error {
	return judge(modifyPassword(l, w.dn, "", w.password), w.password)
}

func (rfc3062) letsIn() bool { return true }

func (rfc3062) changePassword(l *ldap.Conn, w passwordWrite, old string, letIn bool) error {
	return openLDAP{}.changePassword(l, w, old, letIn)
}

func (rfc3062) permissions() []Permission {
	return []Permission{{Operation: Reset, Attribute: "userPassword", Change: "exop", Right: "write"}}
}

func (rfc3062) atOnce() bool { return false }

// errOtherServer is for operators.
var errOtherServer = errors.New("how this kind of directory does that is not known; only the password itself is written")

func (rfc3062) requireChange(*ldap.Conn, string, ID) error {
	return fmt.Errorf("%w: %w", ErrNotAllowed, errOtherServer)
}

func (rfc3062) unlock(*ldap.Conn, string, ID, []string) error {
	return fmt.Errorf("%w: %w", ErrNotAllowed, errOtherServer)
}

func (rfc3062) cautions(_, _ *ldap.Entry, c Config) []string {
	all := []string{"the directory is of a kind that is not known: whether an account is off or locked is told by the common attributes only, and an account is never unlocked without a reset"}
	if c.MustChange {
		all = append(all, "must_change has no effect on this kind of directory")
	}
	return all
}
