// Command latchkey lets people who forgot their password back in: it verifies
// them through the contacts that they registered and writes the new password
// into the directory.
//
// Each command lives in the file of its group and only wires packages together.
// What it does is done by them; what is here are the manners: help that teaches,
// exit codes, JSON, completion, and the record of what operators do.
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
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
