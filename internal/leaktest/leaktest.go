// Package leaktest runs the tests of a package that must leave no goroutine behind.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines that were told to end may take on a machine that
// stands still for a moment; goleak by itself waits half a second.
const patience = 10 * time.Second

// Main is for TestMain: it runs the tests and exits, with 1 where goroutines are left.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := left(patience); err != nil {
			fmt.Fprintln(os.Stderr, "after all tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// left returns nil as soon as only those goroutines run that always do.
func left(limit time.Duration) error {
	for began := time.Now(); ; {
		err := goleak.Find()
		if err == nil || time.Since(began) > limit {
			return err
		}
	}
}
