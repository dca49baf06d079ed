package directory

import (
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// server is one address of the directory and what is known of its health.
type server struct {
	url      string
	host     string
	address  string
	startTLS bool

	mu sync.Mutex
	// root is what the server said of itself; nil when it was away since.
	root *ldap.Entry
	// gone: the server was away and has not answered since; others are asked
	// first. From restUntil on it is probed, by one at a time.
	gone      bool
	restUntil time.Time
	probing   bool
	// copyUntil: the server refused a write for being a copy. controller: it says
	// itself that it is read-only.
	copyUntil  time.Time
	controller bool
	// refusedUntil: the server refused the service account; it is not asked, so
	// that our tries do not lock that account.
	refusedUntil time.Time
	refusal      error
	// warned is when its certificate was last complained about.
	warned time.Time
}

const (
	restTime    = 10 * time.Second
	refusalTime = 30 * time.Second
)

// newServer takes a URL that [Config.Faults] found good.
func newServer(text string) (*server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	s := &server{url: text, host: u.Hostname(), startTLS: u.Scheme == "ldap"}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "389", false: "636"}[s.startTLS]
	}
	s.address = net.JoinHostPort(s.host, port)
	return s, nil
}

// away notes that the server could not be reached.
func (s *server) away(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone, s.restUntil = true, now.Add(restTime)
	s.root = nil
}

func (s *server) said() *ldap.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.root
}

func (s *server) says(root *ldap.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root, s.controller = root, isReadOnly(root)
}

// back notes that the server answered.
func (s *server) back() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone, s.restUntil, s.refusedUntil, s.refusal = false, time.Time{}, time.Time{}, nil
}

// dueToProbe reports whether it is time to look if the server is back, and notes
// that it is done; probed must follow.
func (s *server) dueToProbe(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone || s.probing || now.Before(s.restUntil) {
		return false
	}
	s.probing = true
	return true
}

func (s *server) probed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing = false
}

// takesNoWrites notes that the server is a copy, and reports whether that is
// news.
func (s *server) takesNoWrites(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := !now.Before(s.copyUntil)
	s.copyUntil = now.Add(readOnlyTime)
	return news
}

func (s *server) readOnly(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.controller || now.Before(s.copyUntil)
}

// refused notes that the service account was refused.
func (s *server) refused(now time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusedUntil, s.refusal = now.Add(refusalTime), err
}

// forgive lets the server be asked again: there is another password.
func (s *server) forgive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusedUntil, s.refusal = time.Time{}, nil
}

// dueToWarn reports whether it is time to complain about the certificate, and
// notes that it was done.
func (s *server) dueToWarn(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.warned.IsZero() && now.Sub(s.warned) < expiryEvery {
		return false
	}
	s.warned = now
	return true
}

// standing returns the refusal that still holds.
func (s *server) standing(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.refusedUntil) {
		return s.refusal
	}
	return nil
}

func (s *server) resting(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone || now.Before(s.refusedUntil)
}
