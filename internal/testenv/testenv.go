// Package testenv starts real servers on the loopback for tests, benchmarks
// and the demonstration: slapd, redis-server and a mail server, each in a
// directory of its own that goes with it, with certificates made on the spot.
//
// Rules: a server is started by us and stopped by its pid; it listens on
// 127.0.0.1 only; nothing is shared between tests. A test whose server is not
// installed says so and is skipped; under REQUIRE_INTEGRATION=1 (set by
// `make test`) that is a failure.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// TB is the part of testing.TB that is needed here, so that the package can
// serve programs too.
type TB interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// Need makes sure that programs are installed, or skips the test.
func Need(tb TB, programs ...string) {
	tb.Helper()
	for _, program := range programs {
		if _, err := find(program); err != nil {
			if os.Getenv("REQUIRE_INTEGRATION") == "1" {
				tb.Fatalf("%s is not installed and REQUIRE_INTEGRATION=1 is set", program)
			}
			tb.Skipf("skipped: %s is not installed; `make test` installs it", program)
		}
	}
}

// find looks where Debian puts servers too, which PATH may leave out.
func find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, exec.ErrNotFound)
}

// FreePort returns a TCP port of the loopback that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// process is a child that dies with us.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// spawn starts a program with its output in a file of dir.
func spawn(dir, program string, args ...string) (*process, error) {
	path, err := find(program)
	if err != nil {
		return nil, err
	}
	output, err := os.OpenFile(filepath.Join(dir, filepath.Base(program)+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// signal sends a signal to the child.
func (p *process) signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// stop asks the child to end and waits; after five seconds it is killed.
func (p *process) stop() {
	_ = p.signal(syscall.SIGCONT)
	_ = p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.kill()
	}
}

// kill ends the child at once and waits.
func (p *process) kill() {
	_ = p.signal(syscall.SIGKILL)
	<-p.done
}

// errNotReady is what await returns when time is over.
var errNotReady = errors.New("the server did not become ready")

// await calls ready until it succeeds, the child ends or ten seconds are over.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("the server ended: %w", errors.Join(p.err, err))
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errNotReady, err)
		case <-tick.C:
		}
	}
}
