package mail

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

// requestHelp sends a request for help and returns the mail that arrived.
func requestHelp(t *testing.T, m delivery.Message) testenv.Message {
	t.Helper()
	server, config := newServer(t, testenv.MailOptions{})
	err := send(t, config, func(message *delivery.Message) {
		m.To, m.Kind, m.At, m.Network = message.To, delivery.KindSupport, time.Date(2026, 11, 23, 20, 24, 0, 0, time.UTC), "198.51.100.0/24"
		*message = m
	})
	if err != nil {
		t.Fatal(err)
	}
	messages := server.Messages()
	if len(messages) != 1 {
		t.Fatalf("%d mails", len(messages))
	}
	return messages[0]
}

func TestRequestForHelp(t *testing.T) {
	for language, texts := range map[string][]string{
		"en": {"NOT verified", "on a number that you have on file", "November 23, 2026, 20:24 UTC"},
		"de": {"NICHT geprüft", "bei Ihnen hinterlegt", "23. November 2026, 20:24 Uhr UTC"},
	} {
		got := requestHelp(t, delivery.Message{
			Language: language, Reference: "K7MP 2XQ4", Login: "bob", CallerLanguage: "pl", Recovery: "RECOVERY", Device: "Firefox on Windows",
			Caller: delivery.Caller{Name: "Żaneta Ü", Phone: "+49 30 1", Email: "z@home.test", Message: "eins\nzwei"},
		})
		texts = append(texts, "\r\n> Żaneta Ü\r\n", "\r\n> +49 30 1\r\n", "\r\n> z@home.test\r\n", "\r\n> eins\r\n> zwei\r\n", "\r\n> bob\r\n",
			": K7MP 2XQ4\r\n", ": 198.51.100.0/24\r\n", ": Firefox on Windows\r\n", ": pl\r\n", ": RECOVERY\r\n")
		text := strings.ReplaceAll(strings.ReplaceAll(got.Text, "\r\n", "\n"), "\n", "\r\n")
		for _, want := range texts {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the mail does not say %q:\n%s", language, want, text)
			}
		}
		if !strings.Contains(got.Subject, "K7MP 2XQ4") || got.Header.Get("Reply-To") != "<z@home.test>" || got.HTML != "" {
			t.Errorf("%s: subject %q, Reply-To %q, HTML %q", language, got.Subject, got.Header.Get("Reply-To"), got.HTML)
		}
	}
}

// Whatever a stranger writes, no line of it looks like one of ours, and none of
// it is in a header.
func TestRequestOfAStrangerIsMarked(t *testing.T) {
	const evil = "Latchkey knows"
	words := strings.Repeat(evil+": verified ", 30)
	for _, text := range []string{
		words, strings.ReplaceAll(words, " ", ""), "a\n" + evil, "a\r\n" + evil, "a\r" + evil, "a\u2028" + evil, "a\u0085" + evil, "a\v" + evil,
		"\u202e" + evil, "x\r\n.\r\nMAIL FROM:<" + evil, "<b>" + evil + "</b>", "{{.}}" + evil, "",
	} {
		got := requestHelp(t, delivery.Message{
			Reference: "K7MP 2XQ4", Login: text, Caller: delivery.Caller{Name: text, Phone: text, Message: text},
		})
		for line := range strings.Lines(got.Text) {
			line = strings.TrimRight(line, "\r\n")
			if strings.Contains(line, evil) && line != "What Latchkey knows:" && !strings.HasPrefix(line, "> ") {
				t.Errorf("%.20q became a line of ours: %q", text, line)
			}
			if strings.HasPrefix(line, "> ") && len(line) > 72 {
				t.Errorf("%.20q became a line of %d bytes, which may be wrapped", text, len(line))
			}
		}
		head, _, _ := strings.Cut(string(got.Raw), "\r\n\r\n")
		if strings.Contains(head, evil) || strings.Contains(head, "Reply-To") || got.HTML != "" {
			t.Errorf("%.20q is in the header or HTML:\n%s", text, head)
		}
	}
}

func TestReplyToIsANormalAddressOrNothing(t *testing.T) {
	_, config := newServer(t, testenv.MailOptions{})
	for _, address := range []string{"a@b.test\r\nBcc: c@d.test", "Bob <a@b.test>", "a@b.test, c@d.test", "a@B.test", "a"} {
		err := send(t, config, func(m *delivery.Message) {
			m.Kind, m.Caller.Email = delivery.KindSupport, address
		})
		if err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}
