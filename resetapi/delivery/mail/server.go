package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"latchkey/resetapi/delivery"
)

// rest is how long a server that could not be reached is left alone, as long as
// there is another one.
const rest = 30 * time.Second

// server is one submission server.
type server struct {
	config Config
	host   string
	port   int
	trust  *tls.Config

	mu      sync.Mutex
	resting time.Time
}

// openServers returns the servers in their order. It does not connect.
func openServers(c Config) ([]*server, error) {
	var authorities *x509.CertPool
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authorities for mail: %w", err)
		}
		authorities = x509.NewCertPool()
		if !authorities.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in PEM form", c.CAFile)
		}
	}
	servers := []*server{{config: c, host: c.Host, port: c.Port}}
	for _, fallback := range c.Fallbacks {
		host, port, err := splitAddress(fallback)
		if err != nil {
			return nil, fmt.Errorf("mail: fallbacks: %w", err)
		}
		servers = append(servers, &server{config: c, host: host, port: port})
	}
	for _, s := range servers {
		s.trust = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, RootCAs: authorities}
	}
	return servers, nil
}

// splitAddress splits host:port.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 || !isHost(host) {
		return "", 0, fmt.Errorf("%q is not host:port", address)
	}
	return host, port, nil
}

// send hands over one letter within the configured time.
func (s *server) send(outer context.Context, letter *gomail.Msg) error {
	ctx, cancel := context.WithTimeout(outer, s.config.Timeout.Std())
	defer cancel()
	client, err := gomail.NewClient(s.host, append(s.options(), gomail.WithDialContextFunc(s.dialer(ctx)))...)
	if err != nil {
		return fmt.Errorf("set up the mail client: %w", err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		if outer.Err() == nil {
			s.setRest(time.Now().Add(rest))
		}
		return s.greetingFailure(err)
	}
	s.setRest(time.Time{})
	if err := client.SendWithSMTPClient(session, letter); err != nil && !letter.IsDelivered() {
		return s.sendingFailure(err)
	}
	_ = client.CloseWithSMTPClient(session) // the mail is taken; QUIT is courtesy
	return nil
}

func (s *server) restsUntil() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resting
}

func (s *server) setRest(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resting = until
}

func (s *server) options() []gomail.Option {
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTimeout(s.config.Timeout.Std()),
		gomail.WithTLSConfig(s.trust), gomail.WithoutSMTPUTF8(),
	}
	switch s.config.TLS {
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case ImplicitTLS:
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.config.Username != "" {
		options = append(
			options,
			gomail.WithUsername(s.config.Username), gomail.WithPassword(s.config.Password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin),
		)
	}
	return options
}

// dialer returns how to connect. The library closes no connection that fails
// early, and does not look at the context once it is connected; so the
// connection is closed here, when ctx ends.
func (s *server) dialer(ctx context.Context) gomail.DialContextFunc {
	return func(dialCtx context.Context, network, address string) (conn net.Conn, err error) {
		if s.config.TLS == ImplicitTLS {
			conn, err = (&tls.Dialer{Config: s.trust}).DialContext(dialCtx, network, address)
		} else {
			conn, err = (&net.Dialer{}).DialContext(dialCtx, network, address)
		}
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
}

// greetingFailure describes a failure before the mail itself was begun: none of
// them is the recipient's fault.
func (s *server) greetingFailure(err error) error {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		const authenticationFailed = 535
		if answer.Code == authenticationFailed {
			return fmt.Errorf("%w: the mail server %s refused username and password (%d)", delivery.ErrUnreachable, s.host, answer.Code)
		}
		return fmt.Errorf("%w: the mail server %s answered %d to our greeting", delivery.ErrUnreachable, s.host, answer.Code)
	}
	return fmt.Errorf("%w: connect to the mail server %s: %w", delivery.ErrUnreachable, s.host, err)
}

// sendingFailure describes a failure of the mail itself.
func (s *server) sendingFailure(err error) error {
	failure, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return fmt.Errorf("the connection to the mail server %s failed while sending", s.host)
	}
	code := failure.ErrorCode()
	switch {
	case code == 0 && failure.Reason == gomail.ErrSMTPDataClose:
		return fmt.Errorf("%w: the mail server %s did not answer to the content", delivery.ErrUncertain, s.host)
	case code == 0:
		return fmt.Errorf("the connection to the mail server %s failed while sending", s.host)
	}
	switch failure.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		if code/100 == 5 {
			return fmt.Errorf("%w: the mail server %s answered %d", delivery.ErrPermanent, s.host, code)
		}
	}
	return fmt.Errorf("the mail server %s answered %d", s.host, code)
}
