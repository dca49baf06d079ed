// Package directorytest owns what every kind of directory has to do alike: one
// suite of cases, run unchanged against each real server, and the table of what
// came out.
//
// Rules:
//   - A case asks through [directory.Directory] only, as the product does, and
//     judges by what real clients of the server see: after each write a sign-in
//     with the new password and one with the old.
//   - A case has people of its own; what an administrator does to them is the
//     [Fixture]'s to say, in the server's own attributes.
//   - What a kind of server does not have is said in words by its fixture, and
//     stands in the table. Nothing is left out silently.
//
// A new flavor runs the suite with a fixture of its own: one file, and one line
// in the test that names them all.
package directorytest

import (
	"context"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// Fixture is a real directory, and what its administrator does.
type Fixture struct {
	// Name is the column of the table.
	Name string
	// Config is how Latchkey is told of the directory. Its policy: at least 10
	// characters, 3 in history, locked after 3 wrong passwords, no minimum age.
	Config directory.Config
	// DN is where a person is at the start.
	DN func(login string) string
	// Entry is LDIF that adds an ordinary person.
	Entry func(login, password string) string
	// Modify applies LDIF as the administrator.
	Modify func(ctx context.Context, ldif string) error
	// SignIn is a client of the server's kind that signs in; the error says that
	// it was not let in.
	SignIn func(ctx context.Context, dn, password string) error
	// Proxy stands in front of the server until the test ends.
	Proxy func(tb testenv.TB) *testenv.LDAPProxy
	// Changes are what is done to a person, as LDIF.
	Changes Changes
	// OneName tells that an entry has one cn only, so that the old one goes with a
	// rename.
	OneName bool
	// TrimsNames tells that the server takes a blank at the end of a name away,
	// also one that is escaped.
	TrimsNames bool
	// ResetIgnoresAge tells that a minimum age binds changes only.
	ResetIgnoresAge bool
	// ResetIgnoresHistory tells that only changes are held against the history.
	ResetIgnoresHistory bool
	// Lacks says, by the name of a case, why the server cannot have it.
	Lacks map[string]string
}

// Changes are what an administrator does to one person. Each returns LDIF.
type Changes struct {
	// Disable switches the account off.
	Disable func(dn string) string
	// End makes the account, not the password, one whose time is over.
	End func(dn string) string
	// LockForGood locks it until an administrator unlocks it.
	LockForGood func(dn string) string
	// Flag makes the person change the password at the next sign-in.
	Flag func(dn string) string
	// Age makes the password one that is too old.
	Age func(dn string) string
	// Promote makes the person one whom the directory itself protects.
	Promote func(dn string) string
	// Rejuvenate makes it one that is too young to be changed.
	Rejuvenate func(dn string) string
}

// deletion is LDIF that removes an entry.
func deletion(dn string) string { return "dn: " + dn + "\nchangetype: delete\n" }
