package directory

import (
	"net"
	"net/url"
	"slices"
	"sync"
	"time"
)

// server is one address of the directory and what is known of its health.
type server struct {
	url      string
	host     string
	address  string
	startTLS bool

	mu sync.Mutex
	// restUntil: the server was away; others are asked first.
	restUntil time.Time
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
	s.restUntil = now.Add(restTime)
}

// back notes that the server answered.
func (s *server) back() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restUntil, s.refusedUntil, s.refusal = time.Time{}, time.Time{}, nil
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
	return now.Before(s.restUntil) || now.Before(s.refusedUntil)
}

// inOrder returns the servers as configured, but those that were away a moment
// ago last.
func inOrder(servers []*server, now time.Time) []*server {
	var first, last []*server
	for _, s := range servers {
		if s.resting(now) {
			last = append(last, s)
		} else {
			first = append(first, s)
		}
	}
	return slices.Concat(first, last)
}
