// Package resetapi owns the HTTP half of Latchkey: the server, the JSON API
// under /api/v1, and what is the same for the API and the pages: request ids,
// logs, security headers, limits on requests, and the client's address.
//
// Rules:
//   - The API is bound by a bearer token and nothing else: no cookies, no CORS.
//     The pages are bound by a cookie and nothing else.
//   - JSON is read strictly (RFC 8259, and no key twice); an unknown key, a
//     wrong type or anything after the document is 400.
//   - Errors are problem documents (RFC 9457), made in package problem only.
//   - The client's address comes from X-Forwarded-For only where the peer is a
//     trusted proxy, and is the peer's own where that header cannot be read.
//   - No header, query or body of a request reaches a log.
package resetapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"latchkey/resetapi/problem"
)

// Limits on requests. Source: table (e) and S64 of the security requirements.
const (
	maxHeader     = 16 << 10
	maxBody       = 64 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	idleTimeout   = 60 * time.Second
	// writeTimeout is longer than a password write may take.
	writeTimeout = 45 * time.Second
)

// Pages is the wizard.
type Pages interface {
	http.Handler
	// Route returns the pattern of the page that a request leads to; empty where
	// there is none.
	Route(r *http.Request) string
	// Fail shows a problem as a page.
	Fail(w http.ResponseWriter, r *http.Request, p problem.Problem)
}

// Meter counts requests and connections.
type Meter interface {
	Request(route, method string, status int, took time.Duration)
	Connections(open int)
	ConnectionRefused(limit string)
}

// Server serves the API and the pages.
type Server struct {
	config     Config
	recoveries Recoveries
	changes    Changes
	pages      Pages
	meter      Meter
	logger     *slog.Logger
}

// New returns a server; changes is nil where no password is changed here.
func New(c Config, recoveries Recoveries, changes Changes, pages Pages, meter Meter, logger *slog.Logger) *Server {
	return &Server{config: c, recoveries: recoveries, changes: changes, pages: pages, meter: meter, logger: logger}
}

// Handler returns the whole site.
func (s *Server) Handler() http.Handler {
	r := chi.NewRouter()
	r.Use(s.identify, s.headers, s.log, s.recoverPanic,
		middleware.ClientIPFromXFF(s.config.TrustedProxies...), s.host, s.sameOrigin, s.body)
	r.Route("/api/v1", s.routes)
	r.Handle("/*", http.HandlerFunc(s.page))
	r.MethodNotAllowed(s.unknownMethod)
	r.NotFound(s.page) // a path without a slash in front, such as that of "OPTIONS *"
	return r
}

// unknownMethod answers methods that the router has never heard of, as it
// answers others that a path does not have (RFC 9110 §15.5.6).
func (s *Server) unknownMethod(w http.ResponseWriter, r *http.Request) {
	methods := allowed(r)
	switch {
	case !strings.HasPrefix(r.URL.Path, "/api/"):
		s.page(w, r)
	case methods == "":
		s.fail(w, r, problem.Of(problem.NotFound, "See the paths of the API."))
	default:
		w.Header().Set("Allow", methods)
		s.fail(w, r, problem.Of(problem.MethodNotAllow, "See the methods of this path."))
	}
}

// page leaves the pattern of the page for the log and the metrics, which would
// call every page by one name.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if route := s.pages.Route(r); route != "" {
		chi.RouteContext(r.Context()).RoutePatterns = []string{route}
	}
	s.pages.ServeHTTP(w, r)
}

// Serve listens until the context ends, and then lets requests finish.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(), MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true, // "OPTIONS *" is checked as all else is
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ConnState: s.newConnections().changed, ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		s.logger.Info("shutting down, requests may finish")
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.ShutdownTimeout.Std())
		defer cancel()
		stopped <- server.Shutdown(limit)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}
