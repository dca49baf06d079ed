package ldapserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// connection is one client. Its reader is one goroutine; each operation but
// bind and StartTLS, which run alone, has another.
type connection struct {
	server     *Server
	peer       *Peer
	operations Operations
	ctx        context.Context
	cancel     context.CancelFunc
	// network, in and bound belong to the reader; network changes with StartTLS
	// only, when nothing else runs.
	network net.Conn
	in      *bufio.Reader
	bound   bool

	deadlines sync.Mutex
	ending    bool

	writes sync.Mutex
	out    *bufio.Writer
	broken error

	work work
}

// The ends of a connection that the other side did not bring about.
var (
	errTooLarge = errors.New("ldapserver: message too large")
	errIdle     = errors.New("ldapserver: idle")
	errEnding   = errors.New("ldapserver: the server ends")
	errPanic    = errors.New("ldapserver: panic")
)

// serve runs a connection to its end.
func serve(ctx context.Context, s *Server, network net.Conn) {
	peer := &Peer{Address: network.RemoteAddr(), StartTLS: s.config.TLS != nil}
	c := &connection{server: s, peer: peer, work: newWork(s.config)}
	// Operations in flight outlive the server's context by the time of grace.
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer c.cancel()
	c.use(network)
	stop := context.AfterFunc(ctx, c.interrupt)
	defer stop()
	err := c.run()
	s.logger.Debug("a connection ended", "reason", err)
	c.close(err)
}

// use reads from and writes to a connection from now on.
func (c *connection) use(network net.Conn) {
	c.network, c.in, c.out = network, bufio.NewReader(network), bufio.NewWriter(network)
}

// run reads and starts operations until the connection is of no more use.
func (c *connection) run() (err error) {
	defer c.contain(&err)
	if encrypted, ok := c.network.(*tls.Conn); ok {
		if err := c.handshake(encrypted); err != nil {
			return err
		}
	}
	c.operations = c.server.handler.Open(c.ctx, c.peer)
	for {
		m, controlsErr, err := c.read()
		if err != nil {
			return err
		}
		if err := c.handle(m, controlsErr); err != nil {
			return err
		}
	}
}

// contain keeps a panic within its connection. What was panicked with may hold
// what a client sent, so only the runtime's own errors are logged.
func (c *connection) contain(err *error) {
	p := recover()
	if p == nil {
		return
	}
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	c.server.logger.Error("an operation panicked; its connection is closed", "panic", what, "stack", string(debug.Stack()))
	*err = errPanic
}

func (c *connection) handshake(encrypted *tls.Conn) error {
	ctx, cancel := context.WithTimeout(c.ctx, c.server.config.ReadTimeout)
	defer cancel()
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	c.peer.encrypted.Store(true)
	return nil
}

// interrupt ends the wait for another message.
func (c *connection) interrupt() {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.ending = true
	_ = c.network.SetReadDeadline(time.Unix(1, 0))
}

// patience bounds what is read from now on.
func (c *connection) patience(wait time.Duration) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	if c.ending {
		return errEnding
	}
	return c.network.SetReadDeadline(time.Now().Add(wait))
}

// read waits for a message and reads it. Its second result is what is wrong
// with the controls of a message that is otherwise good.
func (c *connection) read() (message, error, error) {
	if err := c.await(); err != nil {
		return message{}, nil, err
	}
	if err := c.patience(c.server.config.ReadTimeout); err != nil {
		return message{}, nil, err
	}
	content, err := readSequence(c.in, c.maxMessage())
	if err != nil {
		return message{}, nil, err
	}
	m, err, controlsErr := decodeMessage(content)
	return m, controlsErr, err
}

// await waits for the first byte of a message. Nobody is idle who waits for an
// answer.
func (c *connection) await() error {
	longest := c.server.config.AnonymousIdleTimeout
	if c.bound {
		longest = c.server.config.IdleTimeout
	}
	for {
		if err := c.patience(longest); err != nil {
			return err
		}
		_, err := c.in.Peek(1)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		// The server's end is told by the same deadline.
		if err := c.patience(longest); err != nil {
			return err
		}
		if c.work.none() {
			return errIdle
		}
	}
}

func (c *connection) maxMessage() int {
	if c.bound {
		return c.server.config.MaxMessage
	}
	return c.server.config.MaxAnonymousMessage
}

// readSequence reads one sequence of at most limit bytes and returns its
// content. Memory grows with what arrives, not with what is announced.
func readSequence(in *bufio.Reader, limit int) ([]byte, error) {
	start, err := in.Peek(2)
	if err != nil {
		return nil, err
	}
	if more := int(start[1] & 0x7f); start[1] >= 0x80 && more <= 8 {
		if start, err = in.Peek(2 + more); err != nil {
			return nil, err
		}
	}
	tag, length, size, err := header(start)
	if err != nil {
		return nil, err
	}
	if tag != tagSequence {
		return nil, fmt.Errorf("%w: no message", errMalformed)
	}
	if length > limit {
		return nil, errTooLarge
	}
	if _, err := in.Discard(size); err != nil {
		return nil, err
	}
	const atOnce = 16 << 10
	content := make([]byte, 0, min(length, atOnce))
	for len(content) < length {
		part := min(length-len(content), max(len(content), atOnce))
		begin := len(content)
		content = append(content, make([]byte, part)...)
		if _, err := io.ReadFull(in, content[begin:]); err != nil {
			return nil, err
		}
	}
	return content, nil
}

// write sends a message. After the first failure all others fail too, and what
// is in flight ends.
func (c *connection) write(b []byte, flush bool) error {
	c.writes.Lock()
	defer c.writes.Unlock()
	if c.broken != nil {
		return c.broken
	}
	_ = c.network.SetWriteDeadline(time.Now().Add(c.server.config.WriteTimeout))
	_, err := c.out.Write(b)
	if err == nil && flush {
		err = c.out.Flush()
	}
	if err != nil {
		c.broken = err
		c.cancel()
		_ = c.network.Close()
	}
	return err
}

// close ends what is in flight, says why where there is something to say, and
// waits for the operations.
func (c *connection) close(reason error) {
	if errors.Is(reason, errEnding) {
		c.work.wait(c.server.config.Grace)
	}
	c.cancel()
	if notice := notice(reason); notice != nil {
		_ = c.write(notice, true)
	}
	c.writes.Lock()
	if c.broken == nil {
		c.broken = net.ErrClosed
	}
	c.writes.Unlock()
	_ = c.network.Close()
	c.work.running.Wait()
}

// notice returns the notice of disconnection for a reason (RFC 4511 §4.4.1).
func notice(reason error) []byte {
	switch {
	case errors.Is(reason, errMalformed):
		return disconnection(ProtocolError, "what was sent is no LDAP request")
	case errors.Is(reason, errTooLarge):
		return disconnection(ProtocolError, "the message is too large")
	case errors.Is(reason, errIdle):
		return disconnection(Unavailable, "nothing was asked for too long")
	case errors.Is(reason, errEnding):
		return disconnection(Unavailable, "the server ends")
	case errors.Is(reason, errPanic):
		return disconnection(Other, "internal error")
	}
	return nil
}
