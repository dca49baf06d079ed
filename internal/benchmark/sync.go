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

// SyncOptions say what to measure of a synchronization.
type SyncOptions struct {
	// Program is latchkey.
	Program string
	// People are in the directory. Rounds is how often each reading is timed,
	// Changes how many changes are followed one by one.
	People, Rounds, Changes int
	// Progress is told what is being done. May be nil.
	Progress io.Writer
}

// SyncDefaults are the options of `make bench-sync`.
func SyncDefaults() SyncOptions { return SyncOptions{People: 100_000, Rounds: 3, Changes: 300} }

// SyncReport is all that one run found.
type SyncReport struct {
	At      time.Time `json:"at"`
	Machine Machine   `json:"machine"`
	People  int       `json:"people"`
	// Tool is ldapsearch to /dev/null, Library go-ldap's streaming search, Writes
	// the same number of same-sized writes through go-redis.
	Tool    Timing `json:"ldapsearch"`
	Library Timing `json:"go_ldap_stream"`
	Writes  Timing `json:"go_redis_pipelines"`
	// Once is `latchkey sync --once` into an empty Redis, Again with nothing to
	// change, and Serve the first load of `latchkey serve` with follow.
	Once  Timing `json:"sync_once"`
	Again Timing `json:"sync_once_unchanged"`
	Serve Timing `json:"serve_first_load"`
	// SecondStart is the time from the start of the process until it is in step,
	// where nothing changed.
	SecondStart float64 `json:"second_start_seconds"`
	// Latency is from the answer of the directory to a change until the contact is
	// in Redis, in ms.
	Latency Spread `json:"change_to_redis_ms"`
	Changes int    `json:"changes"`
	// CardBytes is the size of a value, RedisBytes what Redis uses for a person.
	CardBytes  int     `json:"card_bytes"`
	RedisBytes float64 `json:"redis_bytes_a_person"`
}

// Timing is one way to go through everyone.
type Timing struct {
	// Seconds are those of each round, PerSecond is of the median.
	Seconds   []float64 `json:"seconds"`
	PerSecond float64   `json:"per_second"`
	// CPU is the time of processors of the process that reads or writes; the
	// servers' is not in it. PeakMiB is the most resident memory that it had.
	CPU     float64 `json:"cpu_seconds,omitempty"`
	PeakMiB float64 `json:"peak_mib,omitempty"`
}

// syncRun is one run under way.
type syncRun struct {
	SyncOptions

	dir    string
	slapd  *testenv.Slapd
	redis  *testenv.Redis
	report *SyncReport
}

// RunSync measures. Servers and files live in a directory of their own that is
// gone afterwards.
func RunSync(ctx context.Context, o SyncOptions) (_ *SyncReport, err error) {
	dir, err := os.MkdirTemp("", "latchkey-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &syncRun{SyncOptions: o, dir: dir, report: &SyncReport{At: time.Now().UTC().Truncate(time.Second), People: o.People}}
	if s.report.Machine, err = describeMachine(ctx, dir); err != nil {
		return nil, err
	}
	defer s.close()
	for _, step := range []struct {
		doing string
		do    func(context.Context) error
	}{
		{"loading the directory", s.open},
		{"reading with ldapsearch and go-ldap", s.raw},
		{"latchkey sync --once", s.once},
		{"latchkey serve, which follows", s.follow},
		{"writing with go-redis", s.writes},
	} {
		if o.Progress != nil {
			fmt.Fprintf(o.Progress, "%s, %d people\n", step.doing, o.People)
		}
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.doing, err)
		}
	}
	return s.report, nil
}

func (s *syncRun) open(ctx context.Context) (err error) {
	for _, name := range []string{"slapd", "redis"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			return err
		}
	}
	options := testenv.SlapdOptions{LDIF: manyPeople(s.People), Quiet: true, ServiceWrites: []string{alternateAttribute}}
	if s.slapd, err = testenv.StartSlapd(ctx, filepath.Join(s.dir, "slapd"), options); err != nil {
		return err
	}
	if s.redis, err = testenv.StartRedis(ctx, filepath.Join(s.dir, "redis"), testenv.RedisOptions{Settings: durable}); err != nil {
		return err
	}
	return s.configure(ctx)
}

func (s *syncRun) close() {
	if s.redis != nil {
		s.redis.Stop()
	}
	if s.slapd != nil {
		s.slapd.Stop()
	}
}

// rounds times something some times, after one time that does not count.
func (s *syncRun) rounds(t *Timing, do func() error) error {
	for round := -1; round < s.Rounds; round++ {
		begun := time.Now()
		if err := do(); err != nil {
			return err
		}
		if round >= 0 {
			t.Seconds = append(t.Seconds, time.Since(begun).Seconds())
		}
	}
	t.rate(s.People)
	return nil
}

// rate works out the rate of the median.
func (t *Timing) rate(people int) { t.PerSecond = float64(people) / median(t.Seconds) }
