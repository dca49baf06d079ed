// Package mail is the delivery channel for e-mail: it renders messages from
// catalogs and templates and hands them to a submission server (RFC 6409), or to
// the next one when that is down.
//
// Rules:
//   - Nothing is sent without TLS and a verified certificate: STARTTLS
//     (RFC 3207) without fallback, or TLS from the first byte (RFC 8314). Only
//     a server on the loopback may do without.
//   - A mail goes to one recipient, an address in the normal form of package
//     contact. No text of a person or a directory gets into a header, but the
//     address of one who asks for help, in the same normal form, as Reply-To.
//   - A request for help is plain text, and each line of the stranger who wrote
//     it is marked as theirs.
//   - A mail holds a code to type or words to read, never a link that does
//     something: mail scanners follow links. The one link, "that was not me",
//     leads to a page that asks first.
//   - What a mail tells of place and device passes a narrow form, so that nobody
//     can write a text of their own into a mail of ours.
//   - Mails are marked as automatic (RFC 3834), so that nobody's absence
//     assistant answers them.
//   - An answer 5xx to the recipient or the content is permanent and no other
//     server is asked; after everything else the next one is, and later all of
//     them again. A server that could not be reached is left alone for a while.
//   - When no answer comes after the content, the mail may be on its way: no
//     other server gets it in the same attempt.
//   - The text of an answer often names the recipient, so errors hold its number
//     only.
//
// A language is one file in messages.
package mail

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"latchkey/internal/contact"
	"latchkey/resetapi/delivery"
)

// Mailer sends mail. It is safe for concurrent use.
type Mailer struct {
	// Support is whom mails tell people to ask. Set it before the first Send.
	Support Support

	config   Config
	servers  []*server
	catalogs *catalogs
}

// Open checks the configuration and reads catalogs and templates. It does not
// connect.
func Open(c Config) (*Mailer, error) {
	if faults := c.Faults(); len(faults) > 0 {
		return nil, fmt.Errorf("mail: %s %s", faults[0].Key, faults[0].Problem)
	}
	all, err := loadCatalogs()
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	m := &Mailer{config: c, catalogs: all}
	if m.servers, err = openServers(c); err != nil {
		return nil, err
	}
	if m.config.FromName == "" {
		m.config.FromName = c.ServiceName
	}
	return m, nil
}

// Send renders and sends one message.
func (m *Mailer) Send(ctx context.Context, message delivery.Message) error {
	letter, err := m.compose(message)
	if err != nil {
		return err
	}
	var failures []error
	for _, s := range m.reachable() {
		err := s.send(ctx, letter)
		if err == nil || errors.Is(err, delivery.ErrPermanent) || errors.Is(err, delivery.ErrUncertain) {
			return err
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// reachable returns the servers that may be asked, in their order. When all of
// them were away lately, it is the one whose rest ends first: somebody must find
// out that it is back.
func (m *Mailer) reachable() []*server {
	now := time.Now()
	ready := slices.DeleteFunc(slices.Clone(m.servers), func(s *server) bool { return s.restsUntil().After(now) })
	if len(ready) > 0 {
		return ready
	}
	return []*server{slices.MinFunc(m.servers, func(a, b *server) int { return a.restsUntil().Compare(b.restsUntil()) })}
}

// compose makes the letter for a message.
func (m *Mailer) compose(message delivery.Message) (*gomail.Msg, error) {
	if to, err := contact.NormalEmail(message.To); err != nil || to != message.To {
		return nil, fmt.Errorf("%w: the recipient is not an address in normal form", delivery.ErrPermanent)
	}
	page, err := m.catalogs.render(message, m.config.ServiceName, m.Support)
	if err != nil {
		return nil, err
	}
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(letter.FromFormat(m.config.FromName, m.config.From), letter.To(message.To)); err != nil {
		return nil, fmt.Errorf("%w: an address is refused by the mail library", delivery.ErrPermanent)
	}
	if err := answerTo(letter, page.ReplyTo); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(m.config.From, "@")
	letter.SetMessageIDWithValue(cmp.Or(message.ID, rand.Text()) + "@" + domain)
	letter.SetDate()
	letter.Subject(page.Subject)
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetGenHeader("X-Auto-Response-Suppress", "All")
	letter.SetGenHeader("Content-Language", page.Language)
	letter.SetBodyString(gomail.TypeTextPlain, page.text)
	if page.html != "" {
		letter.AddAlternativeString(gomail.TypeTextHTML, page.html)
	}
	return letter, nil
}

// answerTo has answers go to an address in normal form, if there is one.
func answerTo(letter *gomail.Msg, address string) error {
	if address == "" {
		return nil
	}
	if normal, err := contact.NormalEmail(address); err != nil || normal != address || letter.ReplyTo(address) != nil {
		return fmt.Errorf("%w: the address to answer to is not in normal form", delivery.ErrPermanent)
	}
	return nil
}
