//go:build bench

package bench

import (
	"context"
	"fmt"
	"net"
	"sync"

	"latchkey/resetapi/delivery"
)

// Channel writes each message as one line, "kind method to code", to the unix
// socket of the load generator. A notice has no code.
type Channel struct {
	mu   sync.Mutex
	conn net.Conn
}

// Open connects to the socket at a path.
func Open(ctx context.Context, path string) (*Channel, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect to the load generator: %w", err)
	}
	return &Channel{conn: conn}, nil
}

// Send fulfills delivery.Channel.
func (c *Channel) Send(_ context.Context, m delivery.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := fmt.Fprintf(c.conn, "%s %s %s %s\n", m.Kind, m.Method, m.To, m.Code)
	return err
}
