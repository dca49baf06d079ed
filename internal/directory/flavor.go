package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// flavor is all that differs between kinds of directory servers.
type flavor interface {
	accountReader
	policyReader
	passwordWriter
	accountWriter
}

// accountReader reads an entry as a person.
type accountReader interface {
	// accountAttributes are those that account looks at.
	accountAttributes() []string
	// account reads the permanent id and the state; what it cannot read for
	// sure makes the account disabled.
	account(entry *ldap.Entry, now time.Time) (account, error)
	// idFilter finds the entry with an id.
	idFilter(id ID) (string, error)
}

// policyReader reads a password policy entry.
type policyReader interface {
	policyAttributes() []string
	policy(entry *ldap.Entry, changeStamp string, now time.Time) (*PasswordPolicy, error)
}

// passwordWriter makes the one write.
type passwordWriter interface {
	// demands tells from the root DSE whether the server can do what is needed.
	demands(root *ldap.Entry) error
	// setPassword returns nil or, where the server answered, one of the outcomes
	// of this package; any other error means that no answer came.
	setPassword(l *ldap.Conn, dn, password string) error
}

// accountWriter makes the small changes beside the password. Where the server
// answered, an error is one of the outcomes of this package.
type accountWriter interface {
	// permissions lists all that the flavor writes, without its name.
	permissions() []Permission
	// requireChange makes the person choose another password at the next sign-in.
	requireChange(l *ldap.Conn, dn string, id ID) error
	// waiveAge makes the next write pass a minimum age, and tells whether it
	// changed anything: if not, there is nothing to take back.
	waiveAge(l *ldap.Conn, dn string, id ID) (bool, error)
	// demandAge takes waiveAge back, unless the password changed since.
	demandAge(l *ldap.Conn, dn string, id ID, changeStamp string) error
	// unlock takes away a temporary lock with these values and no other.
	unlock(l *ldap.Conn, dn string, id ID, lock []string) error
}

// account is what a flavor reads of an entry.
type account struct {
	id          ID
	state       State
	changeStamp string
	policyDN    string
	// lock holds the values of a lock, lockedAt is when it began.
	lock     []string
	lockedAt time.Time
	// mustChange: the person already has to change the password.
	mustChange bool
}

// kind is one line a flavor.
type kind struct {
	name string
	// is recognizes the flavor by what the root DSE says of itself.
	is     func(root *ldap.Entry) bool
	flavor flavor
}

func kinds() []kind {
	return []kind{
		{"openldap", isOpenLDAP, openLDAP{}},
	}
}

// ErrFlavor means that a directory is of a kind that Latchkey does not know.
var ErrFlavor = errors.New("not a kind of directory that is supported")

func flavorNamed(name string) (flavor, error) {
	for _, k := range kinds() {
		if k.name == name {
			return k.flavor, nil
		}
	}
	return nil, fmt.Errorf("flavor: %w; supported: %s", ErrFlavor, supported())
}

func flavorOf(root *ldap.Entry) (flavor, error) {
	for _, k := range kinds() {
		if k.is(root) {
			return k.flavor, nil
		}
	}
	return nil, fmt.Errorf("%w; supported: %s; where the root DSE does not tell, set flavor", ErrFlavor, supported())
}

func supported() string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// rootDSE reads what the server says of itself (RFC 4512 §5.1).
func rootDSE(ctx context.Context, c *conn) (*ldap.Entry, error) {
	request := ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)",
		[]string{"objectClass", "vendorName", "vendorVersion", "supportedExtension", "supportedControl"}, nil)
	entries, err := c.search(ctx, request)
	if err != nil {
		return nil, unavailable("read the root DSE", err)
	}
	if len(entries) != 1 {
		return nil, fmt.Errorf("%w: %s does not show its root DSE to the service account: give it read access to the entry \"\"", ErrUnavailable, c.server.url)
	}
	return entries[0], nil
}

// lists reports whether an attribute has a value, without case.
func lists(entry *ldap.Entry, attribute, value string) bool {
	return slices.ContainsFunc(entry.GetEqualFoldAttributeValues(attribute), func(v string) bool { return strings.EqualFold(v, value) })
}
