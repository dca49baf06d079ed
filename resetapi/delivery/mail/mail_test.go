package mail

import (
	"context"
	"errors"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/internal/leaktest"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// newServer starts a mail server and returns the configuration that suits it.
func newServer(t *testing.T, options testenv.MailOptions) (*testenv.MailServer, Config) {
	t.Helper()
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := testenv.NewMailServer(t, certificates, options)
	host, port, err := net.SplitHostPort(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	c := Defaults()
	c.Host, c.CAFile = host, certificates.CAFile
	if c.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	c.Username, c.Password = server.Username, setting.NewSecret(server.Password)
	c.From, c.FromName, c.ServiceName = "reset@example.org", "Beispiel & Söhne", "Example <Org>"
	if options.Implicit {
		c.TLS = ImplicitTLS
	}
	return server, c
}

func send(t *testing.T, c Config, change func(*delivery.Message)) error {
	t.Helper()
	m, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	message := delivery.Message{
		Kind: delivery.KindCode, To: "alice@xn--bcher-kva.example", Code: "12345678",
		ValidFor: 10 * time.Minute, Language: "en", Login: "alice",
	}
	if change != nil {
		change(&message)
	}
	return m.Send(t.Context(), message)
}

func TestSend(t *testing.T) {
	for name, options := range map[string]testenv.MailOptions{"STARTTLS": {}, "implicit TLS": {Implicit: true}} {
		t.Run(name, func(t *testing.T) {
			server, c := newServer(t, options)
			if err := send(t, c, nil); err != nil {
				t.Fatal(err)
			}
			m := server.Messages()[0]
			if m.From != "reset@example.org" || !slices.Equal(m.To, []string{"alice@xn--bcher-kva.example"}) {
				t.Errorf("envelope: from %s to %v", m.From, m.To)
			}
			if m.Subject != "Your code for Example <Org>" || strings.Contains(m.Subject, "1234") {
				t.Errorf("subject %q", m.Subject)
			}
			for _, want := range []string{"1234 5678", "10 minutes", "Account: alice", "You did not ask"} {
				if !strings.Contains(m.Text, want) || !strings.Contains(m.HTML, want) {
					t.Errorf("%q is not in both of\n%s\n%s", want, m.Text, m.HTML)
				}
			}
			if strings.Contains(m.Text+m.HTML, "http") {
				t.Error("a mail about a code has no links")
			}
			if !strings.Contains(m.HTML, "Example &lt;Org&gt;") {
				t.Error("the service's name is not escaped")
			}
			from, err := mail.ParseAddress(m.Header.Get("From"))
			if err != nil || from.Name != "Beispiel & Söhne" || from.Address != "reset@example.org" {
				t.Errorf("From %v, %v", from, err)
			}
			if m.Header.Get("Auto-Submitted") != "auto-generated" || !strings.HasSuffix(m.Header.Get("Message-Id"), "@example.org>") || m.Header.Get("Date") == "" {
				t.Errorf("header %v", m.Header)
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	server, c := newServer(t, testenv.MailOptions{})
	for _, test := range []struct{ language, subject, valid string }{
		{"de-AT", "Ihr Code für Example <Org>", "1 Minute "},
		{"en-GB", "Your code for Example <Org>", "1 minute "},
		{"tlh", "Your code for Example <Org>", "1 minute "},
		{"\r\nBcc: x@example.org", "Your code for Example <Org>", "1 minute "},
		{"", "Your code for Example <Org>", "1 minute "},
	} {
		before := len(server.Messages())
		if err := send(t, c, func(m *delivery.Message) { m.Language, m.ValidFor = test.language, 20*time.Second }); err != nil {
			t.Fatal(err)
		}
		if m := server.Messages()[before]; m.Subject != test.subject || !strings.Contains(m.Text, test.valid) {
			t.Errorf("%q: %q\n%s", test.language, m.Subject, m.Text)
		}
	}
}

func TestNothingIsSentWhenTheServerIsNotTrusted(t *testing.T) {
	for name, change := range map[string]func(*testenv.MailServer, *Config){
		"wrong password":    func(_ *testenv.MailServer, c *Config) { c.Password = setting.NewSecret("wrong-secret") },
		"STARTTLS stripped": func(s *testenv.MailServer, _ *Config) { s.Behave(testenv.MailBehavior{StripStartTLS: true}) },
		"unknown authority": func(_ *testenv.MailServer, c *Config) { c.CAFile = "" },
		"other name":        func(_ *testenv.MailServer, c *Config) { c.Host = "127.0.0.2" },
		"no sign-in":        func(_ *testenv.MailServer, c *Config) { c.Username, c.Password = "", setting.Secret{} },
	} {
		t.Run(name, func(t *testing.T) {
			server, c := newServer(t, testenv.MailOptions{})
			change(server, &c)
			err := send(t, c, nil)
			if err == nil || errors.Is(err, delivery.ErrPermanent) {
				t.Errorf("%v, want an error that is not permanent", err)
			}
			if err != nil && strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("the error tells the password: %v", err)
			}
			if len(server.Messages()) != 0 {
				t.Error("a message was sent")
			}
			if logins := server.Logins(); logins != 0 && name != "wrong password" {
				t.Errorf("%d passwords were sent", logins)
			}
		})
	}
}

func TestF25_AnswersOfTheServer(t *testing.T) {
	server, c := newServer(t, testenv.MailOptions{})
	patient := c.Timeout
	for name, test := range map[string]struct {
		behavior  testenv.MailBehavior
		permanent bool
		text      string
	}{
		"recipient later":   {testenv.MailBehavior{Recipient: 450}, false, "450"},
		"recipient unknown": {testenv.MailBehavior{Recipient: 550}, true, "550"},
		"content later":     {testenv.MailBehavior{Content: 451}, false, "451"},
		"content refused":   {testenv.MailBehavior{Content: 554}, true, "554"},
		"slow":              {testenv.MailBehavior{Delay: time.Minute}, false, "did not answer"},
	} {
		server.Behave(test.behavior)
		if c.Timeout = patient; test.behavior.Delay > 0 {
			c.Timeout = setting.Duration(3 * time.Second)
		}
		err := send(t, c, nil)
		if err == nil || errors.Is(err, delivery.ErrPermanent) != test.permanent || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "alice") {
			t.Errorf("%s: the error names the recipient: %v", name, err)
		}
	}
}

func TestSendingStopsWithItsContext(t *testing.T) {
	server, c := newServer(t, testenv.MailOptions{})
	server.Behave(testenv.MailBehavior{Delay: time.Minute})
	m, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	err = m.Send(ctx, delivery.Message{Kind: delivery.KindCode, To: "alice@example.org", Code: "12345678"})
	if took := time.Since(start); err == nil || took > 5*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

func TestS67_HeadersCannotBeInjected(t *testing.T) {
	server, c := newServer(t, testenv.MailOptions{})
	for _, to := range []string{
		"alice@example.org\r\nBcc: mallory@example.org",
		"alice@example.org, mallory@example.org",
		"Mallory <mallory@example.org>",
		"alice@example.org>\r\nRCPT TO:<mallory@example.org",
		"alice@EXAMPLE.org", "alice", "", `"a b"@example.org`, "alice@example.org\x00",
	} {
		if err := send(t, c, func(m *delivery.Message) { m.To = to }); !errors.Is(err, delivery.ErrPermanent) {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if len(server.Messages()) != 0 {
		t.Fatal("a message was sent")
	}
	if err := send(t, c, func(m *delivery.Message) {
		m.Login = "<b>x</b>\r\nBcc: mallory@example.org\r\n\r\n{valid}\u202e"
	}); err != nil {
		t.Fatal(err)
	}
	m := server.Messages()[0]
	if m.Header.Get("Bcc") != "" || len(m.To) != 1 || strings.Contains(m.HTML, "<b>") {
		t.Errorf("injected: %v %v\n%s", m.Header, m.To, m.HTML)
	}
	if !strings.Contains(m.Text, "Account: <b>x</b>??Bcc: mallory@example.org????{valid}?\r\n") {
		t.Errorf("the login did not stay on its line: %q", m.Text)
	}
	if err := send(t, c, func(m *delivery.Message) { m.Kind = "joke" }); !errors.Is(err, delivery.ErrPermanent) {
		t.Errorf("unknown kind: %v", err)
	}
}
