package resetapi

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"latchkey/internal/ratelimit"
)

// complainEvery is how often refused connections are told of.
const complainEvery = time.Minute

// connections counts the open connections of the public listener, and closes
// those beyond a limit before anything is read of them: in all, so that files
// stay for Redis and the directories, and of one address, so that no single one
// takes the place of everybody else. A trusted proxy brings many people and is
// bound by the first limit only.
type connections struct {
	all, each int
	proxies   []netip.Prefix
	meter     Meter
	logger    *slog.Logger

	mu     sync.Mutex
	open   map[net.Conn]string // whose each is; empty for proxies
	of     map[string]int
	told   time.Time
	closed int // since then
}

func (s *Server) newConnections() *connections {
	c := &connections{
		all: s.config.MaxConnections, each: s.config.MaxConnectionsPerAddress,
		meter: s.meter, logger: s.logger, open: make(map[net.Conn]string), of: make(map[string]int),
	}
	for _, text := range s.config.TrustedProxies {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			c.proxies = append(c.proxies, prefix.Masked())
		}
	}
	if files := openFiles(); files > 0 && c.all > files/2 {
		c.all = max(1, files/2)
		s.logger.Warn("the process may open too few files for max_connections; fewer connections are taken", "files", files, "connections", c.all)
	}
	return c
}

// openFiles is how many files the process may have open; 0 where that is not
// known.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}

// changed is told by the server what becomes of each connection.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if limit := c.take(conn); limit != "" {
			c.refused(limit)
			_ = conn.Close() // the server finds it closed and forgets it
		}
	case http.StateClosed, http.StateHijacked:
		c.giveBack(conn)
	}
}

// take counts a connection, or returns the limit that is reached.
func (c *connections) take(conn net.Conn) (limit string) {
	whose := c.whose(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.open) >= c.all:
		return "max_connections"
	case whose != "" && c.of[whose] >= c.each:
		return "max_connections_per_address"
	case whose != "":
		c.of[whose]++
	}
	c.open[conn] = whose
	c.meter.Connections(len(c.open))
	return ""
}

func (c *connections) giveBack(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	whose, ok := c.open[conn]
	if !ok {
		return
	}
	delete(c.open, conn)
	if whose != "" {
		if c.of[whose]--; c.of[whose] == 0 {
			delete(c.of, whose)
		}
	}
	c.meter.Connections(len(c.open))
}

// whose names the address of a connection, a /64 for IPv6; empty for a proxy.
func (c *connections) whose(conn net.Conn) string {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return "unknown"
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, proxy := range c.proxies {
		if proxy.Contains(address) {
			return ""
		}
	}
	return ratelimit.Host(address)
}

// refused counts a connection that was closed, and tells of them once a minute.
func (c *connections) refused(limit string) {
	c.meter.ConnectionRefused(limit)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
	if now := time.Now(); now.Sub(c.told) >= complainEvery {
		c.logger.Warn("connections are refused", "limit", limit, "connections", len(c.open), "refused", c.closed)
		c.told, c.closed = now, 0
	}
}
