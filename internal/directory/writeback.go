package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/setting"
)

// WriteBackAccount is the identity that writes contacts into a directory, and
// the attributes that it may write. It is another one than the service account
// and is used for nothing else.
type WriteBackAccount struct {
	BindDN string
	// The passwords are as in [Config].
	BindPassword        setting.Secret
	BindPasswordFile    string
	BindPasswordOld     setting.Secret
	BindPasswordOldFile string
	// Attributes are all that it writes.
	Attributes []string
}

// WriteBack is a directory for an identity that adds and takes away single
// values of some attributes (S31). It can neither write a password nor replace
// anything: what it may send is [WriteBack.Writes].
type WriteBack struct {
	// own is bound as that identity.
	own        *Directory
	attributes []string
}

// What may become of a value that is to be added or taken away, beside
// [ErrNotAllowed], [ErrNotFound] and [ErrUnavailable]. After the last it is not
// known whether the directory did it; both may be repeated.
var (
	// ErrThere means that the directory says that the value is there, or that the
	// attribute has one and takes no other.
	ErrThere = errors.New("the attribute has the value, or takes no further one")
	// ErrUnfit means that the entry or its schema does not take the value.
	ErrUnfit = errors.New("the directory does not take the value in this attribute")
)

// OpenWriteBack makes the directory of a section ready for another identity.
// Like [Open] it connects with the first call only.
func OpenWriteBack(c Config, account WriteBackAccount, logger *slog.Logger) (*WriteBack, error) {
	if NormalDN(account.BindDN) == NormalDN(c.BindDN) {
		return nil, fmt.Errorf("directory %q: write_back: %w", c.Name, errSameIdentity)
	}
	for _, attribute := range account.Attributes {
		if err := CheckWriteBack(attribute); err != nil {
			return nil, fmt.Errorf("directory %q: write_back: %s: %w", c.Name, attribute, err)
		}
	}
	c.BindDN, c.BindPassword, c.BindPasswordFile = account.BindDN, account.BindPassword, account.BindPasswordFile
	c.BindPasswordOld, c.BindPasswordOldFile = account.BindPasswordOld, account.BindPasswordOldFile
	c.Connections = writeBackConnections
	own, err := Open(c, logger.With("identity", "write_back"))
	if err != nil {
		return nil, err
	}
	return &WriteBack{own: own, attributes: account.Attributes}, nil
}

// writeBackConnections: one is in use, and one more replaces one that died.
const writeBackConnections = 2

var errSameIdentity = errors.New("its bind_dn is that of the [[directory]]: the account that writes passwords writes nothing else")

// Close ends all connections.
func (w *WriteBack) Close() { w.own.Close() }

// Writes lists all that the identity ever writes (S31).
func (w *WriteBack) Writes() []Permission {
	var all []Permission
	for _, attribute := range w.attributes {
		for _, how := range []string{"add", "delete"} {
			all = append(all, Permission{Operation: WriteBackContacts, Attribute: attribute, Change: how, Right: "write"})
		}
	}
	return all
}

// Held is what an entry has in the attributes of a write-back.
type Held struct {
	// Values are by attribute, as they are written in the directory.
	Values map[string][]string

	id     ID
	dn     string
	server *server
}

// ID is that of the entry.
func (h Held) ID() ID { return h.id }

// Read reads the entry with an id on a server that takes writes. [ErrNotFound]
// means that there is none below base_dn, or that the identity may not see it.
func (w *WriteBack) Read(ctx context.Context, id ID) (Held, error) {
	f, err := w.own.kindOfServer(ctx)
	if err != nil {
		return Held{}, err
	}
	entry, s, err := w.own.entryWith(ctx, f, id, w.attributes...)
	if err != nil {
		return Held{}, err
	}
	h := Held{id: id, dn: entry.DN, server: s, Values: make(map[string][]string)}
	for _, attribute := range w.attributes {
		h.Values[attribute] = entry.GetEqualFoldAttributeValues(attribute)
	}
	return h, nil
}

// Exists reports whether the service account finds an entry below base_dn.
func (d *Directory) Exists(ctx context.Context, id ID) (bool, error) {
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return false, err
	}
	_, _, err = d.entryWith(ctx, f, id, noAttributes)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// entryWith reads the one entry that has an id.
func (d *Directory) entryWith(ctx context.Context, f flavor, id ID, attributes ...string) (*ldap.Entry, *server, error) {
	filter, err := f.idFilter(id)
	if err != nil {
		return nil, nil, err
	}
	entries, s, err := d.searchFor(ctx, toWrite, d.subtree(d.config.BaseDN, filter, fewEntries, attributes...))
	switch {
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights), err == nil && len(entries) != 1:
		return nil, nil, ErrNotFound
	case err != nil:
		return nil, nil, unavailable("search for an entry", err)
	}
	return entries[0], s, nil
}

// Add adds one value to an attribute of the entry that was read.
func (w *WriteBack) Add(ctx context.Context, h Held, attribute, value string) error {
	return w.write(ctx, h, change{operation: WriteBackContacts, attribute: attribute, kind: "add", values: []string{value}})
}

// Remove takes one value away. That it is not there is no error.
func (w *WriteBack) Remove(ctx context.Context, h Held, attribute, value string) error {
	return w.write(ctx, h, change{operation: WriteBackContacts, attribute: attribute, kind: "delete", values: []string{value}})
}

// write sends one change, once: tried again by itself, a value of ours would look
// like somebody else's.
func (w *WriteBack) write(ctx context.Context, h Held, c change) error {
	if strings.TrimSpace(c.values[0]) == "" || h.server == nil {
		return fmt.Errorf("%w: %w", ErrNotAllowed, errNotListed)
	}
	dn := h.dn
	if t, ok := w.own.known().(targeter); ok {
		var err error
		if dn, c.condition, err = t.target(h.dn, h.id); err != nil {
			return err
		}
	}
	request, err := permittedRequest(dn, w.Writes(), c)
	if err != nil {
		return err
	}
	_, err = w.own.onOnce(ctx, h.server, false, func(ctx context.Context, conn *conn) error {
		return conn.do(ctx, func(l *ldap.Conn) error { return l.Modify(request) })
	})
	return w.own.heed(h.server, judgeWriteBack(err))
}

// targeter is a flavor that can name an entry in a write so that it is that entry
// or none, whatever became of its DN meanwhile.
type targeter interface {
	target(dn string, id ID) (name, condition string, err error)
}

func (f openLDAP) target(dn string, id ID) (name, condition string, err error) {
	condition, err = f.idFilter(id)
	return dn, condition, err
}

func (activeDirectory) target(_ string, id ID) (name, condition string, err error) {
	return guidName(id), "", nil
}

// judgeWriteBack sorts what a server answered. Whatever no answer came to may be
// done or not.
func judgeWriteBack(err error) error {
	a, ok := answerOf(err)
	if !ok {
		if err != nil && !errors.Is(err, ErrUnavailable) {
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return err
	}
	switch a.code {
	case ldap.LDAPResultNoSuchAttribute:
		return nil // it is gone already
	case ldap.LDAPResultAttributeOrValueExists:
		return fmt.Errorf("%w: %s", ErrThere, a)
	case ldap.LDAPResultNoSuchObject, ldap.LDAPResultAssertionFailed:
		return fmt.Errorf("%w: %s", ErrNotFound, a)
	case ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired:
		return fmt.Errorf("%w: %s", errMayNotWrite, a)
	case ldap.LDAPResultConstraintViolation, ldap.LDAPResultObjectClassViolation, ldap.LDAPResultUndefinedAttributeType,
		ldap.LDAPResultInvalidAttributeSyntax, ldap.LDAPResultObjectClassModsProhibited, ldap.LDAPResultNamingViolation:
		return fmt.Errorf("%w: code %d", ErrUnfit, a.code) // the text may quote the value
	}
	if a.refusesWrites() {
		return fmt.Errorf("%w: code %d", ErrReadOnly, a.code)
	}
	return fmt.Errorf("%w: code %d", ErrUnavailable, a.code)
}

// errMayNotWrite is an [ErrNotAllowed] in the words of a write-back.
var errMayNotWrite = notAllowed("the identity of write_back may not write this attribute of this entry")

type notAllowed string

func (e notAllowed) Error() string { return string(e) }

// Is makes it an ErrNotAllowed.
func (notAllowed) Is(target error) bool { return target == ErrNotAllowed }

// ErrGuarded means that an attribute is none for contacts.
var ErrGuarded = errors.New("it is not an attribute for contacts: passwords, names, groups, rights and what servers keep themselves are never written")

// guardedPrefixes and guardedNames are what no configuration lets a write-back
// touch, in lower case. A server refuses most of them anyway.
var (
	guardedPrefixes = []string{
		"pwd", "password", "krb", "samba", "nt", "lm", "ms-", "msds-", "ns", "ds-", "aci", "ipa", "entry", "shadow", "sudo", "auto", "structural", "subschema", "create", "modif", "sid", "object",
	}
	guardedNames = []string{
		"userpassword", "unicodepwd", "dbcspwd", "supplementalcredentials", "cleartextpassword", "authpassword", "userpkcs12", "usercertificate", "usersmimecertificate",
		"lockouttime", "useraccountcontrol", "accountexpires", "accountunlocktime", "admincount", "logindisabled", "authorizedservice", "host", "sshpublickey", "altsecurityidentities",
		"uid", "userid", "cn", "commonname", "sn", "surname", "name", "dn", "distinguishedname", "ou", "o", "dc", "samaccountname", "userprincipalname", "serviceprincipalname", "displayname", "givenname",
		"member", "memberof", "memberuid", "uniquemember", "owner", "manager", "seealso", "primarygroupid", "uidnumber", "gidnumber", "homedirectory", "loginshell", "gecos", "scriptpath", "profilepath",
		"roleoccupant", "ref", "labeleduri", "proxyaddresses", "legacyexchangedn", "targetaddress", "hassubordinates", "governingstructurerule", "creatorsname", "usncreated", "usnchanged",
	}
)

// CheckWriteBack refuses attributes that are none for contacts, whatever the
// configuration says, with [ErrGuarded].
func CheckWriteBack(attribute string) error {
	name := strings.ToLower(attribute)
	has := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	if !isAttributeName(attribute) || slices.Contains(guardedNames, name) || slices.ContainsFunc(guardedPrefixes, has) {
		return ErrGuarded
	}
	return nil
}
