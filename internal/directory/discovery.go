package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The schemes of an entry of servers that names a domain.
const (
	discoverStartTLS = "ldap+srv"
	discoverLDAPS    = "ldaps+srv"
)

const (
	// discoverEvery is how old an answer of DNS gets before it is asked again.
	// net.Resolver does not tell the time to live.
	discoverEvery = 5 * time.Minute
	// discoverAgain is when it is asked again after a failure.
	discoverAgain = 10 * time.Second
)

// discovered splits an entry of servers that names a domain.
func discovered(text string) (scheme, domain string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != discoverStartTLS && u.Scheme != discoverLDAPS {
		return "", "", false
	}
	return strings.TrimSuffix(u.Scheme, "+srv"), strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), true
}

// discovery is a domain whose servers DNS names (RFC 2782).
//
// DNS is not trusted: a name outside of the domain is passed over, and each
// server must show a certificate for the name that DNS gave. Whoever lies in DNS
// can so only keep us from a server, or choose another one of the domain. While
// DNS is away the servers from before stay.
type discovery struct {
	scheme, domain string
	timeout        time.Duration
	resolver       Resolver
	tasks          *background
	logger         *slog.Logger
	// turn lets one ask at a time.
	turn chan struct{}

	mu      sync.Mutex
	found   []*server
	failure error
	askAt   time.Time
	// warned are the names that were complained about.
	warned map[string]bool
}

func newDiscovery(scheme, domain string, timeout time.Duration, resolver Resolver, tasks *background, logger *slog.Logger) *discovery {
	return &discovery{
		scheme: scheme, domain: domain, timeout: timeout, resolver: resolver, tasks: tasks, logger: logger,
		turn: make(chan struct{}, 1), warned: make(map[string]bool),
	}
}

func (d *discovery) known() []*server {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found
}

// state returns what is known and whether DNS is to be asked.
func (d *discovery) state() (found []*server, failure error, due bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found, d.failure, !time.Now().Before(d.askAt)
}

// servers waits for DNS only where nothing is known.
func (d *discovery) servers(ctx context.Context) ([]*server, error) {
	found, failure, due := d.state()
	switch {
	case !due && len(found) == 0:
		return nil, failure
	case !due:
		return found, nil
	case len(found) > 0:
		select {
		case d.turn <- struct{}{}:
			if !d.tasks.start(func(ctx context.Context) { d.ask(ctx); <-d.turn }) {
				<-d.turn
			}
		default: // somebody asks
		}
		return found, nil
	}
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-d.turn }()
	if _, _, due := d.state(); due {
		// The answer is for everyone, whether the caller stays or not.
		d.ask(context.WithoutCancel(ctx))
	}
	found, failure, _ = d.state()
	return found, failure
}

// ask asks DNS. The caller has the turn.
func (d *discovery) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	// The dot at the end keeps the search list of this machine out.
	_, records, err := d.resolver.LookupSRV(ctx, d.scheme, "tcp", d.domain+".")
	d.mu.Lock()
	defer d.mu.Unlock()
	if found := d.accept(records); len(found) > 0 {
		d.found, d.failure, d.askAt = found, nil, time.Now().Add(discoverEvery)
		return
	}
	if err == nil {
		err = errors.New("no server of the domain is named")
	}
	d.failure = fmt.Errorf("%w: DNS names no servers in _%s._tcp.%s: check servers, and that this machine's resolver knows the domain: %w", ErrUnavailable, d.scheme, d.domain, err)
	d.askAt = time.Now().Add(discoverAgain)
	if len(d.found) > 0 {
		d.logger.Warn("DNS does not name the servers of the directory any more; those from before stay in use", "domain", d.domain, "error", err)
	}
}

// accept makes servers of records. One that is known stays the same, with its
// health and its connections.
func (d *discovery) accept(records []*net.SRV) []*server {
	var found []*server
	for _, record := range records {
		name := strings.ToLower(strings.TrimSuffix(record.Target, "."))
		if name == "" { // "the service is decidedly not available"
			continue
		}
		if name != d.domain && !strings.HasSuffix(name, "."+d.domain) {
			if !d.warned[name] {
				d.warned[name] = true
				d.logger.Warn("DNS names a server that lies outside of the configured domain; it is passed over", "domain", d.domain, "server", name)
			}
			continue
		}
		s, err := newServer(d.scheme + "://" + net.JoinHostPort(name, strconv.Itoa(int(record.Port))))
		if err != nil {
			continue
		}
		found = appendNew(found, []*server{d.same(s)})
	}
	return found
}

func (d *discovery) same(s *server) *server {
	for _, known := range d.found {
		if known.url == s.url {
			return known
		}
	}
	return s
}
