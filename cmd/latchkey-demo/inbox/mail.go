package inbox

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// largestMail is the longest mail that is taken, in bytes.
const largestMail = 1 << 20

// ServeMail takes mail for everyone on a listener until that is closed.
func (i *Inbox) ServeMail(l net.Listener) error {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{inbox: i}, nil }))
	server.Domain, server.MaxMessageBytes = "localhost", largestMail
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	server.ErrorLog = log.New(io.Discard, "", 0)
	return server.Serve(l)
}

// session is one connection to the receiver of mail.
type session struct {
	inbox *Inbox
	to    []string
}

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	item, err := readMail(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	item.To = strings.Join(s.to, ", ")
	s.inbox.Add(item)
	return nil
}

func (s *session) Reset() { s.to = nil }

func (s *session) Logout() error { return nil }

// readMail reads the subject and the texts of a message (RFC 5322, RFC 2045).
func readMail(r io.Reader) (Item, error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return Item{}, fmt.Errorf("not a message: %w", err)
	}
	item := Item{Kind: Mail}
	if item.Title, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return Item{}, fmt.Errorf("read the subject: %w", err)
	}
	content, err := io.ReadAll(message.Body)
	if err != nil {
		return Item{}, fmt.Errorf("read the message: %w", err)
	}
	return item, item.readPart(message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"), content)
}

// readPart reads one part, or the parts in it.
func (i *Item) readPart(contentType, encoding string, content []byte) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("read the type of a part: %w", err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		return i.readParts(multipart.NewReader(bytes.NewReader(content), params["boundary"]))
	}
	if strings.EqualFold(encoding, "quoted-printable") {
		if content, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(content))); err != nil {
			return fmt.Errorf("read a part: %w", err)
		}
	}
	switch kind {
	case "text/plain":
		i.Text = string(content)
	case "text/html":
		i.HTML = string(content)
	}
	return nil
}

func (i *Item) readParts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the parts: %w", err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return fmt.Errorf("read a part: %w", err)
		}
		if err := i.readPart(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), content); err != nil {
			return err
		}
	}
}
