// Package memory owns a directory in memory, served by [ldapserver]: the
// directory of the demonstration, and of tests that need no other.
//
// Rules:
//   - It answers as OpenLDAP with the ppolicy overlay does
//     (draft-behera-ldap-password-policy-10, slapo-ppolicy(5)): codes, texts,
//     operational attributes. Where it does less it refuses.
//   - There are four kinds of clients: the root DN, whom neither access rules
//     nor the password policy bind; the service account, which reads people and
//     sets passwords under their policy; people, who read all but passwords and
//     set their own; and the anonymous, who see the root DSE and may bind.
//   - Passwords are kept as salted hashes and never shown. Nothing is on disk.
//   - An entry is never changed in place: a change makes another one, alone on
//     its entry, and searches go on with what they have seen.
//   - The schema is what this package's tables know (RFC 4519, RFC 2798,
//     RFC 2307, ppolicy); other attributes are taken as plain text. Object
//     classes are not enforced.
package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"latchkey/internal/ldapserver"
	"latchkey/internal/setting"
)

// Config says what a directory is like.
type Config struct {
	// Suffix is the name of the topmost entry, such as dc=example,dc=test.
	Suffix string
	// RootDN is who may do everything; it needs no entry. Without RootPassword
	// nobody can bind as it.
	RootDN       string
	RootPassword setting.Secret
	// ServiceDN may read people and set their passwords under the password
	// policy.
	ServiceDN string
	// ServiceWrites are further attributes that it may write.
	ServiceWrites []string
	// DefaultPolicyDN is the password policy of those who name none.
	DefaultPolicyDN string
	// Rounds is the cost of a password hash; default 10000.
	Rounds int
	// RequireTLS refuses binds with a password, and all writes, without TLS.
	RequireTLS bool
	// OnPassword is told of each new password that was set by a client. It must
	// not call the directory's clients back and wait for them.
	OnPassword func(dn string, password setting.Secret)
}

// Directory is a directory in memory. It is safe for concurrent use.
type Directory struct {
	config  Config
	suffix  name
	root    name
	service name
	policy  name
	hasher  hasher

	mu sync.RWMutex
	// entries holds all by the key of their names, order the keys as they were
	// added.
	entries map[string]*entry
	order   []string
	added   uint64
}

// The faults of what is put into a directory.
var (
	// ErrName means that a name is no DN, or not below the suffix.
	ErrName = errors.New("not a name in this directory")
	// ErrExists means that the entry is there already.
	ErrExists = errors.New("the entry exists")
	// ErrNoParent means that the entry above is not there.
	ErrNoParent = errors.New("the entry above does not exist")
	// ErrLDIF means that a text is not in the form of RFC 2849.
	ErrLDIF = errors.New("not LDIF")
)

// New returns an empty directory.
func New(config Config) (*Directory, error) {
	d := &Directory{config: config, hasher: newHasher(config.Rounds), entries: make(map[string]*entry)}
	for _, part := range []struct {
		key, value string
		into       *name
	}{
		{"suffix", config.Suffix, &d.suffix},
		{"root DN", config.RootDN, &d.root},
		{"service DN", config.ServiceDN, &d.service},
		{"default policy DN", config.DefaultPolicyDN, &d.policy},
	} {
		parsed, err := parseName(part.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.key, err)
		}
		*part.into = parsed
	}
	if d.suffix.isRoot() {
		return nil, fmt.Errorf("suffix: %w", ErrName)
	}
	return d, nil
}

// Add puts an entry in, past all rules. Operational attributes are taken as
// they stand; entryUUID and the like are made where they are missing. A
// password in clear is hashed.
func (d *Directory) Add(dn string, attributes map[string][]string) error {
	n, err := parseName(dn)
	if err != nil || !n.within(d.suffix) {
		return fmt.Errorf("%w: %q", ErrName, dn)
	}
	e := newEntry(n)
	for _, attribute := range slices.Sorted(maps.Keys(attributes)) {
		e.add(attribute, attributes[attribute]...)
	}
	return d.insert(e, d.root)
}

// Load adds all entries of a text in LDIF (RFC 2849), as [Directory.Add] does.
func (d *Directory) Load(ldif string) error {
	records, err := parseLDIF(ldif)
	if err != nil {
		return err
	}
	for _, record := range records {
		if err := d.Add(record.dn, record.attributes); err != nil {
			return err
		}
	}
	return nil
}

// insert completes an entry and puts it in.
func (d *Directory) insert(e *entry, creator name) error {
	d.complete(e, creator, time.Now())
	e.settle()
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.entries[e.name.key]; ok {
		return ErrExists
	}
	if _, ok := d.entries[e.name.parent().key]; !ok && e.name.key != d.suffix.key {
		return ErrNoParent
	}
	d.added++
	e.sequence = d.added
	d.entries[e.name.key] = e
	d.order = append(d.order, e.name.key)
	return nil
}

// Values returns the values of one attribute of an entry, whatever the access
// rules say; nothing where there is none.
func (d *Directory) Values(dn, attribute string) []string {
	e, ok := d.lookUp(dn)
	if !ok {
		return nil
	}
	return e.values(attribute)
}

// Holds reports whether a password is that of an entry, without counting as a
// bind.
func (d *Directory) Holds(dn, password string) bool {
	e, ok := d.lookUp(dn)
	return ok && d.hasher.matches(e.values(userPassword), password)
}

func (d *Directory) lookUp(dn string) (*entry, bool) {
	n, err := parseName(dn)
	if err != nil {
		return nil, false
	}
	return d.get(n)
}

func (d *Directory) get(n name) (*entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e, ok := d.entries[n.key]
	return e, ok
}

// Open is part of [ldapserver.Handler].
func (d *Directory) Open(_ context.Context, peer *ldapserver.Peer) ldapserver.Operations {
	s := &session{directory: d, peer: peer}
	reads := []ldapserver.Kind{ldapserver.KindSearch}
	changes := []ldapserver.Kind{ldapserver.KindModify, ldapserver.KindAdd, ldapserver.KindDelete, ldapserver.KindRename}
	entries := slices.Concat([]ldapserver.Kind{ldapserver.KindCompare}, reads, changes)
	return ldapserver.Operations{
		Bind: s, Search: s, Compare: s, Modify: s, Entries: s,
		Extended: map[string]ldapserver.Extender{
			ldapserver.OIDPasswordModify: ldapserver.PasswordModify(s),
			ldapserver.OIDWhoAmI:         ldapserver.WhoAmI(s),
		},
		Controls: map[string][]ldapserver.Kind{
			ldapserver.OIDPaged:     reads,
			ldapserver.OIDPolicy:    slices.Concat([]ldapserver.Kind{ldapserver.KindBind, ldapserver.KindExtended}, entries),
			ldapserver.OIDAssertion: entries,
			oidManageDSAIT:          entries,
			oidRelax:                changes,
		},
	}
}
