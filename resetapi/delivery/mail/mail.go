// Package mail is the delivery channel for e-mail: it renders messages from
// catalogs and templates and hands them to one submission server (RFC 6409).
//
// Rules:
//   - Nothing is sent without TLS and a verified certificate: STARTTLS
//     (RFC 3207) without fallback, or TLS from the first byte (RFC 8314). Only
//     a server on the loopback may do without.
//   - A mail goes to one recipient, an address in the normal form of package
//     contact. No text of a person or a directory gets into a header.
//   - A mail holds a code to type, never a link that does something: mail
//     scanners follow links.
//   - Mails are marked as automatic (RFC 3834), so that nobody's absence
//     assistant answers them.
//   - An answer 5xx to the recipient or the content is permanent; everything
//     else is tried again. The text of an answer often names the recipient, so
//     errors hold its number only.
//
// A language is one file in messages.
package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"latchkey/internal/contact"
	"latchkey/resetapi/delivery"
)

// Mailer sends mail. It is safe for concurrent use.
type Mailer struct {
	config   Config
	trust    *tls.Config
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
	m := &Mailer{config: c, catalogs: all, trust: &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authorities for mail: %w", err)
		}
		m.trust.RootCAs = x509.NewCertPool()
		if !m.trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in PEM form", c.CAFile)
		}
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
	ctx, cancel := context.WithTimeout(ctx, m.config.Timeout.Std())
	defer cancel()
	client, err := gomail.NewClient(m.config.Host, append(m.options(), gomail.WithDialContextFunc(m.dialer(ctx)))...)
	if err != nil {
		return fmt.Errorf("set up the mail client: %w", err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return greetingFailure(err)
	}
	if err := client.SendWithSMTPClient(session, letter); err != nil && !letter.IsDelivered() {
		return sendingFailure(err)
	}
	_ = client.CloseWithSMTPClient(session) // the mail is taken; QUIT is courtesy
	return nil
}

func (m *Mailer) options() []gomail.Option {
	options := []gomail.Option{
		gomail.WithPort(m.config.Port), gomail.WithTimeout(m.config.Timeout.Std()),
		gomail.WithTLSConfig(m.trust), gomail.WithoutSMTPUTF8(),
	}
	switch m.config.TLS {
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case ImplicitTLS:
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if m.config.Username != "" {
		options = append(
			options,
			gomail.WithUsername(m.config.Username), gomail.WithPassword(m.config.Password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin),
		)
	}
	return options
}

// compose makes the letter for a message.
func (m *Mailer) compose(message delivery.Message) (*gomail.Msg, error) {
	if to, err := contact.NormalEmail(message.To); err != nil || to != message.To {
		return nil, fmt.Errorf("%w: the recipient is not an address in normal form", delivery.ErrPermanent)
	}
	page, err := m.catalogs.render(message, m.config.ServiceName)
	if err != nil {
		return nil, err
	}
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(letter.FromFormat(m.config.FromName, m.config.From), letter.To(message.To)); err != nil {
		return nil, fmt.Errorf("%w: an address is refused by the mail library", delivery.ErrPermanent)
	}
	_, domain, _ := strings.Cut(m.config.From, "@")
	letter.SetMessageIDWithValue(rand.Text() + "@" + domain)
	letter.SetDate()
	letter.Subject(page.Subject)
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetGenHeader("X-Auto-Response-Suppress", "All")
	letter.SetGenHeader("Content-Language", page.Language)
	letter.SetBodyString(gomail.TypeTextPlain, page.text)
	letter.AddAlternativeString(gomail.TypeTextHTML, page.html)
	return letter, nil
}

// dialer returns how to connect. The library closes no connection that fails
// early, and does not look at the context once it is connected; so the
// connection is closed here, when ctx ends.
func (m *Mailer) dialer(ctx context.Context) gomail.DialContextFunc {
	return func(dialCtx context.Context, network, address string) (conn net.Conn, err error) {
		if m.config.TLS == ImplicitTLS {
			conn, err = (&tls.Dialer{Config: m.trust}).DialContext(dialCtx, network, address)
		} else {
			conn, err = (&net.Dialer{}).DialContext(dialCtx, network, address)
		}
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
}

// greetingFailure describes a failure before the mail itself was begun: none of
// them is the recipient's fault.
func greetingFailure(err error) error {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		const authenticationFailed = 535
		if answer.Code == authenticationFailed {
			return fmt.Errorf("the mail server refused username and password (%d)", answer.Code)
		}
		return fmt.Errorf("the mail server answered %d to our greeting", answer.Code)
	}
	return fmt.Errorf("connect to the mail server: %w", err)
}

// sendingFailure describes a failure of the mail itself.
func sendingFailure(err error) error {
	failure, ok := errors.AsType[*gomail.SendError](err)
	if !ok || failure.ErrorCode() == 0 {
		return errors.New("the connection to the mail server failed while sending")
	}
	code := failure.ErrorCode()
	switch failure.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		if code/100 == 5 {
			return fmt.Errorf("%w: the mail server answered %d", delivery.ErrPermanent, code)
		}
	}
	return fmt.Errorf("the mail server answered %d", code)
}
