package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestPortsAreGivenOnce: no port twice, and a lock on each that others respect.
func TestPortsAreGivenOnce(t *testing.T) {
	given := map[int]bool{}
	for range 50 {
		port, err := FreePort()
		if err != nil || given[port] {
			t.Fatalf("port %d, %v", port, err)
		}
		given[port] = true
		if reserve(filepath.Join(os.TempDir(), "latchkey-ports", fmt.Sprint(port))) {
			t.Errorf("port %d can be had twice", port)
		}
	}
}
