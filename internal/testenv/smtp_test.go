package testenv_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/smtp"
	"os"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

const letter = "From: a@example.test\r\nTo: b@example.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n" +
	"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=C3=A9llo\r\n" +
	"--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hello</p>\r\n--x--\r\n"

func newMailServer(t *testing.T, options testenv.MailOptions) (*testenv.MailServer, *tls.Config) {
	t.Helper()
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(certificates.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return testenv.NewMailServer(t, certificates, options), &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// sendLetter is a client that is careful, but for the password it is given.
func sendLetter(s *testenv.MailServer, trust *tls.Config, password string) error {
	c, err := smtp.Dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.StartTLS(trust); err != nil {
		return err
	}
	if password != "" {
		if err := c.Auth(smtp.PlainAuth("", s.Username, password, "127.0.0.1")); err != nil {
			return err
		}
	}
	if err := c.Mail("a@example.test"); err != nil {
		return err
	}
	if err := c.Rcpt("b@example.test"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(letter)); err != nil {
		return err
	}
	return w.Close()
}

func TestMailServerKeepsMail(t *testing.T) {
	s, trust := newMailServer(t, testenv.MailOptions{})
	arrived := make(chan testenv.Message, 1)
	go func() {
		m, err := s.Await(t.Context(), func(m testenv.Message) bool { return m.Subject == "Grüße" })
		if err != nil {
			t.Errorf("await: %v", err)
		}
		arrived <- m
	}()
	if err := sendLetter(s, trust, s.Password); err != nil {
		t.Fatal(err)
	}
	m := <-arrived
	if m.From != "a@example.test" || len(m.To) != 1 || strings.TrimSpace(m.Text) != "héllo" || strings.TrimSpace(m.HTML) != "<p>hello</p>" {
		t.Errorf("got %+v", m)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.Await(ctx, func(testenv.Message) bool { return false }); err == nil {
		t.Error("await returned a message that nobody sent")
	}
}

func TestMailServerRefuses(t *testing.T) {
	s, trust := newMailServer(t, testenv.MailOptions{})
	for name, test := range map[string]struct {
		behavior testenv.MailBehavior
		password string
		want     string
	}{
		"no login":       {password: "", want: "502"},
		"wrong password": {password: "wrong", want: "535"},
		"recipient":      {behavior: testenv.MailBehavior{Recipient: 550}, password: s.Password, want: "550"},
		"content":        {behavior: testenv.MailBehavior{Content: 451}, password: s.Password, want: "451"},
		"no STARTTLS":    {behavior: testenv.MailBehavior{StripStartTLS: true}, password: s.Password, want: "502"},
	} {
		s.Behave(test.behavior)
		if err := sendLetter(s, trust, test.password); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if got := s.Messages(); len(got) != 0 {
		t.Errorf("kept %d messages that it refused", len(got))
	}
}

func TestMailServerImplicitTLS(t *testing.T) {
	s, trust := newMailServer(t, testenv.MailOptions{Implicit: true})
	conn, err := tls.Dial("tcp", s.Addr, trust)
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(smtp.PlainAuth("", s.Username, s.Password, "127.0.0.1")); err != nil {
		t.Error(err)
	}
}
