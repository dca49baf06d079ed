package web

import (
	"net/http"
	"time"

	"latchkey/resetapi/recovery"
)

// deviceLifetime is how long a browser stays known after it finished a recovery.
const deviceLifetime = 400 * 24 * time.Hour

func (s *Site) deviceName() string { return s.cookieName() + "-device" }

// deviceOf reads the mark of a known device. What it is worth, the service says.
func (s *Site) deviceOf(r *http.Request) string {
	cookie, err := r.Cookie(s.deviceName())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// remember marks the browser of a recovery that just ended well: it gets tries
// of its own next time, which no stranger can use up. It proves nothing.
func (s *Site) remember(w http.ResponseWriter, r *http.Request, ticket recovery.Ticket) {
	mark, err := s.recoveries.Remember(r.Context(), ticket)
	if err != nil {
		s.logger.DebugContext(r.Context(), "a browser is not remembered", "error", err)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.deviceName(), Value: mark, Path: "/", MaxAge: int(deviceLifetime.Seconds()),
		Secure: !s.options.Insecure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
