package resetapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"latchkey/resetapi/problem"
)

type requestIDKey struct{}

// RequestID returns the id of a request, which stands in the log, in problem
// documents and on error pages.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Address returns where a request came from: the client's address behind
// trusted proxies, or the peer's.
func Address(r *http.Request) netip.Addr {
	if a := middleware.GetClientIPAddr(r.Context()); a.IsValid() {
		return a.Unmap().WithZone("")
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv6Unspecified()
	}
	return peer.Addr().Unmap().WithZone("")
}

// identify gives each request an id of ours; one that came along is not taken.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()[:16]
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// contentPolicy lets a page load its own style and image and send its own
// forms, and nothing else; there is no script to allow.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if s.config.Secure() {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// log writes one line a request: the route's pattern, never the path or query.
func (s *Server) log(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		answer := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(answer, r)
		status := answer.Status()
		if status == 0 {
			status = http.StatusOK
		}
		route, took := cmp.Or(chi.RouteContext(r.Context()).RoutePattern(), "other"), time.Since(begun)
		s.meter.Request(route, methodName(r.Method), status, took)
		s.logger.InfoContext(r.Context(), "request", "request_id", RequestID(r.Context()), "method", methodName(r.Method),
			"route", route, "status", status, "milliseconds", took.Milliseconds())
	})
}

// methodName keeps invented methods out of the log.
func methodName(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return method
	default:
		return "other"
	}
}

// recoverPanic answers 500 and logs where it happened, but not the value: it
// may hold what a person typed.
func (s *Server) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value == http.ErrAbortHandler {
				panic(value)
			}
			s.logger.ErrorContext(r.Context(), "panic", "request_id", RequestID(r.Context()), "kind", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			s.fail(w, r, problem.Of(problem.Internal, ""))
		}()
		next.ServeHTTP(w, r)
	})
}

// host refuses requests for any other name than the configured one, so that no
// answer can be made to speak for another site.
func (s *Server) host(next http.Handler) http.Handler {
	own := s.config.host()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Host, own) {
			s.fail(w, r, problem.Of(problem.Misdirected, ""))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses what another site makes a browser send.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, problem.Of(problem.CrossOrigin, ""))
	}))
	return protection.Handler(next)
}

// body bounds what is read of a request.
func (s *Server) body(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			s.fail(w, r, problem.Of(problem.TooLarge, "A request has at most 64 KiB."))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// fail answers with a problem, as a document or as a page.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		p.Write(w, RequestID(r.Context()))
		return
	}
	s.pages.Fail(w, r, p)
}
