package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// plainLog shows what packages log in the words of a command: one line, "warning:"
// and the message, with its attributes behind.
type plainLog struct {
	out   io.Writer
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (plainLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler.
func (p plainLog) Handle(_ context.Context, r slog.Record) error {
	kind := "warning"
	if r.Level >= slog.LevelError {
		kind = "error"
	}
	parts := make([]string, 0, len(p.attrs)+r.NumAttrs())
	add := func(a slog.Attr) bool {
		parts = append(parts, a.String())
		return true
	}
	for _, a := range p.attrs {
		add(a)
	}
	r.Attrs(add)
	behind := ""
	if len(parts) > 0 {
		behind = " (" + strings.Join(parts, " ") + ")"
	}
	_, err := fmt.Fprintf(p.out, "%s: %s%s\n", kind, printable(r.Message), printable(behind))
	return err
}

// WithAttrs implements slog.Handler.
func (p plainLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	p.attrs = append(p.attrs[:len(p.attrs):len(p.attrs)], attrs...)
	return p
}

// WithGroup implements slog.Handler; a line for people has no groups.
func (p plainLog) WithGroup(string) slog.Handler { return p }
