// Package testenv starts real servers on the loopback for tests, benchmarks
// and the demonstration: slapd, Samba's domain controller, 389 Directory
// Server, redis-server and a mail server, each in a directory of its own that
// goes with it, with certificates made on the spot.
//
// Rules: a server is started by us and stopped by its pid; it listens on
// loopback only; nothing is shared between tests but snapshots to copy from. A test whose server is not
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
	"strings"
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

// NeedRoot skips the test where we are not root.
func NeedRoot(tb TB, server string) {
	tb.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("REQUIRE_INTEGRATION") == "1" {
		tb.Fatalf("%s has to be started as root and REQUIRE_INTEGRATION=1 is set", server)
	}
	tb.Skipf("skipped: %s has to be started as root", server)
}

// logWhenFailed shows the end of a server's log beside a test that failed.
func logWhenFailed(tb TB, path string) {
	if t, ok := tb.(interface {
		Failed() bool
		Logf(format string, args ...any)
	}); ok && t.Failed() {
		t.Logf("%s ends with:\n%s", filepath.Base(path), lastLines(path))
	}
}

// lastLines returns the end of a log.
func lastLines(path string) string {
	const count = 30
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
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

// process is a child that dies with us.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// spawn starts a program with its output in a file of dir.
func spawn(dir, program string, args ...string) (*process, error) {
	return spawnWith(syscall.SysProcAttr{}, dir, program, args...)
}

// spawnWith is spawn for a child with a user or namespaces of its own.
func spawnWith(attributes syscall.SysProcAttr, dir, program string, args ...string) (*process, error) {
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
	attributes.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = &attributes
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

// stop asks the child to end and waits; after half a minute it is killed.
func (p *process) stop() {
	_ = p.signal(syscall.SIGCONT)
	_ = p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.kill()
	}
}

// kill ends the child at once and waits.
func (p *process) kill() {
	_ = p.signal(syscall.SIGKILL)
	<-p.done
}

// pause stops the child until it is told to continue.
func (p *process) pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	// The signal takes its time: until then the child may still answer.
	return p.await(context.Background(), func(context.Context) error { return stopped(p.cmd.Process.Pid) })
}

// stopped returns nil when all threads of a process stand still (proc(5)).
func stopped(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return err
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		// The state follows the name, which stands in parentheses.
		if _, rest, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(rest, "T") {
			return errors.New("a thread is still running")
		}
	}
	return nil
}

// errNotReady is what await returns when time is over.
var errNotReady = errors.New("the server did not become ready")

// listening returns nil when something takes connections at all addresses. It
// costs nothing beside a client of the protocol, which is to be asked only then.
func listening(ctx context.Context, addresses ...string) error {
	for _, address := range addresses {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		_ = c.Close()
	}
	return nil
}

// await calls ready until it succeeds, the child ends or a minute and a half is over.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
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
