package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"latchkey/internal/finding"
)

// The checks of a mail server, beside those of package finding.
const (
	checkReached  = "reachable"
	checkStartTLS = "starttls"
	checkSignIn   = "signs in"
)

// Examine looks whether each mail server would take our mail. None is sent.
func Examine(ctx context.Context, c Config) []finding.Finding {
	servers, err := openServers(c)
	if err != nil {
		sheet := finding.NewSheet("mail", checkReached)
		sheet.Fail(checkReached, err.Error(), "")
		return sheet.Findings("")
	}
	sheets := make([]*finding.Sheet, len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		sheets[i] = finding.NewSheet("mail, "+s.address(), checkReached, checkStartTLS, finding.TLS, finding.Certificate, checkSignIn)
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 2*c.Timeout.Std())
			defer cancel()
			s.examine(ctx, sheets[i])
		})
	}
	all.Wait()
	var findings []finding.Finding
	for _, sheet := range sheets {
		findings = append(findings, sheet.Findings("not tried: the checks before it failed")...)
	}
	return findings
}

func (s *server) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

func (s *server) examine(ctx context.Context, sheet *finding.Sheet) {
	sheet.Look = "openssl s_client -connect " + finding.Quote(s.address())
	if s.config.TLS == StartTLS {
		sheet.Look += " -starttls smtp"
	}
	if s.greet(ctx, sheet) {
		s.trySignIn(ctx, sheet)
	}
}

// greet connects and encrypts as sending does, and tells how far it came.
func (s *server) greet(ctx context.Context, sheet *finding.Sheet) bool {
	conn, err := s.dialer(ctx)(ctx, "tcp", s.address())
	if err != nil {
		if sheet.Untrusted(err, time.Now()) {
			sheet.Good(checkReached, "it answers")
		} else {
			sheet.Fail(checkReached, err.Error(), "# from here:\n"+sheet.Look+" </dev/null")
		}
		return false
	}
	defer conn.Close()
	if encrypted, ok := conn.(*tls.Conn); ok {
		sheet.Encrypted(encrypted.ConnectionState(), time.Now())
	}
	client, err := smtp.NewClient(conn, s.host)
	if err == nil {
		err = client.Hello("localhost")
	}
	if err != nil {
		sheet.Fail(checkReached, "it does not greet as a mail server does: "+err.Error(), "# tls = \"implicit\" is for port 465, \"starttls\" for 587; from here:\n"+sheet.Look+" </dev/null")
		return false
	}
	defer client.Close()
	sheet.Good(checkReached, "it answers")
	return s.encrypt(client, sheet)
}

func (s *server) encrypt(client *smtp.Client, sheet *finding.Sheet) bool {
	switch s.config.TLS {
	case ImplicitTLS:
		sheet.Skip(checkStartTLS, "tls = \"implicit\"", "")
		return true
	case NoTLS:
		for _, check := range []string{checkStartTLS, finding.TLS, finding.Certificate} {
			sheet.Skip(check, "tls = \"none\", on this machine", "")
		}
		return true
	}
	if offered, _ := client.Extension("STARTTLS"); !offered {
		sheet.Fail(checkStartTLS, "it is not offered, and nothing is sent without", "# set up TLS in the mail server, here Postfix:\npostconf -e smtpd_tls_security_level=may smtpd_tls_cert_file=CERT smtpd_tls_key_file=KEY && postfix reload\n# or, where it speaks TLS on port 465, in the configuration:\n[mail]\nport = 465\ntls = \"implicit\"")
		return false
	}
	if err := client.StartTLS(s.trust); err != nil {
		if sheet.Untrusted(err, time.Now()) {
			sheet.Good(checkStartTLS, "it is offered")
		} else {
			sheet.Fail(checkStartTLS, err.Error(), sheet.Look+" </dev/null")
		}
		return false
	}
	sheet.Good(checkStartTLS, "it is offered")
	if state, ok := client.TLSConnectionState(); ok {
		sheet.Encrypted(state, time.Now())
	}
	return true
}

// trySignIn goes the way of sending up to the first mail.
func (s *server) trySignIn(ctx context.Context, sheet *finding.Sheet) {
	if s.config.Username == "" {
		sheet.Skip(checkSignIn, "username is not set", "")
		return
	}
	client, err := gomail.NewClient(s.host, append(s.options(), gomail.WithDialContextFunc(s.dialer(ctx)))...)
	if err != nil {
		sheet.Fail(checkSignIn, err.Error(), "")
		return
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	answer, told := errors.AsType[*textproto.Error](err)
	switch {
	case err == nil:
		_ = client.CloseWithSMTPClient(session) // QUIT is courtesy
		sheet.Good(checkSignIn, "username and password are accepted")
	case told:
		sheet.Fail(checkSignIn, fmt.Sprintf("username and password are refused (%d)", answer.Code), "# the password is all of this file but the last line end:\nwc -lc "+finding.Quote(s.config.PasswordFile))
	default:
		sheet.Fail(checkSignIn, strings.TrimSpace(err.Error()), "")
	}
}
