package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// The ports that are given out lie below those that Linux takes for outgoing
// connections (net.ipv4.ip_local_port_range begins at 32768), so that nobody
// gets them by chance.
const (
	firstPort = 18_000
	portCount = 14_000
)

var errNoPort = errors.New("no free port")

// FreePort returns a TCP port of the loopback that is free and that no other
// test is given while this process lives: other servers are stopped and started
// on theirs.
func FreePort() (int, error) {
	dir := filepath.Join(os.TempDir(), "latchkey-ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	begin := rand.N(portCount)
	for i := range portCount {
		port := firstPort + (begin+i)%portCount
		if !reserve(filepath.Join(dir, fmt.Sprint(port))) {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errNoPort
}

// reserve locks a file until the process ends; the descriptor is never closed.
func reserve(path string) bool {
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return false
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = syscall.Close(fd)
		return false
	}
	return true
}
