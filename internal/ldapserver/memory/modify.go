package memory

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/ldapserver"
	"latchkey/internal/setting"
)

// Modify is part of [ldapserver.Modifier].
func (s *session) Modify(_ context.Context, r *ldapserver.ModifyRequest) ldapserver.Result {
	c := s.client()
	n, refused := s.mayWrite(c, r.DN)
	if refused.Code != ldapserver.Success {
		return refused
	}
	password, err := passwordIn(r.Changes)
	_, relaxed := r.Controls.Find(oidRelax)
	switch {
	case c.restricted && (password == nil || n.key != c.who.key || len(r.Changes) > 2):
		return restricted(r.Controls)
	case err.Code != ldapserver.Success:
		return err
	}
	for _, change := range r.Changes {
		if key := keyOf(change.Attribute.Name); isKept(key) && (!c.isRoot() || !relaxed) {
			return ldapserver.Failure(ldapserver.ConstraintViolation, canonicalName(change.Attribute.Name)+": no user modification allowed")
		}
	}
	var dn string
	result := s.directory.change(n, func(e *entry) (bool, ldapserver.Result) {
		dn = e.name.text
		result := c.modify(e, r, password)
		return result.Code == ldapserver.Success, result
	})
	if result.Code == ldapserver.NoSuchObject {
		return c.notFound(n)
	}
	if result.Code == ldapserver.Success && password != nil {
		s.free(n)
		s.directory.tell(dn, password.password)
	}
	return result
}

// mayWrite refuses those who write nothing, and names that are none.
func (s *session) mayWrite(c client, dn string) (name, ldapserver.Result) {
	n, err := parseName(dn)
	if err != nil {
		return name{}, ldapserver.Failure(ldapserver.InvalidDNSyntax, "invalid DN")
	}
	if refused, ok := s.needsTLS(); ok {
		return name{}, refused
	}
	if c.anonymous() {
		return name{}, ldapserver.Failure(ldapserver.StrongerAuthRequired, "modifications require authentication")
	}
	return n, ldapserver.Result{}
}

// modify changes the copy of an entry.
func (c client) modify(e *entry, r *ldapserver.ModifyRequest, password *passwordWrite) ldapserver.Result {
	if refused := c.asserted(e, r.Controls); refused.Code != ldapserver.Success {
		return refused
	}
	for _, change := range r.Changes {
		if !c.writes(e, keyOf(change.Attribute.Name)) {
			return ldapserver.Result{Code: ldapserver.InsufficientAccessRights}
		}
	}
	now := time.Now()
	if password != nil {
		password.client, password.controls = c, r.Controls
		if refused := c.directory.writePassword(e, password, now); refused.Code != ldapserver.Success {
			return refused
		}
	}
	for _, change := range r.Changes {
		if keyOf(change.Attribute.Name) == "userpassword" {
			continue
		}
		if refused := e.apply(change); refused.Code != ldapserver.Success {
			return refused
		}
	}
	e.touch(c.who, now)
	return ldapserver.Result{}
}

// passwordIn returns the new password among changes: a replacement, or one that
// is added where the old one is deleted.
func passwordIn(changes []ldapserver.Change) (*passwordWrite, ldapserver.Result) {
	var w passwordWrite
	news := 0
	for _, change := range changes {
		if keyOf(change.Attribute.Name) != "userpassword" {
			continue
		}
		values := change.Attribute.Values
		switch {
		case len(values) > 1:
			return nil, ldapserver.Failure(ldapserver.ConstraintViolation, "Password policy only allows one password value")
		case change.Operation == ldapserver.ChangeDelete && len(values) == 1:
			w.old, w.hasOld = setting.NewSecret(values[0]), true
		case change.Operation == ldapserver.ChangeDelete:
		case len(values) == 1 && values[0] != "":
			w.password = setting.NewSecret(values[0])
			news++
		default:
			news = 2
		}
	}
	switch {
	case news == 1:
		return &w, ldapserver.Result{}
	case news == 0 && !w.hasOld && !slices.ContainsFunc(changes, func(c ldapserver.Change) bool { return keyOf(c.Attribute.Name) == "userpassword" }):
		return nil, ldapserver.Result{}
	}
	return nil, ldapserver.Failure(ldapserver.UnwillingToPerform, "a password can only be replaced by another")
}

// apply makes one change (RFC 4511 §4.6).
func (e *entry) apply(change ldapserver.Change) ldapserver.Result {
	attribute, values := change.Attribute.Name, change.Attribute.Values
	shown := canonicalName(attribute)
	for i, value := range values {
		if !isValid(keyOf(attribute), value) {
			return ldapserver.Failure(ldapserver.InvalidAttributeSyntax, shown+": value #"+strconv.Itoa(i)+" invalid per syntax")
		}
	}
	switch change.Operation {
	case ldapserver.ChangeAdd:
		if len(values) == 0 {
			return ldapserver.Failure(ldapserver.ProtocolError, shown+": no values given")
		}
		for i, value := range values {
			if e.has(attribute, value) {
				return ldapserver.Failure(ldapserver.AttributeOrValueExists, "modify/add: "+shown+": value #"+strconv.Itoa(i)+" already exists")
			}
			e.add(attribute, value)
		}
	case ldapserver.ChangeDelete:
		if refused := e.delete(attribute, shown, values); refused.Code != ldapserver.Success {
			return refused
		}
	case ldapserver.ChangeReplace:
		e.set(attribute, values...)
	default:
		return ldapserver.Failure(ldapserver.UnwillingToPerform, "increment is not offered")
	}
	return e.consistent(attribute, shown)
}

func (e *entry) delete(attribute, shown string, values []string) ldapserver.Result {
	if len(e.values(attribute)) == 0 {
		return ldapserver.Failure(ldapserver.NoSuchAttribute, "modify/delete: "+shown+": no such attribute")
	}
	if len(values) == 0 {
		e.set(attribute)
	}
	for _, value := range values {
		if !e.remove(attribute, value) {
			return ldapserver.Failure(ldapserver.NoSuchAttribute, "modify/delete: "+shown+": no such value")
		}
	}
	if keyOf(attribute) == strings.ToLower(pwdAccountLockedTime) {
		// Who is unlocked starts with no failures.
		e.set(pwdFailureTime)
	}
	return ldapserver.Result{}
}

// consistent holds an attribute that changed against its bounds.
func (e *entry) consistent(attribute, shown string) ldapserver.Result {
	if isSingle(keyOf(attribute)) && len(e.values(attribute)) > 1 {
		return ldapserver.Failure(ldapserver.ConstraintViolation, shown+": multiple values provided")
	}
	for _, part := range e.name.rdns[0].parts {
		if len(e.values(part.attribute)) == 0 {
			return ldapserver.Failure(ldapserver.NamingViolation, "naming attribute '"+part.attribute+"' is not present in entry")
		}
		if !e.has(part.attribute, part.value) {
			return ldapserver.Failure(ldapserver.NamingViolation, "value of naming attribute '"+part.attribute+"' is not present in entry")
		}
	}
	return ldapserver.Result{}
}

// isValid holds a value against its syntax.
func isValid(key, value string) bool {
	if key == "pwdreset" {
		return value == "TRUE" || value == "FALSE"
	}
	_, ok := syntaxOf(baseOf(key)).normal(value)
	return ok && (value != "" || syntaxOf(baseOf(key)) == octets)
}
