package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"latchkey/config"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

const description = `Latchkey lets people who forgot their password back in.

To begin: "latchkey config init FILE" writes a configuration to fill in, "latchkey config check FILE" tells what is missing, "latchkey keys init" and "latchkey store init" prepare the keyring and Redis, "latchkey contacts import" brings the contacts, "latchkey doctor" examines all of it, and "latchkey serve" serves.`

// commandLine is all that can be typed.
type commandLine struct {
	ConfigFile string `name:"config" placeholder:"FILE" default:"${path}" env:"${env}" completion:"file" help:"The configuration file (${default})."`

	Serve     serveCommand     `cmd:"" help:"Serve the pages and the API."`
	Config    configCommands   `cmd:"" help:"Write and check the configuration."`
	Doctor    doctorCommand    `cmd:"" help:"Examine all that Latchkey needs, and say how to mend it."`
	Keys      keysCommands     `cmd:"" help:"Make, show and rotate the keyring."`
	Freeze    freezeCommands   `cmd:"" help:"Stop self-service at once, and tell whether it is stopped."`
	Unfreeze  unfreezeCommand  `cmd:"" help:"Let self-service go on."`
	Store     storeCommands    `cmd:"" help:"Prepare Redis."`
	Contacts  contactsCommands `cmd:"" help:"Set, show and remove the contacts of people."`
	Audit     auditCommands    `cmd:"" help:"Check, print and search the record of what happened."`
	Sync      syncCommands     `cmd:"" help:"Bring contacts from the directory."`
	Readiness readinessCommand `cmd:"" help:"Tell who could reset today, and who not and why."`
	Delivery  deliveryCommands `cmd:"" help:"Look after the messages to send."`
	Policy    policyCommands   `cmd:"" help:"Tell who may reset."`
	Limits    limitsCommands   `cmd:"" help:"Show and clear what a person has used up."`
	Blocks    blocksCommands   `cmd:"" help:"Look after accounts whose holder said \"that was not me\"."`
	Version   versionCommand   `cmd:"" help:"Print the version."`

	Completion completionCommand `cmd:"" help:"Print what makes a shell complete commands, flags and files."`
	HelpPages  helpCommand       `cmd:"" name:"help" help:"Show what a command is for, and how it is used."`
}

// application is what every command gets.
type application struct {
	configFile string
	environ    []string
	in         io.Reader
	out        *printer
	err        io.Writer
	logger     *slog.Logger
}

// newParser returns the parser of the command line.
func newParser(line *commandLine, out, errOut io.Writer) (*kong.Kong, error) {
	return kong.New(line,
		kong.Name("latchkey"), kong.Description(description), kong.Writers(out, errOut),
		kong.Vars{"path": config.DefaultPath, "env": config.EnvPath},
		kong.Help(printHelp), kong.ConfigureHelp(helpOptions()),
	)
}

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	var line commandLine
	parser, err := newParser(&line, out, errOut)
	if err != nil {
		fmt.Fprintf(errOut, "latchkey: %v\n", err)
		return exitFailed
	}
	if len(args) == 0 {
		return showHelp(parser, errOut)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return misused(errOut, err)
	}
	app := &application{
		configFile: line.ConfigFile, environ: os.Environ(), in: in, out: &printer{out: out}, err: errOut,
		logger: slog.New(plainLog{out: errOut}),
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(app)
	if wrong, ok := errors.AsType[usageError](err); ok {
		return misuse(errOut, command.Selected(), string(wrong))
	}
	return app.report(ctx, err)
}

// report prints an error and returns the exit code that belongs to it.
func (a *application) report(ctx context.Context, err error) int {
	_, isNo := errors.AsType[*noError](err)
	faults, atFault := errors.AsType[*config.Errors](err)
	switch {
	case err == nil && a.out.err != nil:
		fmt.Fprintf(a.err, "latchkey: the output could not be written: %v\n", a.out.err)
		return exitFailed
	case err == nil:
		return exitDone
	case isNo && err.Error() == "":
		return exitNo
	case atFault:
		fmt.Fprintln(a.err, faults)
		fmt.Fprintf(a.err, "latchkey: the configuration has %s\n", counted(len(faults.Faults), "fault"))
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		how, _ := errors.AsType[stoppedError](err)
		fmt.Fprintf(a.err, "latchkey: interrupted; %s\n", cmp.Or(how, "run it again"))
		return exitInterrupted
	default:
		fmt.Fprintf(a.err, "latchkey: %s%s\n", printableLines(err.Error()), advice(err))
	}
	if isNo {
		return exitNo
	}
	return exitFailed
}

// saysWhatToDo finds the errors of a directory that need no advice.
var saysWhatToDo = regexp.MustCompile(`: check |shows a certificate|the service account `)

// advice says what to do about the errors that do not say it themselves.
func advice(err error) string {
	switch {
	case errors.Is(err, store.ErrUnavailable) && strings.Contains(err.Error(), "WRONGPASS"):
		return "; check username and password_file of [redis] against `ACL LIST` of Redis"
	case errors.Is(err, store.ErrUnavailable):
		return "; look whether Redis runs at the addresses of [redis] and lets its user in"
	case errors.Is(err, directory.ErrUnavailable) && strings.Contains(err.Error(), "(No Such Object)"):
		return "; look whether base_dn is there, and whether bind_dn may read it"
	case errors.Is(err, directory.ErrUnavailable) && !saysWhatToDo.MatchString(err.Error()):
		return "; look whether the servers of [[directory]] run and let bind_dn in"
	case errors.Is(err, directory.ErrNotFound):
		return "; user_filter must find exactly one entry below base_dn"
	case errors.Is(err, store.ErrOtherKeyring):
		return "; restore the keyring that belongs to it, at the path in [keys]"
	case errors.Is(err, keyring.ErrExists):
		return "; to begin anew, move it away first"
	case errors.Is(err, fs.ErrPermission):
		return "; run it as the user of the service, or as root"
	}
	return ""
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
