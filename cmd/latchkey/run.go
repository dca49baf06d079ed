package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"

	"latchkey/config"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const description = `Latchkey lets people who forgot their password back in.

To begin: "latchkey config init FILE" writes a configuration to fill in, "latchkey config check FILE" tells what is missing, "latchkey keys init" and "latchkey store init" prepare the keyring and Redis, "latchkey contacts import" brings the contacts, and "latchkey serve" serves.

It exits with 0 when all is done, 1 when something is wrong or failed, 2 when it was called in a wrong way.`

// commandLine is all that can be typed.
type commandLine struct {
	ConfigFile string `name:"config" placeholder:"FILE" default:"${path}" env:"${env}" help:"The configuration file (${default})."`

	Serve    serveCommand     `cmd:"" help:"Serve the pages and the API."`
	Config   configCommands   `cmd:"" help:"Write and check the configuration."`
	Keys     keysCommands     `cmd:"" help:"Make, show and rotate the keyring."`
	Freeze   freezeCommands   `cmd:"" help:"Stop self-service at once, and tell whether it is stopped."`
	Unfreeze unfreezeCommand  `cmd:"" help:"Let self-service go on."`
	Store    storeCommands    `cmd:"" help:"Prepare Redis."`
	Contacts contactsCommands `cmd:"" help:"Set, show and remove the contacts of people."`
	Audit    auditCommands    `cmd:"" help:"Check, print and search the record of what happened."`
	Sync     syncCommand      `cmd:"" help:"Bring contacts from the directory."`
	Delivery deliveryCommands `cmd:"" help:"Look after the messages to send."`
	Policy   policyCommands   `cmd:"" help:"Tell who may reset."`
	Version  versionCommand   `cmd:"" help:"Print the version."`
}

// application is what every command gets.
type application struct {
	configFile string
	environ    []string
	in         io.Reader
	out        io.Writer
	err        io.Writer
	logger     *slog.Logger
}

// usageError is a wrong use that the parser cannot see.
type usageError string

func (e usageError) Error() string { return string(e) }

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	var line commandLine
	parser, err := kong.New(&line,
		kong.Name("latchkey"), kong.Description(description), kong.Writers(out, errOut),
		kong.Vars{"path": config.DefaultPath, "env": config.EnvPath},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		fmt.Fprintf(errOut, "latchkey: %v\n", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(errOut, "latchkey: %v; `latchkey --help` shows what there is\n", err)
		return exitUsage
	}
	app := &application{
		configFile: line.ConfigFile, environ: os.Environ(), in: in, out: out, err: errOut,
		logger: slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	command.BindTo(ctx, (*context.Context)(nil))
	return app.report(command.Run(app))
}

// report prints an error and returns the exit code that belongs to it.
func (a *application) report(err error) int {
	if err == nil {
		return exitOK
	}
	if faults, ok := errors.AsType[*config.Errors](err); ok {
		fmt.Fprintln(a.err, faults)
		fmt.Fprintf(a.err, "latchkey: the configuration has %s\n", counted(len(faults.Faults), "fault"))
		return exitFailed
	}
	fmt.Fprintf(a.err, "latchkey: %v%s\n", err, advice(err))
	if _, wrongUse := errors.AsType[usageError](err); wrongUse {
		return exitUsage
	}
	return exitFailed
}

// advice says what to do about the errors that do not say it themselves.
func advice(err error) string {
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return "; look whether Redis runs and lets the user of [redis] in"
	case errors.Is(err, directory.ErrUnavailable):
		return "; look whether the servers of [[directory]] run and let bind_dn in"
	case errors.Is(err, directory.ErrNotFound):
		return "; user_filter must find exactly one entry below base_dn"
	case errors.Is(err, store.ErrOtherKeyring):
		return "; restore the keyring that belongs to it, at the path in [keys]"
	case errors.Is(err, keyring.ErrExists):
		return "; to begin anew, move it away first"
	}
	return ""
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
