// Command latchkey-demo shows Latchkey on one machine: throw-away servers
// (slapd, redis-server, a mail server and an SMS gateway that keep what they
// get) with a few people, `latchkey serve` in front of them, and an inbox page.
// Everything listens on the loopback and is gone when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	program := flag.String("program", "bin/latchkey", "the latchkey program to run")
	listen := flag.String("listen", "127.0.0.1:8080", "where the wizard listens")
	inbox := flag.String("inbox", "127.0.0.1:8081", "where the inbox page listens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *program, *listen, *inbox); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "latchkey-demo: %v\n", err)
		stop()
		os.Exit(1)
	}
}
