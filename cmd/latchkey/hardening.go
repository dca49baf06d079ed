package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// forbidDumps keeps the memory of this process, which holds passwords for
// moments, out of core files and away from other processes of the same user.
func forbidDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process undumpable: %w", err)
	}
	return nil
}
