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

// flavor is all that differs between kinds of directory servers. A flavor that
// can do more fulfills learner, memberReader, ageWaiver, changeDemander, configurable,
// cautioner or temporaryWriter too.
type flavor interface {
	personFinder
	accountReader
	policyReader
	signInReader
	passwordWriter
	passwordChanger
	accountWriter
}

// personFinder knows how people are found where the configuration is silent.
type personFinder interface {
	defaults() defaults
	// filter puts a login, escaped, into a user_filter; false where the login
	// belongs to another directory.
	filter(userFilter, login string) (string, bool)
}

// defaults are the settings that differ by flavor; an empty one has none.
type defaults struct {
	userFilter      string
	loginAttribute  string
	defaultPolicyDN string
}

// learner is a flavor that asks a server about itself before it is used.
type learner interface {
	// learn returns the flavor with what it learned.
	learn(ctx context.Context, c *conn) (flavor, error)
}

// configurable is a flavor that the configuration changes.
type configurable interface {
	configure(c Config) flavor
}

// cautioner is a flavor that knows what an operator should hear of a server that
// will do.
type cautioner interface {
	// cautions gets what the server says of itself, and the entry of the policy of
	// most people or nil.
	cautions(root, policy *ldap.Entry, c Config) []string
}

// memberReader is a flavor that finds the groups of a person by itself, and not
// by group_filter.
type memberReader interface {
	// weigh adds to a person what groups tell: whether the account is privileged,
	// and what memberships needs. It runs with each look-up of one person, and
	// once more just before a write.
	weigh(ctx context.Context, c *conn, p *Person) error
	// memberships returns the DNs of all groups of the person.
	memberships(ctx context.Context, c *conn, p *Person) ([]string, error)
}

// accountReader reads an entry as a person.
type accountReader interface {
	// accountAttributes are those that account looks at.
	accountAttributes() []string
	// id reads the permanent id.
	id(entry *ldap.Entry) (ID, error)
	// account reads the permanent id and the state; what it cannot read for
	// sure makes the account disabled.
	account(entry *ldap.Entry, now time.Time) (account, error)
	// idFilter finds the entry with an id.
	idFilter(id ID) (string, error)
}

// policyReader reads a password policy entry.
type policyReader interface {
	policyAttributes() []string
	// policy returns nil where the entry shows too little to tell.
	policy(entry *ldap.Entry, changeStamp string, now time.Time) (*PasswordPolicy, error)
}

// signInReader reads what a bind as a person was answered.
type signInReader interface {
	// signIn gets the error of the password policy control, or noPolicyError, and
	// the error of the bind.
	signIn(policy int, err error) signIn
}

// passwordWriter makes the one write.
type passwordWriter interface {
	// demands tells from the root DSE whether the server can do what is needed.
	demands(root *ldap.Entry) error
	// setPassword returns nil or, where the server answered, one of the outcomes
	// of this package; any other error means that no answer came.
	setPassword(l *ldap.Conn, w passwordWrite) error
}

// passwordChanger replaces a password that the person knows.
type passwordChanger interface {
	// letsIn tells whether a person who must change the password is let in to do
	// just that.
	letsIn() bool
	// changePassword returns what setPassword does. The connection is the person's
	// where they were let in with the old password, else the service account's;
	// the old password was right in both cases.
	changePassword(l *ldap.Conn, w passwordWrite, old string, letIn bool) error
}

// passwordWrite is one password for one entry. A flavor whose write is the
// password alone leaves unlock and mustChange to the accountWriter.
type passwordWrite struct {
	dn       string
	id       ID
	password string
	// unlock and mustChange belong to the write where a server can do all at once.
	unlock     bool
	mustChange bool
	// root is what the server says of itself.
	root *ldap.Entry
	// old is the password before, where it is sent too.
	old string
}

// accountWriter makes the small changes beside the password. Where the server
// answered, an error is one of the outcomes of this package.
type accountWriter interface {
	// permissions lists all that the flavor writes, without its name.
	permissions() []Permission
	// atOnce tells that setPassword does all that passwordWrite says.
	atOnce() bool
	// requireChange makes the person choose another password at the next sign-in.
	requireChange(l *ldap.Conn, dn string, id ID) error
	// unlock takes away a temporary lock with these values and no other.
	unlock(l *ldap.Conn, dn string, id ID, lock []string) error
}

// ageWaiver is a flavor that knows must-change-first.
type ageWaiver interface {
	// waiveAge makes the next write pass a minimum age, and tells whether it
	// changed anything: if not, there is nothing to take back.
	waiveAge(l *ldap.Conn, dn string, id ID) (bool, error)
	// demandAge takes waiveAge back, unless the password changed since.
	demandAge(l *ldap.Conn, dn string, id ID, changeStamp string) error
}

// changeDemander is a flavor whose server may, by itself, make people change a
// password that another account wrote.
type changeDemander interface {
	// demanded tells why the server does that, or nil.
	demanded(l *ldap.Conn, dn string, id ID) (cause, err error)
}

// temporaryWriter is a flavor that knows temporary-then-change.
type temporaryWriter interface {
	// forgetsHistory tells whether a reset on a server goes past the history.
	forgetsHistory(root *ldap.Entry) bool
	// setTemporary sets a password that has to be changed, and that changePassword
	// replaces at once.
	setTemporary(l *ldap.Conn, w passwordWrite) error
}

// account is what a flavor reads of an entry.
type account struct {
	id          ID
	state       State
	changeStamp string
	policyDN    string
	// domainPolicyDN is read where policyDN cannot be; its rules are then not all.
	domainPolicyDN string
	// privileged says why the account is one that the directory itself protects;
	// empty for all others.
	privileged string
	// lock holds the values of a lock, lockedAt is when it began.
	lock     []string
	lockedAt time.Time
	// mustChange: the person already has to change the password.
	mustChange bool
	// changeableAt is when a minimum age is over, where the entry says so.
	changeableAt time.Time
}

// signIn is what a bind as a person tells of the password.
type signIn int

const (
	// signInUnclear: the answer tells nothing of the password.
	signInUnclear signIn = iota
	// signInWrong: the directory counted a wrong password.
	signInWrong
	// signInRight: the person is in.
	signInRight
	// signInMustChange: the password is right, and has to be changed first.
	signInMustChange
	// signInExpired: the password is right, and too old to be let in with.
	signInExpired
)

// right reports whether the password is the person's.
func (s signIn) right() bool {
	return s == signInRight || s == signInMustChange || s == signInExpired
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
		{"active-directory", isActiveDirectory, activeDirectory{}},
		{"389ds", is389, ds389{}},
		{"rfc3062", isRFC3062, rfc3062{}}, // whatever else there is, so the last
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
		[]string{
			"objectClass", "vendorName", "vendorVersion", "namingContexts", "supportedExtension", "supportedControl", "supportedCapabilities",
			"defaultNamingContext", "configurationNamingContext", "dnsHostName",
		}, nil)
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
