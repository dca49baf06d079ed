// Package telemetry owns what Latchkey tells its operator while it runs: logs
// as JSON lines (log/slog), with whatever could be a secret taken out, and
// counters for Prometheus.
//
// The first defense is that nobody logs a secret, a contact or what a person
// typed. The second is here: an attribute whose name says that it is one is
// replaced, wherever it comes from. Labels of metrics come from the program and
// its configuration only.
package telemetry

import (
	"io"
	"log/slog"
	"slices"
	"strings"

	"latchkey/internal/setting"
)

// NewLogger returns a logger that writes JSON lines which are safe to look at. A [slog.LevelVar] lets the
// level change while it is in use.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(Inert(w), &slog.HandlerOptions{Level: level, ReplaceAttr: redact}))
}

func redact(_ []string, a slog.Attr) slog.Attr {
	if isSecret(a.Key) {
		return slog.String(a.Key, setting.Redacted)
	}
	return a
}

// isSecret reports whether one word of an attribute's name is that of a secret.
func isSecret(key string) bool {
	words := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	return slices.ContainsFunc(words, func(word string) bool {
		switch word {
		case "password", "passwd", "secret", "code", "token", "cookie", "authorization", "login", "dn", "mail", "phone", "address":
			return true
		default:
			return false
		}
	})
}
