package ldapserver

import (
	"crypto/tls"
	"time"
)

// Config holds the bounds of a server. A zero stands for the default.
type Config struct {
	// TLS holds the certificate for StartTLS and LDAPS; without it the server
	// has neither.
	TLS *tls.Config
	// Connections is the most at a time; default 256.
	Connections int
	// MaxMessage is the largest message, in bytes, of a connection that is
	// bound; default 1 MiB. It also bounds the bytes of all operations in flight
	// on one connection.
	MaxMessage int
	// MaxAnonymousMessage is the same before a bind; default 64 KiB.
	MaxAnonymousMessage int
	// InFlight is the most operations at a time on one connection; default 32.
	// What is more is answered with busy.
	InFlight int
	// IdleTimeout closes a connection that asks nothing; default 15 minutes.
	IdleTimeout time.Duration
	// AnonymousIdleTimeout is the same before a bind; default 1 minute.
	AnonymousIdleTimeout time.Duration
	// ReadTimeout bounds the rest of a message that has begun, and the TLS
	// handshake; default 10 seconds.
	ReadTimeout time.Duration
	// WriteTimeout bounds one write to a client that does not read; default 10
	// seconds.
	WriteTimeout time.Duration
	// OperationTimeout bounds one operation; default 1 minute. A search may
	// ask for less.
	OperationTimeout time.Duration
	// Grace is how long operations in flight may take when the server ends;
	// default 5 seconds.
	Grace time.Duration
}

func (c Config) withDefaults() Config {
	for _, bound := range []struct {
		value *int
		usual int
	}{
		{&c.Connections, 256},
		{&c.MaxMessage, 1 << 20},
		{&c.MaxAnonymousMessage, 64 << 10},
		{&c.InFlight, 32},
	} {
		if *bound.value <= 0 {
			*bound.value = bound.usual
		}
	}
	for _, wait := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&c.IdleTimeout, 15 * time.Minute},
		{&c.AnonymousIdleTimeout, time.Minute},
		{&c.ReadTimeout, 10 * time.Second},
		{&c.WriteTimeout, 10 * time.Second},
		{&c.OperationTimeout, time.Minute},
		{&c.Grace, 5 * time.Second},
	} {
		if *wait.value <= 0 {
			*wait.value = wait.usual
		}
	}
	return c
}
