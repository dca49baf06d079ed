package mail

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"latchkey/resetapi/delivery"
)

// fuzzMailer writes mails and has no server.
func fuzzMailer(f *testing.F) *Mailer {
	f.Helper()
	c := Defaults()
	c.Host, c.From, c.FromName, c.ServiceName = "mail.example.org", "reset@example.org", "Beispiel & Söhne", "Example <Org>"
	m, err := Open(c)
	if err != nil {
		f.Fatal(err)
	}
	m.Support = Support{Name: "IT", Phone: "+49 30 1", Email: "help@example.org"}
	return m
}

// evil are values from hell for a text in a mail.
var evil = []string{
	"alice", "a\r\nBcc: eve@evil.example", "a\nSubject: x\n\nbody", "a\rb", "\u2028x", "\u0085x", "\u202eecila", "\x1b[2J", "<script>alert(1)</script>", "{{.Code}}", "{login}", "{service}",
	"=?utf-8?q?x?=", "\r\n.\r\nMAIL FROM:<x>", "-- \nOurs: x", "> x", "\xff\xfe", "\x00", " ", "\ufeff", strings.Repeat("long ", 300), strings.Repeat("ä", 400), "http://evil.example/", "\t\v\f",
}

// headers are those of every mail of ours. A body that is one part has its
// encoding here.
var headers = []string{
	"Auto-Submitted", "Content-Language", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To", "X-Auto-Response-Suppress",
}

// written is a mail as a server gets it, and as a program of the recipient reads
// its header.
func written(t *testing.T, m *Mailer, message delivery.Message) *mail.Message {
	t.Helper()
	letter, err := m.compose(message)
	if err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	if _, err := letter.WriteTo(&wire); err != nil {
		t.Fatal(err)
	}
	read, err := mail.ReadMessage(bytes.NewReader(wire.Bytes()))
	if err != nil {
		t.Fatalf("no mail: %v\n%s", err, wire.Bytes())
	}
	for name, values := range read.Header {
		if !slices.Contains(headers, name) || len(values) != 1 {
			t.Errorf("a header %s: %q", name, values)
		}
	}
	for line := range strings.SplitSeq(wire.String(), "\n") {
		if len(line) > 999 || strings.ContainsFunc(strings.TrimSuffix(line, "\r"), func(r rune) bool { return r > '~' || r < ' ' && r != '\t' }) {
			t.Errorf("a line that no server has to take: %q", line)
		}
	}
	if to, err := read.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != message.To {
		t.Errorf("to %v: %v", to, err)
	}
	return read
}

// FuzzMail: nothing that a directory or a person wrote gets into a header, makes
// a line of its own, or is anything but text.
func FuzzMail(f *testing.F) {
	for _, s := range evil {
		for i := range byte(3) {
			f.Add(s, s, s, i)
		}
	}
	m := fuzzMailer(f)
	f.Fuzz(func(t *testing.T, login, place, language string, kind byte) {
		message := delivery.Message{
			ID: "ID", Kind: []string{delivery.KindCode, delivery.KindNotice, delivery.KindRefusal}[int(kind)%3], To: "alice@example.org", Login: "alice",
			At: time.Date(2026, 11, 23, 20, 24, 0, 0, time.UTC), Code: "12345678", ValidFor: 10 * time.Minute, Reference: "K7MP 2XQ4",
		}
		hostile := message
		hostile.Login, hostile.Network, hostile.Device, hostile.Reason, hostile.Language = login, place, place, place, language
		head := written(t, m, hostile).Header
		hostilePage, err := m.catalogs.render(hostile, m.config.ServiceName, m.Support)
		if err != nil {
			t.Fatal(err)
		}
		message.Language, message.Network, message.Device = hostilePage.Language, network(place), device(place)
		if login == "" {
			message.Login = ""
		}
		plain, err := m.catalogs.render(message, m.config.ServiceName, m.Support)
		if err != nil {
			t.Fatal(err)
		}
		if hostilePage.Subject != plain.Subject || head.Get("Reply-To") != "" {
			t.Errorf("%q is in the header: %q", login, head)
		}
		if strings.Count(hostilePage.text, "\n") != strings.Count(plain.text, "\n") || strings.ContainsFunc(hostilePage.text, actsInText) {
			t.Errorf("%q makes lines: %q", login, hostilePage.text)
		}
		if diff := cmp.Diff(elements(t, plain.html), elements(t, hostilePage.html)); diff != "" {
			t.Errorf("%q makes HTML: %s", login, diff)
		}
	})
}

// actsInText reports what does more in a text than being read.
func actsInText(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

// elements are the names of a page's elements and attributes, in their order.
func elements(t *testing.T, page string) []string {
	t.Helper()
	tree, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for n := range tree.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		found = append(found, n.Data)
		for _, a := range n.Attr {
			found = append(found, n.Data+" "+a.Key)
		}
	}
	return found
}

// FuzzRequest: in a mail to support, every line that a stranger wrote is marked
// as theirs, and all other lines are as they would be without them.
func FuzzRequest(f *testing.F) {
	for _, s := range evil {
		f.Add(s, s, s)
	}
	m := fuzzMailer(f)
	f.Fuzz(func(t *testing.T, name, phone, text string) {
		message := delivery.Message{
			ID: "ID", Kind: delivery.KindSupport, To: "help@example.org", Language: "en", Reference: "K7MP 2XQ4", Recovery: "RECOVERY", CallerLanguage: "pl",
			Login: phone, Caller: delivery.Caller{Name: name, Phone: phone, Email: "z@home.test", Message: text},
		}
		head := written(t, m, message).Header
		page, err := m.catalogs.render(message, m.config.ServiceName, m.Support)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []*string{&message.Login, &message.Caller.Name, &message.Caller.Phone, &message.Caller.Message} {
			if *field != "" {
				*field = "plain"
			}
		}
		plain, err := m.catalogs.render(message, m.config.ServiceName, m.Support)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ours(plain.text), ours(page.text)); diff != "" {
			t.Errorf("%q, %q, %q make lines of ours: %s", name, phone, text, diff)
		}
		for line := range strings.Lines(page.text) {
			if strings.ContainsFunc(line, actsInText) || utf8.RuneCountInString(line) > quotedWidth+4 && strings.HasPrefix(line, "> ") {
				t.Errorf("a line that acts or is wrapped: %q", line)
			}
		}
		if page.html != "" || page.Subject != plain.Subject || head.Get("Reply-To") != "<z@home.test>" {
			t.Errorf("subject %q, header %q, HTML %q", page.Subject, head, page.html)
		}
	})
}

// ours are the lines that are not quoted.
func ours(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.HasPrefix(line, "> ") || line == ">" })
}

// FuzzRecipient: a mail goes to one address in normal form or nowhere.
func FuzzRecipient(f *testing.F) {
	for _, s := range append([]string{"alice@example.org", "alice@example.org, eve@evil.example", "Alice <alice@example.org>", "alice@example.org\r\nBcc: eve@evil.example", "\"a b\"@example.org", "a@b@c.de", "A@EXAMPLE.org"}, evil...) {
		f.Add(s, s)
	}
	m := fuzzMailer(f)
	f.Fuzz(func(t *testing.T, to, answerTo string) {
		message := delivery.Message{ID: "ID", Kind: delivery.KindSupport, To: to, Language: "en", Caller: delivery.Caller{Name: "x", Email: answerTo}}
		if _, err := m.compose(message); err != nil {
			return
		}
		head := written(t, m, message).Header
		if answerTo != "" && head.Get("Reply-To") != "<"+answerTo+">" || strings.ContainsAny(to+answerTo, " \r\n,<>\"") {
			t.Errorf("to %q, answers to %q: %q", to, answerTo, head)
		}
	})
}
