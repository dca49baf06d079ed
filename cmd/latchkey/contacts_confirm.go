package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/resetapi/confirmation"
)

type contactsConfirm struct {
	whom

	Send bool `help:"Send a new code to each contact that awaits one, instead of taking a code."`
}

// Help is shown by --help.
func (contactsConfirm) Help() string {
	return fmt.Sprintf("The code goes to each new contact when it is set, by e-mail or SMS; it is valid for an hour by e-mail and 10 minutes by SMS, and takes %d tries. Ask the person to read it out, and type it: it is read from the standard input. A code that the person asked for to set a password is another one; never ask for that.", confirmation.Guesses)
}

func (contactsConfirm) lesson() lesson {
	return lesson{
		examples: []string{
			"latchkey contacts confirm alice # and type what alice reads out",
			"latchkey contacts confirm alice --send # the code did not come, or is too old",
		},
		no:  "when the code is wrong, or none is out",
		see: []string{"latchkey contacts set", "latchkey contacts show"},
	}
}

func (c contactsConfirm) Run(ctx context.Context, app *application) error {
	return c.with(ctx, app, writes, func(d *desk, directory, person string) error {
		if c.Send {
			return c.send(ctx, app, d, directory, person)
		}
		typed, err := typedCode(ctx, app)
		if err != nil {
			return err
		}
		var confirmed contact.Contact
		event := audit.Event{Kind: audit.ContactsChanged, Directory: directory, Person: person, Reason: "confirm"}
		err = app.recorded(ctx, d, event, func() (err error) {
			confirmed, err = d.codes.Confirm(ctx, confirmation.Person{Directory: directory, ID: person}, typed)
			return err
		})
		switch {
		case errors.Is(err, confirmation.ErrNoCode):
			return no(fmt.Errorf("%w; send a new one with `latchkey contacts confirm --send`", err))
		case errors.Is(err, confirmation.ErrWrongCode):
			return no(err)
		case err != nil:
			return err
		}
		fmt.Fprintf(app.out, "Confirmed %s.\n", contact.Mask(confirmed.Kind, confirmed.Value))
		tellRest(app, []contact.Contact{confirmed}, time.Now())
		return nil
	})
}

// send sends new codes, which is recorded: each brings as many guesses as the one in
// whose place it is.
func (c contactsConfirm) send(ctx context.Context, app *application, d *desk, directory, person string) error {
	n := 0
	event := audit.Event{Kind: audit.ContactsChanged, Directory: directory, Person: person, Reason: "send_code"}
	err := app.recorded(ctx, d, event, func() (err error) {
		n, err = sendCodes(ctx, app, d, c.whom, directory, person, true)
		return err
	})
	if err == nil && n == 0 {
		return no(errors.New("no contact of this person awaits a code that can be sent"))
	}
	return err
}

// longestTyped bounds what is read where a code is expected.
const longestTyped = 256

// typedCode reads a line, and asks for it where somebody sits there.
func typedCode(ctx context.Context, app *application) (string, error) {
	if isTerminal(app.err) {
		fmt.Fprint(app.err, "Code: ")
	}
	in := bufio.NewScanner(io.LimitReader(patientReader{ctx, app.in}, longestTyped))
	if !in.Scan() && ctx.Err() != nil {
		return "", stoppedError("nothing was confirmed")
	}
	return in.Text(), in.Err()
}

// sendCodes sends a code to each contact of a person that awaits one; without again,
// to those that have none yet.
func sendCodes(ctx context.Context, app *application, d *desk, w whom, directory, person string, again bool) (int, error) {
	login := w.Login
	if login == "" {
		var err error
		if login, err = d.login(ctx, directory, person); err != nil && !errors.Is(err, contact.ErrUnknownLogin) {
			return 0, err
		}
	}
	n, unreached, err := d.codes.Send(ctx, confirmation.Person{Directory: directory, ID: person, Login: login}, again)
	if err == nil && unreached > 0 {
		fmt.Fprintf(app.err, "warning: no code goes to %s that [sms] does not reach\n", counted(unreached, "number"))
	}
	if err != nil || n == 0 {
		return 0, err
	}
	fmt.Fprintf(app.out, "A code is on its way to %s. Have it read out to you, and run: latchkey contacts confirm %s\n", counted(n, "contact"), w)
	return n, nil
}
