package directory

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode"

	"github.com/go-ldap/ldap/v3"
)

// adviser is a flavor that knows what an examination looks at on its servers,
// and how they are mended.
type adviser interface {
	// clock names the entry and the attribute that show the server's time.
	clock() (dn, attribute string)
	// secrets are attributes of people that the service account should not read.
	secrets() []string
	// judge looks at what only this kind of server shows: whether the service
	// account is an administrator, and locked or ended by a policy; and at what else
	// is in the way.
	judge(ctx context.Context, x *examiner)
	// touch tries to write the password of an entry in a way that changes nothing,
	// whatever the rights. A refusal for want of rights is [ErrNotAllowed]; other
	// refusals mean that it would be allowed.
	touch(l *ldap.Conn, w passwordWrite) error
	// fix returns commands to paste, or nothing.
	fix(t trouble, p site) string
}

// trouble is what is to be mended.
type trouble int

const (
	noTrouble trouble = iota
	// fixRootDSE: what is needed is not shown or not set up.
	fixRootDSE
	// fixOwnAccount: the service account is not let in.
	fixOwnAccount
	// fixOwnPolicy: its password will be locked or expire.
	fixOwnPolicy
	// fixRights: it may do less or more than it needs.
	fixRights
	// fixProtected: it may write what is protected.
	fixProtected
	// fixWeakPolicy: the rules let short passwords through.
	fixWeakPolicy
	// fixSafeModify: the rules want the old password.
	fixSafeModify
	// fixMinAge: the rules refuse a second change.
	fixMinAge
	// fixHistory: the rules let the last password through.
	fixHistory
	// fixTrack: changes of the password cannot be seen.
	fixTrack
	// fixClear: passwords are taken in clear.
	fixClear
	// fixCanary: there is no account to try on.
	fixCanary
)

// site are the names that a fix is filled with.
type site struct {
	config Config
	url    string
	// suffix is the naming context that people are in.
	suffix string
	// policyDN are the rules for most people, groupDN is where groups are.
	policyDN, groupDN string
	// entry is the entry that is spoken of.
	entry string
	// root is what the server says of itself; nil where it was not asked.
	root *ldap.Entry
}

func (x *examiner) site(entry string) site {
	p := site{config: x.d.config, url: x.s.url, suffix: x.d.config.BaseDN, groupDN: x.d.config.GroupBaseDN, entry: entry, policyDN: x.d.config.DefaultPolicyDN}
	if x.f != nil {
		p.policyDN = x.d.defaultPolicyDN(x.f)
	}
	if x.c != nil && x.c.root != nil {
		p.root = x.c.root
		for _, context := range x.c.root.GetEqualFoldAttributeValues("namingContexts") {
			if Within(p.config.BaseDN, context) {
				p.suffix = context
			}
		}
	}
	return p
}

func (x *examiner) fix(t trouble) string { return x.fixFor(t, "") }

func (x *examiner) fixFor(t trouble, entry string) string {
	a, ok := x.f.(adviser)
	if !ok || t == noTrouble {
		return ""
	}
	return a.fix(t, x.site(entry))
}

// fixAs is fix for a flavor that is only guessed.
func (x *examiner) fixAs(f flavor, t trouble) string {
	if a, ok := f.(adviser); ok {
		return a.fix(t, x.site(""))
	}
	return ""
}

// ldifLine is one line of LDIF, in base64 where RFC 2849 wants it.
func ldifLine(name, value string) string {
	safe := value != "" && !strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII || r < ' ' }) &&
		!strings.ContainsAny(value[:1], " :<") && !strings.HasSuffix(value, " ")
	if !safe {
		return name + ":: " + base64.StdEncoding.EncodeToString([]byte(value)) + "\n"
	}
	return name + ": " + value + "\n"
}
