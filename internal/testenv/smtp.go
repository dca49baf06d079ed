package testenv

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// MailBehavior is how a mail server treats what comes after it was set.
type MailBehavior struct {
	// Recipient refuses every recipient with this reply, such as 450 or 550.
	Recipient int
	// Content refuses every message after its content with this reply.
	Content int
	// Delay passes before the content is answered.
	Delay time.Duration
	// StripStartTLS makes new connections behave as if somebody in between
	// had removed STARTTLS: it is not offered, but AUTH in clear is.
	StripStartTLS bool
}

// MailOptions change how a mail server is started.
type MailOptions struct {
	// Implicit speaks TLS from the first byte, instead of STARTTLS.
	Implicit bool
	// OnMessage is called with every message that was accepted.
	OnMessage func(Message)
}

// MailServer is a real SMTP server on the loopback that takes mail only after
// TLS and AUTH, and keeps it.
type MailServer struct {
	// Addr is host:port.
	Addr string
	// Username and Password are what AUTH wants.
	Username, Password string

	onMessage func(Message)
	listener  net.Listener
	honest    *smtp.Server
	stripped  *smtp.Server
	handovers []*handover
	ended     chan struct{}
	served    sync.WaitGroup

	mu       sync.Mutex
	behavior MailBehavior
	messages []Message
	changed  chan struct{}
	logins   int
}

// StartMailServer starts a mail server with these certificates.
func StartMailServer(certificates *Certificates, options MailOptions) (*MailServer, error) {
	pair, err := tls.LoadX509KeyPair(certificates.CertFile, certificates.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the mail server's certificate: %w", err)
	}
	trust := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &MailServer{
		Addr: l.Addr().String(), Username: "latchkey", Password: rand.Text(),
		onMessage: options.OnMessage, listener: l,
		ended: make(chan struct{}), changed: make(chan struct{}),
	}
	if options.Implicit {
		s.listener = tls.NewListener(l, trust)
	}
	s.honest, s.stripped = s.server(), s.server()
	s.honest.TLSConfig = trust
	s.stripped.AllowInsecureAuth = true
	s.serve()
	return s, nil
}

// NewMailServer starts a mail server for a test and stops it with the test.
func NewMailServer(tb TB, certificates *Certificates, options MailOptions) *MailServer {
	tb.Helper()
	s, err := StartMailServer(certificates, options)
	if err != nil {
		tb.Fatalf("start the mail server: %v", err)
	}
	tb.Cleanup(s.Stop)
	return s
}

func (s *MailServer) server() *smtp.Server {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &mailSession{server: s}, nil
	}))
	server.Domain = "localhost"
	server.MaxMessageBytes = 1 << 20
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	server.ErrorLog = log.New(io.Discard, "", 0)
	return server
}

// serve hands each connection to the server that behaves as it should now.
func (s *MailServer) serve() {
	honest, stripped := newHandover(s.listener.Addr()), newHandover(s.listener.Addr())
	s.handovers = []*handover{honest, stripped}
	s.served.Go(func() { _ = s.honest.Serve(honest) })
	s.served.Go(func() { _ = s.stripped.Serve(stripped) })
	s.served.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			to := honest
			if s.behaves().StripStartTLS {
				to = stripped
			}
			if !to.give(conn) {
				_ = conn.Close()
			}
		}
	})
}

// Stop ends the server and all its connections.
func (s *MailServer) Stop() {
	close(s.ended)
	_ = s.listener.Close()
	for _, h := range s.handovers {
		_ = h.Close()
	}
	_, _ = s.honest.Close(), s.stripped.Close()
	s.served.Wait()
}

// Behave changes the behavior from now on.
func (s *MailServer) Behave(b MailBehavior) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behavior = b
}

func (s *MailServer) behaves() MailBehavior {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behavior
}

// Logins is how often somebody tried to sign in, with whatever password.
func (s *MailServer) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Messages returns what was accepted so far.
func (s *MailServer) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Await returns the first message that matches, as soon as there is one.
func (s *MailServer) Await(ctx context.Context, match func(Message) bool) (Message, error) {
	for seen := 0; ; {
		s.mu.Lock()
		messages, changed := s.messages, s.changed
		s.mu.Unlock()
		for ; seen < len(messages); seen++ {
			if match(messages[seen]) {
				return messages[seen], nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("no such message among the %d that came: %w", seen, ctx.Err())
		}
	}
}

func (s *MailServer) accept(m Message) {
	s.mu.Lock()
	s.messages = append(s.messages, m)
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	if s.onMessage != nil {
		s.onMessage(m)
	}
}

// signIn checks what AUTH brought.
func (s *MailServer) signIn(username, password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins++
	if username != s.Username || subtle.ConstantTimeCompare([]byte(password), []byte(s.Password)) != 1 {
		return smtp.ErrAuthFailed
	}
	return nil
}
