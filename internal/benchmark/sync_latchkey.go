package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"latchkey/internal/testenv"
)

// configure writes the configuration and makes the keyring.
func (s *syncRun) configure(ctx context.Context) error {
	port, err := testenv.FreePort()
	if err != nil {
		return err
	}
	text := fmt.Sprintf(`
[server]
listen = "127.0.0.1:%d"
public_url = "http://127.0.0.1:%[1]d"
private_listen = ""
[audit]
dir = "audit"
[[directory]]
name = "main"
servers = [%q]
ca_file = %q
base_dn = "ou=people,%s"
bind_dn = %q
bind_password_file = "bind"
[[policy]]
enabled = true
[redis]
timeout = "10s"
addresses = [%q]
username = %q
password_file = "redis.password"
[keys]
file = "keys"
[mail]
host = "127.0.0.1"
tls = "none"
from = "reset@example.test"
[[sync]]
directory = "main"
filter = %q
email = [%q]
mobile = [%q]
follow = true
`, port, s.slapd.LDAPSURL, s.slapd.CAFile, s.slapd.BaseDN, s.slapd.ServiceDN, s.redis.Addr, s.redis.Username, everyonesFilter, alternateAttribute, mobileAttribute)
	for name, text := range map[string]string{"latchkey.toml": text, "bind": s.slapd.ServicePassword, "redis.password": s.redis.Password} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	_, err = s.latchkey(ctx, "keys", "init")
	return err
}

func (s *syncRun) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, s.Program, append([]string{"--config", "latchkey.toml"}, args...)...)
	command.Dir = s.dir
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

func (s *syncRun) latchkey(ctx context.Context, args ...string) (*exec.Cmd, error) {
	command := s.command(ctx, args...)
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("latchkey %v: %w\n%s", args, err, said.String())
	}
	return command, nil
}

// empty makes Redis as new.
func (s *syncRun) empty(ctx context.Context) error {
	if _, err := s.redis.Admin(ctx, "FLUSHALL", "SYNC"); err != nil {
		return err
	}
	_, err := s.latchkey(ctx, "store", "init")
	return err
}

// once times `latchkey sync --once`, with everything new and with nothing new.
func (s *syncRun) once(ctx context.Context) error {
	var before float64
	for range s.Rounds {
		if err := s.empty(ctx); err != nil {
			return err
		}
		var err error
		if before, err = s.redisMemory(ctx); err != nil {
			return err
		}
		for _, t := range []*Timing{&s.report.Once, &s.report.Again} {
			begun := time.Now()
			if err := s.pass(ctx, t); err != nil {
				return err
			}
			t.Seconds = append(t.Seconds, time.Since(begun).Seconds())
		}
	}
	s.report.Once.rate(s.People)
	s.report.Again.rate(s.People)
	after, err := s.redisMemory(ctx)
	s.report.RedisBytes = (after - before) / float64(s.People)
	return err
}

// pass is one run of `latchkey sync --once`. Its memory is looked at again and
// again, since the most that a process had is not told after its end: what the
// kernel tells then is at least what its parent had.
func (s *syncRun) pass(ctx context.Context, t *Timing) error {
	command := s.command(ctx, "sync", "--once")
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("latchkey sync: %w\n%s", err, said.String())
			}
			t.CPU = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
			return nil
		case <-tick.C:
			if _, peak, err := memory(command.Process.Pid); err == nil {
				t.PeakMiB = max(t.PeakMiB, peak)
			}
		}
	}
}

// redisMemory is what Redis says that its data uses.
func (s *syncRun) redisMemory(ctx context.Context) (float64, error) {
	text, err := s.redis.Admin(ctx, "INFO", "memory")
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(match(text, `(?m)^used_memory_dataset:(\d+)`), 64)
}

// follow times the first load of a server that follows, changes, and its second
// start.
func (s *syncRun) follow(ctx context.Context) error {
	if err := s.empty(ctx); err != nil {
		return err
	}
	begun := time.Now()
	stop, ended, err := s.serve(ctx)
	if err != nil {
		return err
	}
	status, err := s.await(ctx, ended, func(f following) bool { return f.FullAt.After(begun) })
	if err != nil {
		return errors.Join(err, stop(nil))
	}
	if status.Counts.Written != s.People {
		return errors.Join(fmt.Errorf("%w: %d of %d cards were written", errMissing, status.Counts.Written, s.People), stop(nil))
	}
	s.report.Serve.Seconds = []float64{status.FullAt.Sub(begun).Seconds()}
	s.report.Serve.rate(s.People)
	if err := s.changes(ctx); err != nil {
		return errors.Join(err, stop(nil))
	}
	if err := stop(&s.report.Serve); err != nil {
		return err
	}
	begun = time.Now()
	if stop, ended, err = s.serve(ctx); err != nil {
		return err
	}
	status, err = s.await(ctx, ended, func(f following) bool { return f.InStepAt.After(begun) })
	s.report.SecondStart = status.InStepAt.Sub(begun).Seconds()
	return errors.Join(err, stop(nil))
}

// serve starts a server; stop ends it and notes what it used, and ended is closed
// when it has.
func (s *syncRun) serve(ctx context.Context) (stop func(*Timing) error, ended chan struct{}, err error) {
	command := s.command(context.WithoutCancel(ctx), "serve")
	log, err := os.Create(filepath.Join(s.dir, "latchkey.log"))
	if err != nil {
		return nil, nil, err
	}
	command.Stderr = log
	if err := command.Start(); err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	ended = make(chan struct{})
	var failure error
	go func() {
		defer close(ended)
		failure = command.Wait()
	}()
	return func(t *Timing) error {
		defer log.Close()
		_, peak, err := memory(command.Process.Pid)
		_ = command.Process.Signal(syscall.SIGTERM)
		<-ended
		if err = errors.Join(err, failure); err != nil {
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("latchkey serve: %w\n%s", err, said)
		}
		if t != nil {
			t.PeakMiB = peak
			t.CPU = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
		}
		return nil
	}, ended, nil
}

// following is what `latchkey sync status --json` tells.
type following struct {
	FullAt   time.Time `json:"full_at"`
	InStepAt time.Time `json:"in_step_at"`
	Counts   struct {
		Written int `json:"written"`
	} `json:"counts"`
}

func (s *syncRun) await(ctx context.Context, ended <-chan struct{}, enough func(following) bool) (following, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := s.command(ctx, "sync", "status", "--json").Output()
		var told struct {
			Following following `json:"following"`
		}
		if len(text) > 0 && json.Unmarshal(text, &told) == nil && enough(told.Following) {
			return told.Following, nil
		}
		select {
		case <-ended:
			return following{}, errors.New("latchkey serve ended by itself")
		case <-ctx.Done():
			return following{}, fmt.Errorf("it is not in step: %w", errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}
