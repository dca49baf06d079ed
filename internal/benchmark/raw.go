package benchmark

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// raw is the other side: bare password writes on connections that stay open, one
// for each worker, bound as the service account.
type raw struct{ clients chan bare }

func newRaw(ctx context.Context, t target, parallel int) (*raw, error) {
	r := &raw{clients: make(chan bare, parallel)}
	for range parallel {
		c, err := t.connect(ctx)
		if err != nil {
			r.close()
			return nil, err
		}
		r.clients <- c
	}
	return r, nil
}

// set is one operation. There is a free connection for each worker.
func (r *raw) set(_ context.Context, p *person) (laps, error) {
	c := <-r.clients
	defer func() { r.clients <- c }()
	password := freshPassword()
	begun := time.Now()
	if err := c.SetPassword(p.dn, password); err != nil {
		return nil, err
	}
	p.password = password
	return laps{{stepAll, time.Since(begun)}}, nil
}

func (r *raw) close() {
	for len(r.clients) > 0 {
		(<-r.clients).Close()
	}
}

// verify signs in each person whose password was set, and returns how many
// those are.
func verify(ctx context.Context, t target, people []*person) (int, error) {
	c, err := t.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	checked := 0
	var failures []error
	for _, p := range people {
		if p.password == "" {
			continue
		}
		if err := c.Bind(p.dn, p.password); err != nil {
			failures = append(failures, fmt.Errorf("%s cannot sign in with the last password: %w", p.uid, err))
			continue
		}
		checked++
	}
	return checked, errors.Join(failures...)
}
