package directory

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"
)

// Resolver asks DNS for the servers of a domain (RFC 2782); [net.Resolver] does.
// It returns them by priority and, within one, in a random order by weight.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV, err error)
}

// roster holds the servers of a directory, in the order of the configuration.
type roster struct{ places []place }

// place is one entry of servers: one server, or a domain whose servers DNS names.
type place struct {
	fixed     *server
	discovery *discovery
}

func newRoster(c Config, resolver Resolver, tasks *background, logger *slog.Logger) (*roster, error) {
	r := &roster{}
	for _, text := range c.Servers {
		if scheme, domain, ok := discovered(text); ok {
			r.places = append(r.places, place{discovery: newDiscovery(scheme, domain, c.ConnectTimeout.Std(), resolver, tasks, logger)})
			continue
		}
		s, err := newServer(text)
		if err != nil {
			return nil, err
		}
		r.places = append(r.places, place{fixed: s})
	}
	return r, nil
}

// all returns every server, asking DNS where that is due. It fails only when
// there is none.
func (r *roster) all(ctx context.Context) ([]*server, error) {
	var all []*server
	var failures []error
	for _, p := range r.places {
		named := []*server{p.fixed}
		if p.discovery != nil {
			var err error
			if named, err = p.discovery.servers(ctx); err != nil {
				failures = append(failures, err)
			}
		}
		all = appendNew(all, named)
	}
	if len(all) == 0 {
		return nil, unavailable("find the servers", errors.Join(failures...))
	}
	return all, nil
}

// known returns every server without asking anybody.
func (r *roster) known() []*server {
	var all []*server
	for _, p := range r.places {
		if p.discovery != nil {
			all = appendNew(all, p.discovery.known())
		} else {
			all = appendNew(all, []*server{p.fixed})
		}
	}
	return all
}

// appendNew leaves out the servers that are there already, by another entry.
func appendNew(all, more []*server) []*server {
	for _, s := range more {
		same := func(o *server) bool { return o.address == s.address && o.startTLS == s.startTLS }
		if !slices.ContainsFunc(all, same) {
			all = append(all, s)
		}
	}
	return all
}

// use is what a server is looked for.
type use int

const (
	// toRead: whoever answers will do; who takes writes has the freshest.
	toRead use = iota
	// toWrite: what a copy shows may be old, and cannot be written there. It will
	// do only where there is nothing but copies, since whether a server is one is
	// known by its last answer to a write.
	toWrite
)

// inOrder returns the servers for a use as configured, but those that were away
// last, and before them those that take no writes.
func inOrder(servers []*server, u use, now time.Time) []*server {
	readOnly := func(s *server) bool { return s.readOnly(now) }
	rank := func(s *server) int {
		switch {
		case s.resting(now):
			return 2
		case readOnly(s):
			return 1
		default:
			return 0
		}
	}
	ordered := slices.SortedStableFunc(slices.Values(servers), func(a, b *server) int { return cmp.Compare(rank(a), rank(b)) })
	if writable := slices.DeleteFunc(slices.Clone(ordered), readOnly); u == toWrite && len(writable) > 0 {
		return writable
	}
	return ordered
}

// order returns the servers in the order in which they are asked. Those that
// were away and have rested are tried in the background, so that nobody waits
// for one that is still away.
func (d *Directory) order(ctx context.Context, u use) ([]*server, error) {
	all, err := d.servers.all(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if slices.ContainsFunc(all, func(s *server) bool { return !s.resting(now) }) {
		for _, s := range all {
			if s.dueToProbe(now) && !d.tasks.start(func(ctx context.Context) { d.probe(ctx, s) }) {
				s.probed()
			}
		}
	}
	return inOrder(all, u, now), nil
}

// probe looks whether a server that was away lets us in and finds base_dn.
func (d *Directory) probe(ctx context.Context, s *server) {
	defer s.probed()
	c, err := d.reach(ctx, s)
	if err != nil {
		return // noted
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, d.config.ConnectTimeout.Std())
	defer cancel()
	if _, err := c.search(ctx, d.entry(d.config.BaseDN, "(objectClass=*)", noAttributes)); err != nil && (!answered(err) || passing(err)) {
		s.away(time.Now())
		return
	}
	s.back()
	d.logger.Info("a server of the directory that was away is back", "server", s.url)
}
