// Command latchkey lets people who forgot their password back in: it verifies
// them through the contacts that they registered and writes the new password
// into the directory.
//
// It exits with 0 when all is done, with 1 when something is wrong or failed,
// and with 2 when it was called in a wrong way. Each command lives in the file
// of its group and only wires packages together.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set at link time by `make build`.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
