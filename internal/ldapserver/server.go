// Package ldapserver owns the server side of LDAP (RFC 4511): messages in and
// out, connections, StartTLS, controls and extended operations. What the
// operations do is the business of a [Handler].
//
// Rules:
//   - Every byte is hostile. A length is believed only after it was held
//     against a bound; messages, their nesting, filters, connections, and the
//     operations and bytes in flight on one connection are bounded, and so is
//     every wait. Elements are read in place by this package's own reader.
//   - A bind runs alone: what came before it on the connection has ended, what
//     comes after waits (RFC 4511 §4.2.1). All other operations of a connection
//     run side by side.
//   - The context of an operation ends with an Abandon, its time limit, the
//     connection, or the server. An abandoned operation is not answered.
//   - A critical control that is not known for the operation is refused before
//     the operation begins (RFC 4511 §4.1.11).
//   - A panic ends its connection and no other.
//   - Nothing that a client sent is logged.
package ldapserver

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Server serves LDAP to one handler. It is safe for concurrent use.
type Server struct {
	config  Config
	handler Handler
	logger  *slog.Logger
	slots   chan struct{}
}

// New returns a server. Where the configuration has a zero, the default holds.
func New(config Config, handler Handler, logger *slog.Logger) *Server {
	config = config.withDefaults()
	return &Server{config: config, handler: handler, logger: logger, slots: make(chan struct{}, config.Connections)}
}

// errNoCertificate is a fault of the caller.
var errNoCertificate = errors.New("ldapserver: LDAPS needs a certificate in Config.TLS")

// ServeTLS is [Server.Serve] for LDAPS: each connection begins with TLS.
func (s *Server) ServeTLS(ctx context.Context, listener net.Listener) error {
	if s.config.TLS == nil {
		return errors.Join(errNoCertificate, listener.Close())
	}
	return s.Serve(ctx, tls.NewListener(listener, s.config.TLS))
}

// Serve accepts connections until ctx ends. It closes the listener, lets the
// operations in flight end for as long as Config.Grace, and returns when every
// connection is closed. Its error is nil when ctx ended it.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	var connections sync.WaitGroup
	err := s.accept(ctx, listener, &connections)
	stopped := ctx.Err() != nil
	cancel()
	stop()
	listener.Close()
	connections.Wait()
	if stopped {
		return nil
	}
	return err
}

// accept returns only when the listener is of no more use.
func (s *Server) accept(ctx context.Context, listener net.Listener, connections *sync.WaitGroup) error {
	for {
		network, err := listener.Accept()
		if err != nil {
			if !s.outlast(ctx, err) {
				return err
			}
			continue
		}
		select {
		case s.slots <- struct{}{}:
			connections.Go(func() {
				defer func() { <-s.slots }()
				serve(ctx, s, network)
			})
		default:
			s.turnAway(network)
		}
	}
}

// acceptPause is how long a lack of file descriptors is waited out.
const acceptPause = 50 * time.Millisecond

// outlast waits out errors that pass and tells of those that do not.
func (s *Server) outlast(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	s.logger.Warn("a connection could not be accepted", "error", err)
	timer := time.NewTimer(acceptPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// turnAway says that there are too many connections where that can be said
// without waiting for anything.
func (s *Server) turnAway(network net.Conn) {
	if _, encrypted := network.(*tls.Conn); !encrypted {
		_ = network.SetWriteDeadline(time.Now().Add(acceptPause))
		_, _ = network.Write(disconnection(Busy, "too many connections"))
	}
	_ = network.Close()
	s.logger.Warn("a connection was turned away: there are as many as allowed", "connections", s.config.Connections)
}
