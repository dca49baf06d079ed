package mail

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

var desk = Support{Name: "IT <desk>", Email: "help@example.org", Phone: "+49 30 1234", Text: "Room 7\nMonday to Friday"}

// sendKind sends a message of a kind and returns what arrived.
func sendKind(t *testing.T, support Support, m delivery.Message) testenv.Message {
	t.Helper()
	server, c := newServer(t, testenv.MailOptions{})
	mailer, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	mailer.Support = support
	m.To, m.At = "alice@example.org", time.Date(2026, time.March, 1, 9, 5, 0, 0, time.FixedZone("", 3600))
	m.Login, m.Reference = "alice", "ABCD-2345"
	if err := mailer.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return server.Messages()[0]
}

func TestNoticesAndRefusals(t *testing.T) {
	notice := delivery.Message{Kind: delivery.KindNotice, Network: "198.51.100.0/24", Device: "Firefox on Windows"}
	refusal := delivery.Message{Kind: delivery.KindRefusal, Reason: delivery.ReasonProtected, Network: "2001:db8::/48"}
	german := func(m delivery.Message) delivery.Message { m.Language = "de"; return m }
	for name, test := range map[string]struct {
		message delivery.Message
		subject string
		wants   []string
	}{
		"notice": {notice, "Your password for Example <Org> was changed", []string{
			"Sunday, March 1, 2026, 08:05 UTC", "198.51.100.0/24", "Firefox on Windows", "ABCD-2345", "That was not you?", "Account: alice",
			"Whom to ask:", "IT <desk>", "help@example.org", "Phone: +49 30 1234", "Room 7", "Monday to Friday",
		}},
		"Meldung": {german(notice), "Ihr Passwort für Example <Org> wurde geändert", []string{
			"Sonntag, 1. März 2026, 08:05 Uhr UTC", "198.51.100.0/24", "Das waren Sie nicht?", "Vorgangsnummer", "ABCD-2345", "Telefon: +49 30 1234",
		}},
		"refusal": {refusal, "Your request to reset a password for Example <Org>", []string{
			"specially protected", "Nothing was changed", "08:05 UTC", "2001:db8::/48", "ABCD-2345", "IT <desk>",
		}},
		"Absage": {german(refusal), "Ihre Anfrage, ein Passwort für Example <Org> zurückzusetzen", []string{
			"besonders geschützt", "Es wurde nichts geändert", "ABCD-2345",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := sendKind(t, desk, test.message)
			if got.Subject != test.subject {
				t.Errorf("subject %q", got.Subject)
			}
			html := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#43;", "+", "</td><td>", ": ").Replace(got.HTML)
			for _, want := range test.wants {
				if !strings.Contains(got.Text, want) || !strings.Contains(html, want) {
					t.Errorf("%q is not in both of\n%s\n%s", want, got.Text, got.HTML)
				}
			}
			for _, never := range []string{"http", "href", "<desk>"} {
				if strings.Contains(got.HTML, never) {
					t.Errorf("%q is in %s", never, got.HTML)
				}
			}
		})
	}
}

func TestUnknownFactsAreLeftOut(t *testing.T) {
	got := sendKind(t, Support{}, delivery.Message{Kind: delivery.KindRefusal, Reason: "of tomorrow"})
	for _, never := range []string{"Device", "Network", "{", "Whom to ask:"} {
		if strings.Contains(got.Text, never) {
			t.Errorf("%q is in %s", never, got.Text)
		}
	}
	for _, want := range []string{"does not allow it", "Ask the people who look after"} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("%q is not in %s", want, got.Text)
		}
	}
}

// Whoever asks for a reset chooses what their browser says of itself: none of
// it may become a text in a mail of ours.
func TestS67_NobodyWritesIntoOurMails(t *testing.T) {
	for _, text := range []string{
		"Call 0900 123, now!", "see evil.example", "http://evil.example", "a\r\nBcc: b@example.org", strings.Repeat("x", 61), "<b>", "{service}",
	} {
		got := sendKind(t, desk, delivery.Message{Kind: delivery.KindNotice, Device: text, Network: text})
		if strings.Contains(got.Text, text) || strings.Contains(got.Text, "Device") || strings.Contains(got.Text, "Network") {
			t.Errorf("%q is in %s", text, got.Text)
		}
	}
	for _, good := range []string{"198.51.100.7", "2001:db8::/48"} {
		if network(good) != good {
			t.Errorf("%s is left out", good)
		}
	}
}
