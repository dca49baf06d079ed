package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
)

// Addresses that are given out are 127.77.y.z; Linux needs no configuration for
// them, and everything else of this package is on 127.0.0.1.
const (
	loopbackHosts = 254
	loopbackCount = 254 * loopbackHosts
)

// FreeLoopback returns an address of the loopback on which these TCP ports are
// free and that no other test is given while this process lives. It is for
// servers whose ports are not ours to choose.
func FreeLoopback(ports ...int) (net.IP, error) {
	dir := filepath.Join(os.TempDir(), "latchkey-ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	err := errNoPort
	begin := rand.N(loopbackCount)
	for i := range 1000 {
		n := (begin + i) % loopbackCount
		ip := net.IPv4(127, 77, byte(1+n/loopbackHosts), byte(1+n%loopbackHosts))
		if !reserve(filepath.Join(dir, ip.String())) {
			continue
		}
		if err = allFree(ip, ports); err == nil {
			return ip, nil
		}
	}
	return nil, fmt.Errorf("no address of the loopback has the ports %v free: %w", ports, err)
}

func allFree(ip net.IP, ports []int) error {
	for _, port := range ports {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: port})
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}
