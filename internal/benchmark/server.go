package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"latchkey/internal/testenv"
)

// server is one run of `latchkey serve`.
type server struct {
	base, private string
	command       *exec.Cmd
	ended         chan error
	log           *os.File
	// ready is how long it took from the start of the process to the first
	// positive answer of /readyz.
	ready time.Duration
}

func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, s.program, append([]string{"--config", "latchkey.toml"}, args...)...)
	command.Dir = s.dir
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

// serve starts Latchkey with so many connections to the directory.
func (s *site) serve(ctx context.Context, connections int) (*server, error) {
	l, err := s.configure(connections)
	if err != nil {
		return nil, err
	}
	if l.log, err = os.Create(filepath.Join(s.dir, "latchkey.log")); err != nil {
		return nil, err
	}
	l.command = s.command(context.WithoutCancel(ctx), "serve")
	l.command.Stderr = l.log
	l.command.Env = append(os.Environ(), "BENCH_SOCKET="+s.inbox.path, "BENCH_PROFILER="+s.profiler)
	begun := time.Now()
	if err := l.command.Start(); err != nil {
		return nil, errors.Join(err, l.log.Close())
	}
	l.ended = make(chan error, 1)
	go func() { l.ended <- l.command.Wait() }()
	if err := l.await(ctx); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	l.ready = time.Since(begun)
	return l, nil
}

// await asks /readyz until it says yes.
func (l *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, err := l.ask(ctx, "/readyz"); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case err := <-l.ended:
			l.ended <- err
			said, _ := os.ReadFile(l.log.Name())
			return fmt.Errorf("latchkey serve ended: %w\n%s", err, said)
		case <-ctx.Done():
			return fmt.Errorf("latchkey serve is not ready: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// ask gets a page of the private listener.
func (l *server) ask(ctx context.Context, path string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.private+path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// written is the server's own count of passwords that it wrote.
func (l *server) written(ctx context.Context) (int, error) {
	_, text, err := l.ask(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, `latchkey_writes_total{outcome="done"} `); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int(n), err
		}
	}
	return 0, nil
}

func (l *server) pid() int { return l.command.Process.Pid }

// stop ends the server gently.
func (l *server) stop() error {
	defer l.log.Close()
	_ = l.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-l.ended:
		return err
	case <-time.After(40 * time.Second):
		_ = l.command.Process.Kill()
		return fmt.Errorf("latchkey serve did not stop: %w", <-l.ended)
	}
}

// configure writes the configuration for a server on new ports.
func (s *site) configure(connections int) (*server, error) {
	public, err := testenv.FreePort()
	if err != nil {
		return nil, err
	}
	private, err := testenv.FreePort()
	if err != nil {
		return nil, err
	}
	l := &server{base: fmt.Sprintf("http://127.0.0.1:%d", public), private: fmt.Sprintf("127.0.0.1:%d", private)}
	text := configuration(s, l, connections)
	return l, os.WriteFile(filepath.Join(s.dir, "latchkey.toml"), []byte(text), 0o600)
}
