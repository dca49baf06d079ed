package sms

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"latchkey/internal/finding"
)

// The checks of the gateway, beside those of package finding.
const (
	checkCountries = "countries"
	checkReached   = "reachable"
)

// Examine looks whether the gateway is there. Nothing is sent to it, not even a
// request: what it makes of one only its maker knows.
func Examine(ctx context.Context, c Config) []finding.Finding {
	sheet := finding.NewSheet("sms", checkCountries, checkReached, finding.TLS, finding.Certificate)
	if !c.On() {
		sheet.Skip(checkCountries, "none is listed, so SMS is off", "# in the configuration, where people shall get SMS:\n[sms]\ncountries = [\"DE\"]")
		return sheet.Findings("SMS is off")
	}
	sheet.Good(checkCountries, "%s", strings.Join(c.Countries, " "))
	ctx, cancel := context.WithTimeout(ctx, c.Timeout.Std())
	defer cancel()
	c.reach(ctx, sheet)
	return sheet.Findings("not tried: the checks before it failed")
}

func (c Config) reach(ctx context.Context, sheet *finding.Sheet) {
	u, err := url.Parse(c.URL)
	if err != nil {
		sheet.Fail(checkReached, "url is not an address", "")
		return
	}
	port := cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
	address := net.JoinHostPort(u.Hostname(), port)
	sheet.Look = "openssl s_client -servername " + finding.Quote(u.Hostname()) + " -connect " + finding.Quote(address)
	conn, err := (&net.Dialer{Control: c.control}).DialContext(ctx, "tcp", address)
	if err != nil {
		fix := "# from here:\n" + sheet.Look + " </dev/null"
		if errors.Is(err, errNotPublic) {
			fix = "# where the gateway is inside, in the configuration:\n[sms]\nallow_private = [\"" + u.Hostname() + "\"]"
		}
		sheet.Fail(checkReached, err.Error(), fix)
		return
	}
	defer conn.Close()
	sheet.Good(checkReached, "it can be connected to; nothing was sent")
	if u.Scheme != "https" {
		sheet.Skip(finding.TLS, "http, on this machine", "")
		sheet.Skip(finding.Certificate, "http, on this machine", "")
		return
	}
	trust, err := c.trust()
	if err != nil {
		sheet.Fail(finding.TLS, err.Error(), "")
		return
	}
	trust.ServerName = u.Hostname()
	encrypted := tls.Client(conn, trust)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		if !sheet.Untrusted(err, time.Now()) {
			sheet.Fail(finding.TLS, err.Error(), sheet.Look+" </dev/null")
		}
		return
	}
	sheet.Encrypted(encrypted.ConnectionState(), time.Now())
}
