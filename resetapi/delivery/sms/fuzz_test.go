package sms

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/setting"
	"latchkey/resetapi/delivery"
)

// sent is what an HTTP server reads of a request to the gateway.
func sent(t *testing.T, c Config, v values) (*http.Request, string) {
	t.Helper()
	g := &Gateway{config: c}
	request, err := g.request(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	var body string
	if request.Body != nil {
		text, err := io.ReadAll(request.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = string(text)
		request.Body = io.NopCloser(strings.NewReader(body))
	}
	return request, body
}

// FuzzTemplate: what a value holds stays in its place, in every form of body and
// in the query, and no value is taken for a placeholder.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"x", `"`, `","to":"+4900`, "a\r\nb", "</text><to>1</to><text>", "<![CDATA[", "]]>", "a&to=1", "a=b;c", "{to}", "{secret}", "{{text}}", "\\u0000", "\x00", "\xff", "ä€😀", "%00", "+", " ", "#x", "\u2028", "\x1b[2J", "é\x0c",
	} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, text, secret string) {
		if !utf8.ValidString(text) || !utf8.ValidString(secret) {
			t.Skip("texts come from catalogs, secrets from files in UTF-8")
		}
		v := values{to: "+4915123456789", text: text, id: "job-1", sender: "Example", secret: secret}
		want := map[string]string{"to": v.to, "text": text, "secret": secret}
		c := Defaults()
		c.Method, c.URL = http.MethodPost, "https://sms.example.org/send?secret={secret}&text={text}"

		c.ContentType, c.Body = typeJSON, `{"to":"{to}","text":"{text}","secret":"{secret}"}`
		request, body := sent(t, c, v)
		var read map[string]string
		if err := json.Unmarshal([]byte(body), &read); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if diff := cmp.Diff(want, read); diff != "" {
			t.Errorf("JSON: %s", diff)
		}
		if query := request.URL.Query(); len(query) != 2 || query.Get("text") != text || query.Get("secret") != secret {
			t.Errorf("the query is %q", request.URL.RawQuery)
		}

		c.ContentType, c.Body = typeForm, "to={to}&text={text}&secret={secret}"
		_, body = sent(t, c, v)
		form, err := url.ParseQuery(body)
		if err != nil || len(form) != 3 || form.Get("text") != text || form.Get("secret") != secret || form.Get("to") != v.to {
			t.Errorf("the form is %q: %v", body, err)
		}

		c.ContentType, c.Body = typeXML, "<sms><to>{to}</to><text>{text}</text><secret>{secret}</secret></sms>"
		_, body = sent(t, c, v)
		var document struct {
			To     []string `xml:"to"`
			Text   []string `xml:"text"`
			Secret []string `xml:"secret"`
			Other  []struct {
				XMLName xml.Name
			} `xml:",any"`
		}
		if err := xml.Unmarshal([]byte(body), &document); err != nil || len(document.To) != 1 || len(document.Text) != 1 || len(document.Other) != 0 || document.To[0] != v.to {
			t.Errorf("the XML is %q: %v", body, err)
		}
		if len(document.Text) == 1 && document.Text[0] != inXMLAgain(text) {
			t.Errorf("%q is read as %q", text, document.Text[0])
		}
	})
}

// inXMLAgain is a text as far as XML has its characters (XML 1.0 §2.2).
func inXMLAgain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= ' ' && r != 0xfffe && r != 0xffff:
			return r
		}
		return utf8.RuneError
	}, s)
}

// FuzzHeader: no value makes another header of a request.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{"hunter2", "a\r\nX-Evil: 1", "a\nb", "\x00", "ä", " x ", "{id}", ""} {
		f.Add(s)
	}
	c := Defaults()
	c.URL, c.Headers = "https://sms.example.org/", []string{"authorization: Bearer {secret}", "X-Id: {id}"}
	f.Fuzz(func(t *testing.T, secret string) {
		c := c
		c.Secret = setting.NewSecret(secret)
		request, _ := sent(t, c, values{to: "+4915123456789", text: "x", id: "job-1", secret: secret})
		var wire bytes.Buffer
		if request.Write(&wire) != nil {
			return // refused before a byte of it is sent
		}
		head, _, _ := strings.Cut(wire.String(), "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			switch name {
			case "POST / HTTP/1.1", "Host", "User-Agent", "Content-Length", "Authorization", "Content-Type", "Idempotency-Key", "X-Id", "Transfer-Encoding":
			default:
				t.Errorf("%q makes the line %q", secret, line)
			}
		}
	})
}

// FuzzText: an SMS is one SMS, says the code, and holds nothing that a person or
// a directory wrote.
func FuzzText(f *testing.F) {
	all, err := loadCatalogs()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"alice", "\u202e", "{code}", "a\nb", strings.Repeat("x", 500)} {
		f.Add(s, "de;q=1", int64(time.Minute), int64(0))
	}
	f.Add("x", "en", int64(-1), int64(1)<<62)
	f.Fuzz(func(t *testing.T, written, language string, valid, at int64) {
		m := delivery.Message{
			Kind: delivery.KindCode, To: "+4915123456789", Code: "12345678", Language: "en", ValidFor: time.Duration(valid), At: time.Unix(at%1e11, 0).UTC(),
		}
		for _, kind := range []string{delivery.KindCode, delivery.KindNotice} {
			m.Kind = kind
			if kind == delivery.KindNotice {
				m.Code = ""
			}
			hostile := m
			hostile.Login, hostile.Network, hostile.Device, hostile.Reason, hostile.Reference = written, written, written, written, written
			hostile.Caller = delivery.Caller{Name: written, Message: written}
			got, err := all.render(hostile, "reset.example.org")
			want, wantErr := all.render(m, "reset.example.org")
			if got != want || (err == nil) != (wantErr == nil) || !fits(got) {
				t.Errorf("%q became %q: %v", written, got, err)
			}
			hostile.Language = language
			if got, err := all.render(hostile, "reset.example.org"); err != nil || !fits(got) || kind == delivery.KindCode && !strings.Contains(got, "1234 5678") {
				t.Errorf("in %q: %q, %v", language, got, err)
			}
		}
	})
}
