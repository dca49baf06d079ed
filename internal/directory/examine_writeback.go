package directory

import (
	"context"
	"errors"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/finding"
)

// The checks of the identity that writes contacts.
const (
	checkWriterIn       = "write_back account"
	checkWriterSees     = "sees entries"
	checkWriterContacts = "writes contacts"
	checkWriterPassword = "writes no password"
)

const (
	noCanary      = "no canary is named"
	wantRights    = "# give it the rights of docs/sync.md, \"Writing contacts back\""
	wantNoRights  = "# take this right from it: docs/sync.md, \"Writing contacts back\", has all that it needs"
	wantNoCanary  = "latchkey doctor --canary LOGIN"
	wantSignedIn  = "# look at bind_dn and bind_password_file in [sync.write_back]"
	nobodysNumber = "+999000000000"
)

// Examine looks at what the identity may do, on the canary alone, and in a way that
// changes nothing: values are to be taken away that nobody has, since rights come
// first. people is the same directory for the service account.
func (w *WriteBack) Examine(ctx context.Context, people *Directory, canary string) []finding.Finding {
	sheet := finding.NewSheet("directory "+w.own.config.Name+", write_back", checkWriterIn, checkWriterSees, checkWriterContacts, checkWriterPassword)
	if _, err := w.own.kindOfServer(ctx); err != nil {
		sheet.Fail(checkWriterIn, err.Error(), wantSignedIn)
		return sheet.Findings("not tried: the account is not let in")
	}
	sheet.Good(checkWriterIn, "it is let in")
	if canary == "" {
		for _, check := range []string{checkWriterSees, checkWriterContacts, checkWriterPassword} {
			sheet.Skip(check, noCanary, wantNoCanary)
		}
		return sheet.Findings("")
	}
	p, err := people.Find(ctx, canary)
	if err != nil {
		return sheet.Findings("not tried: user_filter does not find the canary")
	}
	h, err := w.Read(ctx, p.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		sheet.Fail(checkWriterSees, "it does not find the canary by its permanent id", wantRights)
	case err != nil:
		sheet.Warn(checkWriterSees, err.Error(), "")
	default:
		sheet.Good(checkWriterSees, "it finds the canary by its permanent id")
		w.tryContacts(ctx, sheet, h)
		w.tryPassword(ctx, sheet, people, p, h)
	}
	return sheet.Findings("not tried: the entry is not seen")
}

// tryContacts takes a value away that nobody has.
func (w *WriteBack) tryContacts(ctx context.Context, sheet *finding.Sheet, h Held) {
	for _, attribute := range w.attributes {
		err := w.Remove(ctx, h, attribute, nobodysNumber)
		switch {
		case errors.Is(err, ErrNotAllowed):
			sheet.Fail(checkWriterContacts, "it may not write "+attribute, wantRights)
			return
		case err != nil && !errors.Is(err, ErrUnfit):
			sheet.Warn(checkWriterContacts, err.Error(), "")
			return
		}
	}
	sheet.Good(checkWriterContacts, "it may write all of its attributes")
}

// tryPassword wants to be refused. A server that judges the password instead of the
// rights must refuse that one for sure.
func (w *WriteBack) tryPassword(ctx context.Context, sheet *finding.Sheet, people *Directory, p *Person, h Held) {
	f := w.own.known()
	a, ok := f.(adviser)
	if !ok {
		sheet.Skip(checkWriterPassword, "how this kind of server tells is not known", "")
		return
	}
	if policy, err := people.Policy(ctx, p); f.atOnce() && (err != nil || policy.MinLength <= weakLength) {
		sheet.Skip(checkWriterPassword, "not tried: the canary's password policy sets no least length that can be read", "")
		return
	}
	_, err := w.own.onOnce(ctx, h.server, false, func(ctx context.Context, c *conn) error {
		return c.do(ctx, func(l *ldap.Conn) error {
			return a.touch(l, passwordWrite{dn: h.dn, id: h.id, password: randomOf(nameLetters, weakLength), root: c.root})
		})
	})
	switch {
	case errors.Is(err, ErrNotAllowed):
		sheet.Good(checkWriterPassword, "passwords are not for it to write")
	case err == nil || answeredOutcome(err):
		sheet.Fail(checkWriterPassword, "it may write passwords, which is the other account's alone", wantNoRights)
	default:
		sheet.Warn(checkWriterPassword, err.Error(), "")
	}
}
