// Package sms is the delivery channel for SMS: it renders messages from catalogs
// and hands them to one HTTP gateway, which the configuration describes.
//
// Rules:
//   - SMS is off until countries are listed. Numbers of other countries,
//     premium, shared-cost and global ones get nothing.
//   - Each message pays, once, from the budgets of its prefix (the number
//     without its last four digits), its country and all SMS, and its price from
//     the money of the day. Beyond them nothing is sent, and nobody outside
//     learns of it. Notices of a changed password are counted and always sent.
//   - When hardly any code that goes to a prefix is ever entered, the prefix
//     pauses: somebody earns by messages that nobody reads.
//   - The gateway is talked to over TLS; clear text is for this machine only.
//     Redirects are not followed, and an address that is not public is refused
//     unless it is listed. The address that was checked is the one connected to.
//   - A message carries an id that stays the same when it is sent again. When
//     it may have been taken and no answer came, it is sent once more at most.
//   - The text fits into one SMS and holds nothing that a person or a directory
//     wrote. Its last line binds the code to the site ("@host #code", the format
//     of origin-bound one-time codes).
//   - Errors hold no number, no text and nothing of the gateway's answer but its
//     status.
//
// SMS can be intercepted; NIST SP 800-63B-4 §3.1.3.3 calls it restricted. A
// language is one file in messages.
package sms

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"

	"latchkey/internal/contact"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/delivery"
)

// Budgets are asked before a message is sent.
type Budgets interface {
	Take(ctx context.Context, budgets ...ratelimit.Budget) (ratelimit.Decision, error)
}

// Meter counts what the budgets and the watch did.
type Meter interface {
	Limited(limit string)
	// SMSCost is what the day has cost, in the configured currency.
	SMSCost(spent float64)
	// SMSPaused counts a prefix of a country that began to pause.
	SMSPaused(country string)
}

// Parts is what a gateway is made of beside its configuration. All are required.
type Parts struct {
	// PublicURL is the site that codes are bound to.
	PublicURL string
	Budgets   Budgets
	Ledger    *Ledger
	Meter     Meter
	Logger    *slog.Logger
}

// Gateway sends SMS. It is safe for concurrent use.
type Gateway struct {
	config    Config
	host      string
	budgets   Budgets
	ledger    *Ledger
	meter     Meter
	logger    *slog.Logger
	messages  *alarm
	money     *alarm
	catalogs  *catalogs
	transport *http.Transport
}

var _ delivery.Channel = (*Gateway)(nil)

// Open checks the configuration and reads the catalogs. It does not connect.
func Open(c Config, parts Parts) (*Gateway, error) {
	if !c.On() {
		return nil, errors.New("sms: no countries are listed, so SMS is off")
	}
	if faults := c.Faults(); len(faults) > 0 {
		return nil, fmt.Errorf("sms: %s %s", faults[0].Key, faults[0].Problem)
	}
	site, err := url.Parse(parts.PublicURL)
	if err != nil || site.Hostname() == "" {
		return nil, errors.New("sms: the public URL has no host")
	}
	all, err := loadCatalogs()
	if err != nil {
		return nil, fmt.Errorf("sms: %w", err)
	}
	trust, err := c.trust()
	if err != nil {
		return nil, err
	}
	return &Gateway{
		config: c, host: site.Hostname(), catalogs: all, transport: c.transport(trust),
		budgets: parts.Budgets, ledger: parts.Ledger, meter: parts.Meter, logger: parts.Logger,
		messages: &alarm{limit: ratelimit.SMS, logger: parts.Logger}, money: &alarm{limit: maxCost, logger: parts.Logger},
	}, nil
}

// transport connects to the gateway itself, never through a proxy, and to
// allowed addresses only.
func (c Config) transport(trust *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:     (&net.Dialer{Timeout: c.Timeout.Std(), Control: c.control}).DialContext,
		TLSClientConfig: trust,
		// A request on an old connection may be sent twice by the library.
		DisableKeepAlives: true,
	}
}

func (c Config) trust() (*tls.Config, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return trust, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authorities for SMS: %w", err)
	}
	trust.RootCAs = x509.NewCertPool()
	if !trust.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in PEM form", c.CAFile)
	}
	return trust, nil
}

// Send renders, judges, pays and sends one message.
func (g *Gateway) Send(ctx context.Context, m delivery.Message) error {
	country := contact.Country(m.To)
	switch {
	case country == "":
		return fmt.Errorf("%w: the recipient is not a personal number in normal form", delivery.ErrPermanent)
	case !slices.Contains(g.config.Countries, country):
		return fmt.Errorf("%w: the country of the number is not listed", delivery.ErrPermanent)
	case m.ID == "":
		return fmt.Errorf("%w: the message has no id", delivery.ErrPermanent)
	}
	text, err := g.catalogs.render(m, g.host)
	if err != nil {
		return err
	}
	if err := g.judge(ctx, m, country); err != nil {
		return err
	}
	if err := g.pay(ctx, m, country); err != nil {
		return err
	}
	err = g.post(ctx, values{to: m.To, text: text, id: m.ID, sender: g.config.Sender, secret: g.config.Secret.Reveal()})
	if err == nil {
		g.sent(ctx, m)
	}
	return err
}
