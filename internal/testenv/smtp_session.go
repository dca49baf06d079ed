package testenv

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailSession is one connection to a mail server.
type mailSession struct {
	server   *MailServer
	signedIn bool
	from     string
	to       []string
}

func (m *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (m *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		err := m.server.signIn(username, password)
		m.signedIn = err == nil
		return err
	}), nil
}

func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if !m.signedIn {
		return smtp.ErrAuthRequired
	}
	m.from = from
	return nil
}

func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if code := m.server.behaves().Recipient; code != 0 {
		return refusal(code, to)
	}
	m.to = append(m.to, to)
	return nil
}

func (m *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	b := m.server.behaves()
	select {
	case <-m.server.ended:
		return errors.New("the server is stopping")
	case <-time.After(b.Delay):
	}
	if b.Content != 0 {
		return refusal(b.Content, m.from)
	}
	message, err := parseMessage(raw)
	if err != nil {
		return refusal(554, err.Error())
	}
	message.From, message.To = m.from, m.to
	m.server.accept(message)
	return nil
}

func (m *mailSession) Reset() { m.from, m.to = "", nil }

func (m *mailSession) Logout() error { return nil }

// refusal names the address, as real servers do: that text is not for logs.
func refusal(code int, about string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: "<" + about + ">: refused"}
}

// handover is a listener whose connections somebody else accepted.
type handover struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newHandover(addr net.Addr) *handover {
	return &handover{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (h *handover) give(conn net.Conn) bool {
	select {
	case h.conns <- conn:
		return true
	case <-h.closed:
		return false
	}
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *handover) Addr() net.Addr { return h.addr }
