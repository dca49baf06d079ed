package memory

import (
	"context"
	"slices"
	"strings"
	"sync"

	"latchkey/internal/ldapserver"
)

// The controls that only this package looks at.
const (
	oidManageDSAIT = "2.16.840.1.113730.3.4.2"
	oidRelax       = "1.3.6.1.4.1.4203.666.5.12"
)

// session is one connection and who is bound on it.
type session struct {
	directory *Directory
	peer      *ldapserver.Peer

	mu  sync.Mutex
	who name
	// restricted: whoever is bound must first choose another password.
	restricted bool
}

// client is who asks.
type client struct {
	directory  *Directory
	who        name
	restricted bool
}

func (s *session) client() client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return client{directory: s.directory, who: s.who, restricted: s.restricted}
}

func (s *session) become(who name, restricted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.who, s.restricted = who, restricted
}

// free takes a restriction away, unless somebody else is bound by now.
func (s *session) free(who name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.who.key == who.key {
		s.restricted = false
	}
}

// Identify is part of [ldapserver.Identifier].
func (s *session) Identify(context.Context) (string, ldapserver.Result) {
	c := s.client()
	if c.anonymous() {
		return "", ldapserver.Result{}
	}
	return "dn:" + c.who.text, ldapserver.Result{}
}

func (c client) anonymous() bool { return c.who.isRoot() }

func (c client) isRoot() bool { return !c.anonymous() && c.who.key == c.directory.root.key }

func (c client) isService() bool { return !c.anonymous() && c.who.key == c.directory.service.key }

func (c client) isSelf(e *entry) bool { return !c.anonymous() && c.who.key == e.name.key }

// reads says whether the client may see an attribute.
func (c client) reads(key string) bool {
	switch {
	case c.isRoot():
		return true
	case c.anonymous():
		return false
	}
	base := baseOf(key)
	return base != "userpassword" && base != "pwdhistory"
}

// writes says whether the client may change an attribute of an entry.
func (c client) writes(e *entry, key string) bool {
	switch {
	case c.isRoot():
		return true
	case baseOf(key) == "userpassword":
		return c.isService() || c.isSelf(e)
	}
	return c.isService() && slices.ContainsFunc(c.directory.config.ServiceWrites, func(allowed string) bool { return keyOf(allowed) == key })
}

// restricted is the answer to one who must choose another password first.
func restricted(controls ldapserver.Controls) ldapserver.Result {
	result := ldapserver.Failure(ldapserver.InsufficientAccessRights, "Operations are restricted to bind/unbind/abandon/StartTLS/modify password")
	return withPolicy(result, controls, ldapserver.Policy{Error: ldapserver.PolicyChangeAfterReset})
}

// withPolicy adds the password policy control where it was asked for.
func withPolicy(result ldapserver.Result, controls ldapserver.Controls, policy ldapserver.Policy) ldapserver.Result {
	if _, asked := controls.Find(ldapserver.OIDPolicy); asked {
		result.Controls = append(result.Controls, policy.Control())
	}
	return result
}

// needsTLS refuses what the configuration wants under TLS.
func (s *session) needsTLS() (ldapserver.Result, bool) {
	return ldapserver.Failure(ldapserver.ConfidentialityRequired, "confidentiality required"), s.directory.config.RequireTLS && !s.peer.Encrypted()
}

// view is an entry as a client sees it.
type view struct {
	client client
	entry  *entry
}

// look is part of seen.
func (v view) look(key string) ([]string, bool) {
	if !v.client.reads(key) {
		return nil, false
	}
	switch key {
	case "memberof":
		return v.client.directory.groupsOf(v.entry), true
	case "hassubordinates":
		return []string{boolText(v.client.directory.hasBelow(v.entry.name))}, true
	}
	if values := v.entry.byKey(key); values != nil {
		return values, true
	}
	return nil, knownName(baseOf(key)) != ""
}

// keys is part of seen.
func (v view) keys() []string {
	return slices.DeleteFunc(v.entry.keys(), func(key string) bool { return !v.client.reads(key) })
}

func boolText(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// groupsOf returns the groups that name an entry.
func (d *Directory) groupsOf(e *entry) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var groups []string
	for _, key := range d.order {
		if group := d.entries[key]; slices.Contains(group.members, e.name.key) {
			groups = append(groups, group.name.text)
		}
	}
	return groups
}

// hasBelow reports whether there are entries below a name.
func (d *Directory) hasBelow(n name) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.hasBelowLocked(n)
}

func (d *Directory) hasBelowLocked(n name) bool {
	return slices.ContainsFunc(d.order, func(key string) bool { return strings.HasSuffix(key, ","+n.key) })
}
