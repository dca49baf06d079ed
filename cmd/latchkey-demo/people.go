package main

import (
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-demo/inbox"
)

// firstPassword is what everyone has at the start.
const firstPassword = "first-Password-1"

// The names of the directory.
const (
	baseDN     = "dc=example,dc=test"
	peopleDN   = "ou=people," + baseDN
	groupsDN   = "ou=groups," + baseDN
	policiesDN = "ou=policies," + baseDN
	serviceDN  = "cn=latchkey,ou=services," + baseDN

	twoGatesGroup       = "cn=finance," + groupsDN
	administratorsGroup = "cn=administrators," + groupsDN
	notEnabledGroup     = "cn=externals," + groupsDN
	protectedGroup      = "cn=directory-operators," + groupsDN

	defaultPolicy = "cn=default," + policiesDN
	youngPolicy   = "cn=once-a-day," + policiesDN
	servicePolicy = "cn=services," + policiesDN
)

// person is somebody to be in the demonstration: one for every ending.
type person struct {
	login, who, happens string
	// email and mobile say which contacts are on file.
	email, mobile bool
	// group is the one that the person is a member of, if any.
	group string
}

// people are all of them, the most usual endings first.
func people() []person {
	return []person{
		{login: "alice", who: "has forgotten the password", happens: "One code, by mail or by SMS, and then a new password.", email: true, mobile: true},
		{login: "bob", who: "works in finance", happens: "Two codes, one by mail and one by SMS.", email: true, mobile: true, group: twoGatesGroup},
		{login: "admin", who: "is an administrator", happens: "Always two codes, whatever the policy says.", email: true, mobile: true, group: administratorsGroup},
		{login: "locked", who: "typed too many wrong passwords", happens: "As alice, or after the code unlocks the account and keeps the password.", email: true},
		{login: "mustchange", who: "was told to change the password", happens: "Changes it by \"I know my password\" on the first page, or as alice.", email: true},
		{login: "young", who: "changed the password just now", happens: "The directory refuses another new one today, and the page says so.", email: true},
		{login: "nocontacts", who: "never registered a contact", happens: "Nothing is sent. After 10 seconds the page says how to reach support.", email: false},
		{login: "notenabled", who: "may not reset by policy", happens: "No code, but a mail that says why and whom to ask.", email: true, group: notEnabledGroup},
		{login: "protected", who: "looks after the directory itself", happens: "The same: such an account is never reset here.", email: true, group: protectedGroup},
		{login: "disabled", who: "has left", happens: "The same: the account is switched off.", email: true},
		{login: "nobody", who: "does not exist", happens: "Nothing is sent. Support can be asked here too."},
	}
}

// exists reports whether the directory knows the person.
func (p person) exists() bool { return p.login != "nobody" }

func (p person) dn() string { return "uid=" + p.login + "," + peopleDN }

// cast is what the inbox page says of all of them.
func cast() []inbox.Role {
	var roles []inbox.Role
	for _, p := range people() {
		roles = append(roles, inbox.Role{Login: p.login, Who: p.who, Happens: p.happens})
	}
	return roles
}

// contacts is a file for `latchkey contacts import`. The numbers are reserved
// for films.
func contacts() string {
	var b strings.Builder
	b.WriteString("login,email,mobile\n")
	for i, p := range people() {
		email, mobile := "", ""
		if p.email {
			email = p.login + "@home.test"
		}
		if p.mobile {
			mobile = fmt.Sprintf("+4917139200%02d", i)
		}
		if email+mobile != "" {
			fmt.Fprintf(&b, "%s,%s,%s\n", p.login, email, mobile)
		}
	}
	return b.String()
}
