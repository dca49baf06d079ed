// Command latchkey-demo shows Latchkey on one machine and in one process: a
// directory, a Redis, a mail server and an SMS gateway in memory, a few people
// of whom each ends in another way, the real pages in front of them, and an
// inbox page that shows all that is sent. It needs no network, asks nothing,
// and leaves nothing behind.
//
// After each reset it binds to its directory twice, with the new password and
// with the old one, and shows what the directory says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func command(ctx context.Context, args []string, out, errOut io.Writer) int {
	var o options
	flags := flag.NewFlagSet("latchkey-demo", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "where the pages of the wizard are, an `address` of this machine")
	flags.StringVar(&o.inbox, "inbox-addr", "127.0.0.1:8081", "where the inbox page is, an `address` of this machine")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(errOut, "latchkey-demo: %q is not understood; latchkey-demo -h shows what there is\n", flags.Arg(0))
		return exitUsage
	}
	err := run(ctx, o, out)
	if _, wrongUse := errors.AsType[usageError](err); wrongUse {
		fmt.Fprintf(errOut, "latchkey-demo: %v\n", err)
		return exitUsage
	}
	if err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		fmt.Fprintf(errOut, "latchkey-demo: %v\n", err)
		return exitFailed
	}
	return exitOK
}
