package directory

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/finding"
)

// Examination says what Examine tries beyond looking.
type Examination struct {
	// Canary is the login of an account that was made for it: its password is
	// replaced by random ones. Empty: no password is written.
	Canary string
	// Protected is the login of an account that the service account must not be
	// able to write to. Nothing on it is changed.
	Protected string
	// Claim is asked before the canary is written to; its error is why not.
	Claim func(ctx context.Context, canary *Person) error
	// Groups are the DNs of groups that the configuration names.
	Groups []string
}

// The checks of a server, beside those of package finding.
const (
	checkReached   = "reachable"
	checkClock     = "clock"
	checkKind      = "kind of server"
	checkSignIn    = "service account"
	checkModest    = "no administrator"
	checkOwnPolicy = "its own policy"
	checkPeople    = "finds people"
	checkGroups    = "reads groups"
	checkPolicy    = "password policy"
	checkClear     = "no clear text"
	checkCanary    = "canary"
	checkWeak      = "weak is refused"
	checkStrong    = "new password"
	checkOthers    = "nothing else"
	checkProtected = "protected"
)

func checks() []string {
	return []string{
		checkReached, finding.TLS, finding.Certificate, checkClock, checkKind, checkSignIn, checkModest, checkOwnPolicy, checkPeople,
		checkGroups, checkPolicy, checkClear, checkCanary, checkWeak, checkStrong, checkOthers, checkProtected,
	}
}

// Examine looks at each server, and at what the service account may do there.
// The canary is written to on one server after the other.
func (d *Directory) Examine(ctx context.Context, e Examination) []finding.Finding {
	servers, err := d.servers.all(ctx)
	if err != nil {
		sheet := finding.NewSheet("directory "+d.config.Name, checkReached)
		sheet.Fail(checkReached, err.Error(), "")
		return sheet.Findings("")
	}
	examined := make([]*examiner, len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		examined[i] = &examiner{d: d, s: s, e: e, sheet: finding.NewSheet("directory "+d.config.Name+", "+s.url, checks()...)}
		all.Go(func() { examined[i].look(ctx) })
	}
	all.Wait()
	var findings []finding.Finding
	for _, x := range examined {
		x.try(ctx)
		if x.c != nil {
			x.c.close()
		}
		findings = append(findings, x.sheet.Findings("not tried: "+cmp.Or(x.stopped, "this server does not tell"))...)
	}
	return findings
}

// examiner examines one server on a connection of its own.
type examiner struct {
	d     *Directory
	s     *server
	e     Examination
	sheet *finding.Sheet

	c *conn
	f flavor
	// person is anyone whom user_filter finds.
	person *Person
	// stopped is why the rest cannot be looked at.
	stopped string
}

// look does all that changes nothing.
func (x *examiner) look(ctx context.Context) {
	x.sheet.Look = "openssl s_client -connect " + finding.Quote(x.s.address)
	if x.s.startTLS {
		x.sheet.Look += " -starttls ldap"
	}
	if !x.reach(ctx) {
		x.stopped = "the server cannot be reached over TLS"
		return
	}
	x.lookInClear(ctx)
	if !x.signIn(ctx) {
		x.stopped = "the service account is not let in"
		return
	}
	x.lookAtKind()
	x.lookAtClock(ctx)
	x.lookAtPeople(ctx)
	x.lookAtSecrets(ctx)
	x.lookAtGroups(ctx)
	x.lookAtPolicy(ctx)
	x.lookAtFlavor(ctx)
}

func (x *examiner) reach(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, x.d.config.ConnectTimeout.Std())
	defer cancel()
	c, err := dial(ctx, x.s, x.d.trust.config())
	now := time.Now()
	if err != nil && x.sheet.Untrusted(err, now) {
		x.sheet.Good(checkReached, "it answers")
		return false
	}
	if err != nil {
		x.sheet.Fail(checkReached, x.plain(explain(x.s, err)), "# where the directory runs:\nss -ltn\n# from here:\n"+x.sheet.Look+" </dev/null")
		return false
	}
	x.c = c
	x.sheet.Good(checkReached, "it answers")
	if state, encrypted := c.ldap.TLSConnectionState(); encrypted {
		x.sheet.Encrypted(state, now)
	}
	return true
}

// plain is an error without what the sheet says already.
func (x *examiner) plain(err error) string {
	text := strings.TrimPrefix(err.Error(), ErrUnavailable.Error()+": ")
	return strings.TrimLeft(strings.TrimPrefix(text, x.s.url), ": ")
}

// signIn binds, and learns the kind of the server.
func (x *examiner) signIn(ctx context.Context) bool {
	x.d.secrets.refresh()
	x.s.forgive()
	bindCtx, cancel := context.WithTimeout(ctx, x.d.config.ConnectTimeout.Std())
	defer cancel()
	if err := x.d.bindService(bindCtx, x.c); err != nil {
		root, _ := rootDSE(ctx, x.c)
		x.sheet.Fail(checkSignIn, x.plain(err), x.fixAs(x.guess(root), fixOwnAccount))
		return false
	}
	var err error
	if x.c.identity, err = x.c.whoami(bindCtx); err == nil {
		err = x.d.learnFlavor(bindCtx, x.c)
	}
	if err != nil {
		x.sheet.Good(checkSignIn, "it is let in")
		x.sheet.Fail(checkKind, x.plain(err), "")
		return false
	}
	x.f = x.d.known()
	x.sheet.Good(checkSignIn, "it is let in")
	return true
}

// guess returns the flavor that is configured, or that the root DSE tells.
func (x *examiner) guess(root *ldap.Entry) flavor {
	if f, err := flavorNamed(x.d.config.Flavor); err == nil {
		return f
	}
	if root != nil {
		if f, err := flavorOf(root); err == nil {
			return f
		}
	}
	return nil
}

// lookAtKind compares what the server says with what is configured and what the
// other servers are.
func (x *examiner) lookAtKind() {
	says := nameOfKind(x.c.root)
	vendor := strings.TrimSpace(x.c.root.GetEqualFoldAttributeValue("vendorName") + " " + x.c.root.GetEqualFoldAttributeValue("vendorVersion"))
	if vendor != "" {
		vendor = " (" + vendor + ")"
	}
	switch pinned := x.d.config.Flavor; {
	case pinned != "" && says != "" && says != pinned:
		x.sheet.Fail(checkKind, fmt.Sprintf("flavor = %q, and the server says %s%s", pinned, says, vendor), "# take flavor out of [[directory]], or set it:\nflavor = \""+says+"\"")
	case pinned != "" && says == "":
		x.sheet.Warn(checkKind, fmt.Sprintf("flavor = %q; the server does not tell%s", pinned, vendor), "")
	default:
		x.sheet.Good(checkKind, "%s%s", cmp.Or(says, pinned), vendor)
	}
	if err := x.f.demands(x.c.root); err != nil {
		x.sheet.Fail(checkKind, err.Error(), x.fix(fixRootDSE))
	}
}

// nameOfKind is what the root DSE tells; empty where it tells nothing.
func nameOfKind(root *ldap.Entry) string {
	for _, k := range kinds() {
		if k.is(root) {
			return k.name
		}
	}
	return ""
}

// read reads one entry; nil where it cannot be seen.
func (x *examiner) read(ctx context.Context, dn string, attributes ...string) (*ldap.Entry, error) {
	ctx, cancel := x.d.operation(ctx)
	defer cancel()
	entries, err := x.c.search(ctx, x.d.entry(dn, "(objectClass=*)", attributes...))
	if len(entries) == 1 && err == nil {
		return entries[0], nil
	}
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) {
		err = nil
	}
	return nil, err
}

func (x *examiner) lookAtClock(ctx context.Context) {
	a, ok := x.f.(adviser)
	if !ok {
		return
	}
	dn, attribute := a.clock()
	entry, err := x.read(ctx, dn, attribute)
	if err != nil || entry == nil {
		return
	}
	if theirs, err := generalizedTime(entry.GetEqualFoldAttributeValue(attribute)); err == nil {
		x.sheet.Clock(checkClock, theirs, time.Now(), time.Second)
	}
}
