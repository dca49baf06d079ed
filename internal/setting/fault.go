package setting

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
)

// Fault is one thing that is wrong in a section of the configuration. The
// section's own package finds it; config adds the file and the line.
type Fault struct {
	// Key is the key within the section, such as "servers".
	Key string
	// Problem says what is wrong, as the end of a sentence about the key.
	Problem string
	// Allowed says what may stand there.
	Allowed string
}

// Missing is the fault of a key that must be set and is not.
func Missing(key, allowed string) Fault {
	return Fault{Key: key, Problem: "is missing", Allowed: allowed}
}

// OutOfRange is the fault of a number or duration outside its bounds.
func OutOfRange(key string, value, lowest, highest any) Fault {
	return Fault{Key: key, Problem: fmt.Sprintf("is %v", value), Allowed: fmt.Sprintf("%v to %v", lowest, highest)}
}

// Unreadable returns the fault of a key that names a file which cannot be
// read, and none where no file is named.
func Unreadable(key, path string) []Fault {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return []Fault{{Key: key, Problem: "cannot be read: " + err.Error(), Allowed: "the path of a file that the service can read"}}
	}
	_ = f.Close()
	return nil
}

// Authorities returns the fault of a key that names a file in which there is no
// certificate, and none where no file is named.
func Authorities(key, path string) []Fault {
	faults := Unreadable(key, path)
	if path == "" || faults != nil {
		return faults
	}
	text, err := os.ReadFile(path)
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(text) {
		return []Fault{{Key: key, Problem: "holds no certificate: " + path, Allowed: "a file of certificates in PEM form"}}
	}
	return nil
}

// Loopback reports whether an address, with or without a port, cannot leave
// this machine. A name other than localhost may, whatever it resolves to.
func Loopback(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host := address
	if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return host == "localhost"
	}
	return ip.IsLoopback()
}
