package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// conn is one encrypted connection. go-ldap knows no contexts and has calls
// that wait forever, so every call here closes the network connection when its
// context ends; nothing waits longer than that.
type conn struct {
	raw *meteredConn
	// tap is nil but on the connection of a Reader.
	tap    *tap
	ldap   *ldap.Conn
	server *server
	// identity is who the server says that we are, in normal form.
	identity string
	// root is what the server says of itself.
	root *ldap.Entry
	used time.Time
	// validUntil is when the server's certificate ends.
	validUntil time.Time
}

// meteredConn counts what was handed to the network, so that after a failure
// it is known whether a request may have left.
type meteredConn struct {
	net.Conn
	written atomic.Int64
}

// Write counts also what a failing write got rid of.
func (c *meteredConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// dialer is [dial] or [dialTapped].
type dialer func(context.Context, *server, *tls.Config) (*conn, error)

// dial connects and encrypts. Nothing but the StartTLS request is sent before
// the server's certificate has been verified.
func dial(ctx context.Context, s *server, config *tls.Config) (*conn, error) {
	raw, encrypted, err := dialTLS(ctx, s, config)
	if err != nil {
		return nil, err
	}
	return started(&conn{raw: raw, server: s, ldap: ldap.NewConn(encrypted, true)}, encrypted), nil
}

// dialTapped is dial for reading only: with a tap between, go-ldap cannot tell that
// the connection is encrypted, so that no password is written there.
func dialTapped(ctx context.Context, s *server, config *tls.Config) (*conn, error) {
	raw, encrypted, err := dialTLS(ctx, s, config)
	if err != nil {
		return nil, err
	}
	t := &tap{Conn: encrypted}
	return started(&conn{raw: raw, tap: t, server: s, ldap: ldap.NewConn(t, true)}, encrypted), nil
}

func started(c *conn, encrypted *tls.Conn) *conn {
	c.used, c.validUntil = time.Now(), validUntil(encrypted.ConnectionState())
	c.ldap.Start()
	return c
}

func dialTLS(ctx context.Context, s *server, config *tls.Config) (*meteredConn, *tls.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	network, err := dialer.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, nil, err
	}
	raw := &meteredConn{Conn: network}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	encrypted, err := encrypt(ctx, raw, s, config)
	if !stop() {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	return raw, encrypted, nil
}

func encrypt(ctx context.Context, raw net.Conn, s *server, config *tls.Config) (*tls.Conn, error) {
	if s.startTLS {
		if err := requestTLS(raw); err != nil {
			return nil, err
		}
	}
	config = config.Clone()
	config.ServerName = s.host
	encrypted := tls.Client(raw, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return encrypted, nil
}

const startTLSOID = "1.3.6.1.4.1.1466.20037"

// errNoStartTLS means that the server has no StartTLS. There is no fallback.
var errNoStartTLS = errors.New("the server refuses StartTLS")

// requestTLS asks for StartTLS (RFC 4511 §4.14) and reads exactly one response,
// byte for byte: what an attacker adds in clear behind it falls into the
// handshake and breaks it.
func requestTLS(raw net.Conn) error {
	request := ber.NewSequence("LDAPMessage")
	request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "messageID"))
	operation := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "ExtendedRequest")
	operation.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, startTLSOID, "requestName"))
	request.AppendChild(operation)
	if _, err := raw.Write(request.Bytes()); err != nil {
		return err
	}
	const maxResponse = 4096
	response, err := ber.ReadPacket(io.LimitReader(raw, maxResponse))
	if err != nil {
		return fmt.Errorf("read the answer to StartTLS: %w", err)
	}
	err = ldap.GetLDAPError(response)
	if a, ok := answerOf(err); ok {
		return fmt.Errorf("%w: %s", errNoStartTLS, a)
	}
	if err == nil && response.Children[1].Tag != ldap.ApplicationExtendedResponse {
		err = errors.New("the answer is of another kind")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errNoStartTLS, err)
	}
	return nil
}

// do runs one call of go-ldap for as long as ctx lasts. When ctx ends first,
// the connection is closed and of no further use.
func (c *conn) do(ctx context.Context, call func(*ldap.Conn) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	stop := context.AfterFunc(ctx, func() { c.raw.Close() })
	err := call(c.ldap)
	if stop() && ctx.Err() == nil {
		return err
	}
	c.close()
	if err != nil && !answered(err) {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// errEmptyPassword guards against the anonymous bind that a server makes of a
// bind with an empty password (RFC 4513 §5.1.2).
var errEmptyPassword = errors.New("an empty password is never sent")

// bind proves who we are and returns the server's password policy error, which
// may come with success too.
func (c *conn) bind(ctx context.Context, dn, password string) (int, error) {
	if strings.TrimSpace(password) == "" || strings.TrimSpace(dn) == "" {
		return noPolicyError, errEmptyPassword
	}
	policy := noPolicyError
	err := c.do(ctx, func(l *ldap.Conn) error {
		request := ldap.NewSimpleBindRequest(dn, password, []ldap.Control{ldap.NewControlBeheraPasswordPolicy()})
		result, err := l.SimpleBind(request)
		if result != nil && err == nil {
			if control, ok := ldap.FindControl(result.Controls, ldap.ControlTypeBeheraPasswordPolicy).(*ldap.ControlBeheraPasswordPolicy); ok {
				policy = int(control.Error)
			}
		}
		return err
	})
	if a, ok := answerOf(err); ok {
		policy = a.policy
	}
	return policy, err
}

// whoami asks the server for our own name (RFC 4532); empty where it does not
// say.
func (c *conn) whoami(ctx context.Context) (string, error) {
	var name string
	err := c.do(ctx, func(l *ldap.Conn) error {
		result, err := l.WhoAmI(nil)
		if err != nil {
			return err
		}
		if dn, ok := strings.CutPrefix(result.AuthzID, "dn:"); ok {
			name = NormalDN(dn)
		}
		return nil
	})
	if answered(err) {
		return "", nil
	}
	return name, err
}

// search returns the entries found; references to other servers are ignored.
func (c *conn) search(ctx context.Context, request *ldap.SearchRequest) ([]*ldap.Entry, error) {
	var entries []*ldap.Entry
	err := c.do(ctx, func(l *ldap.Conn) error {
		result, err := l.Search(request)
		if result != nil {
			entries = result.Entries
		}
		return err
	})
	return entries, err
}

// close ends the connection without waiting for the server.
func (c *conn) close() {
	c.raw.Close()
	c.ldap.Close()
}
