package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"latchkey/internal/testenv"
)

// Options say what to measure.
type Options struct {
	// Program is latchkey, built with the tag bench.
	Program string
	// Slice is how long the load of one slice lasts; Rounds is how many slices
	// each side has in a row.
	Slice  time.Duration
	Rounds int
	// Schemes are how slapd stores passwords, and [DS389] and [Samba] for those
	// servers; Parallel is how many resets run at once; each pair is a row.
	Schemes  []string
	Parallel []int
	// TwoGates adds a row for two gates, with so many in parallel; 0 adds none.
	TwoGates int
	// Starts is how often a start is timed.
	Starts int
	// Profiles is a directory for CPU profiles of the server, one a row; empty
	// means none.
	Profiles string
	// Progress is told what is being done. May be nil.
	Progress io.Writer
}

// Defaults are the options of `make bench`.
func Defaults() Options {
	return Options{
		Slice: 3 * time.Second, Rounds: 3, Schemes: []string{testenv.SchemeSSHA, testenv.SchemeArgon2, DS389, Samba},
		Parallel: []int{1, 8, 32}, TwoGates: 8, Starts: 7,
	}
}

// Run measures. Servers and files live in a directory of their own that is gone
// afterwards.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	dir, err := os.MkdirTemp("", "latchkey-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// 389 Directory Server runs as a user of its own, and has to come to its files.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	r := &Report{
		At: time.Now().UTC().Truncate(time.Second), Raised: raised(), Slice: o.Slice.Seconds(), Rounds: o.Rounds,
		Profiled: o.Profiles != "",
	}
	if r.Machine, err = describeMachine(ctx, dir); err != nil {
		return nil, err
	}
	for i, scheme := range o.Schemes {
		if err := o.scheme(ctx, r, filepath.Join(dir, fmt.Sprint("scheme", i)), scheme, i == 0); err != nil {
			return nil, fmt.Errorf("%s: %w", scheme, err)
		}
	}
	return r, nil
}

// scheme measures all rows of one scheme; the first one times the starts too.
func (o Options) scheme(ctx context.Context, r *Report, dir, scheme string, first bool) error {
	if err := os.Mkdir(dir, 0o711); err != nil {
		return err
	}
	o.say("%s: starting the directory and Redis with %d people", scheme, oneGate+twoGates)
	s, err := openSite(ctx, dir, o.Program, scheme)
	if err != nil {
		return err
	}
	defer s.close()
	if first {
		if r.Start, err = s.starts(ctx, o.Starts); err != nil {
			return err
		}
	}
	if err := s.directory.settle(ctx, s.everyone()); err != nil {
		return err
	}
	for _, parallel := range o.Parallel {
		if err := o.row(ctx, r, s, scheme, 1, parallel); err != nil {
			return err
		}
	}
	if o.TwoGates > 0 {
		return o.row(ctx, r, s, scheme, 2, o.TwoGates)
	}
	return nil
}

// row measures one row, with a server of its own.
func (o Options) row(ctx context.Context, r *Report, s *site, scheme string, gates, parallel int) (err error) {
	o.say("%s: %d gates, %d in parallel", scheme, gates, parallel)
	people := s.one
	if gates == 2 {
		people = s.two
	}
	if o.Profiles != "" {
		port, err := testenv.FreePort()
		if err != nil {
			return err
		}
		s.profiler = fmt.Sprintf("127.0.0.1:%d", port)
	}
	l, err := s.serve(ctx, parallel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.stop()) }()
	raw, err := newRaw(ctx, s.directory, parallel)
	if err != nil {
		return err
	}
	defer raw.close()
	c := &contest{site: s, server: l, api: newAPI(l.base, parallel, s.inbox), raw: raw, people: people, gates: gates, parallel: parallel, slice: o.Slice}
	defer c.api.close()
	profiled := o.profile(ctx, s, filepath.Join(o.Profiles, fmt.Sprintf("%s-%d-gates-%d", scheme, gates, parallel)))
	row, err := c.run(ctx, o.Rounds)
	if err := errors.Join(err, profiled()); err != nil {
		return err
	}
	row.Scheme = scheme
	r.Rows = append(r.Rows, row)
	return nil
}

func (o Options) say(format string, args ...any) {
	if o.Progress != nil {
		fmt.Fprintf(o.Progress, format+"\n", args...)
	}
}

// starts times starts of the server, and looks at its memory when it has been
// idle for a while.
func (s *site) starts(ctx context.Context, n int) (Start, error) {
	var start Start
	for i := range n {
		l, err := s.serve(ctx, 8)
		if err != nil {
			return start, err
		}
		start.Ready = append(start.Ready, milliseconds(l.ready))
		if i == n-1 {
			select {
			case <-time.After(2 * time.Second):
			case <-ctx.Done():
			}
			start.IdleMiB, _, err = memory(l.pid())
		}
		if err := errors.Join(err, l.stop()); err != nil {
			return start, err
		}
	}
	start.Median = median(start.Ready)
	return start, nil
}
