package directory

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// TestTrap_APeerThatStopsReading: the pipe holds no byte, so that each write waits
// for a reader, and there is none. Every call ends with its context, those that
// come behind it too.
func TestTrap_APeerThatStopsReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		raw := &meteredConn{Conn: ours}
		c := &conn{raw: raw, server: &server{}, ldap: ldap.NewConn(raw, false)}
		c.ldap.Start()
		request := ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(cn="+strings.Repeat("x", 1000)+")", nil, nil)
		begun := time.Now()
		done := make(chan error)
		// One context for all: with three timers at one instant, the call whose timer
		// comes last may see no more than that the connection was closed.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 3 {
			go func() {
				_, err := c.search(ctx, request)
				done <- err
			}()
		}
		for range 3 {
			if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %s", took)
		}
		if raw.written.Load() != 0 {
			t.Errorf("%d bytes left", raw.written.Load())
		}
		c.close()
	})
}
