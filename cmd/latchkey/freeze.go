package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/resetapi/freeze"
	"latchkey/resetapi/recovery"
)

type freezeCommands struct {
	Now    freezeNow    `cmd:"" default:"withargs" help:"Stop self-service on all servers (also without the word now)."`
	Status freezeStatus `cmd:"" help:"Tell whether self-service is frozen."`
}

// frozenPart names what is frozen or unfrozen; nothing means everything.
type frozenPart struct {
	Channel string `placeholder:"METHOD" help:"Only codes and notices by this method: email or sms."`
	Under   string `placeholder:"DN" help:"Only the people of this subtree, such as ou=sales,dc=example,dc=org."`
}

// Validate is called by the parser.
func (p frozenPart) Validate() error {
	switch {
	case p.Channel != "" && p.Under != "":
		return errors.New("give --channel or --under, not both")
	case p.Channel != "" && p.Channel != string(recovery.EmailCode) && p.Channel != string(recovery.SMSCode):
		return errors.New("--channel is email or sms")
	case p.Under != "" && !directory.Within(p.Under, p.Under):
		return errors.New("--under is not a distinguished name, such as ou=sales,dc=example,dc=org")
	}
	return nil
}

func (p frozenPart) scope() freeze.Scope { return freeze.Scope{Channel: p.Channel, Under: p.Under} }

// event is what the audit gets to know of the part.
func (p frozenPart) event(kind, reason string) audit.Event {
	if p.Under != "" {
		reason = strings.TrimSuffix("under "+p.Under+": "+reason, ": ")
	}
	return audit.Event{Kind: kind, Method: p.Channel, Reason: reason}
}

// frozen says what of self-service a scope is.
func frozen(s freeze.Scope) string {
	switch {
	case s.Channel != "":
		return "Sending by " + printable(s.Channel)
	case s.Under != "":
		return "Self-service under " + printable(s.Under)
	default:
		return "Self-service"
	}
}

type freezeNow struct {
	frozenPart

	Reason string `required:"" placeholder:"TEXT" help:"Why, for those who come later. People who reset do not see it."`
	By     string `placeholder:"NAME" help:"Who freezes; without it, the user of this machine, who is in the audit in any case."`
}

// Help is shown by --help.
func (freezeNow) Help() string {
	return "Within seconds no server starts a recovery, sends a code or writes a password. When Redis is away, the freeze_file of [server] is made instead, which freezes this machine only.\n\nIt neither waits for the keyring nor for the audit: who may not read the keyring can freeze too, and is told that it is not in the audit.\n\nWith --channel, everyone who asks for a code by that method is told to use another one; codes that wait run out, notices wait. With --under, the people of a subtree are refused by a mail that says why. The file freezes everything or nothing."
}

func (freezeNow) lesson() lesson {
	return lesson{
		examples: []string{`latchkey freeze --reason "codes are being guessed"`, `latchkey freeze --channel sms --reason "the gateway is abused"`, `latchkey freeze --under ou=sales,dc=example,dc=org --reason "their phones were stolen"`},
		see:      []string{"latchkey freeze status", "latchkey unfreeze", "docs/operation.md"},
	}
}

func (c freezeNow) Run(ctx context.Context, app *application) error {
	by := c.By
	if by == "" {
		by = operator()
	}
	return app.withSwitch(func(s *brake) error {
		everywhere, err := s.Freeze(ctx, c.scope(), by, c.Reason)
		s.note(ctx, c.event(audit.Frozen, c.Reason), err)
		if err != nil {
			return err
		}
		if !everywhere {
			return fmt.Errorf("the store is unavailable: only this machine is frozen, by %s; make that file on the others too, or run this again", s.file)
		}
		if err := s.check(ctx); err != nil {
			return fmt.Errorf("the record is written, but nobody may look at it: %w", err)
		}
		fmt.Fprintf(app.out, "%s is frozen. `latchkey unfreeze` with the same --channel or --under, if any, ends it.\n", frozen(c.scope()))
		return nil
	})
}

type freezeStatus struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (freezeStatus) lesson() lesson {
	return lesson{
		examples: []string{"latchkey freeze status", "latchkey freeze status --json"},
		no:       "when self-service is frozen",
		see:      []string{"latchkey freeze", "latchkey unfreeze"},
	}
}

func (c freezeStatus) Run(ctx context.Context, app *application) error {
	return app.withSwitch(func(s *brake) error {
		records, err := s.Status(ctx)
		if err != nil {
			return err
		}
		if err := s.check(ctx); err != nil && len(records) == 0 {
			return err
		}
		if err := c.print(app, records); err != nil || len(records) == 0 {
			return err
		}
		return no(nil)
	})
}

func (c freezeStatus) print(app *application, records []freeze.Record) error {
	if c.JSON {
		document := struct {
			Frozen bool            `json:"frozen"`
			Freeze *freeze.Record  `json:"freeze,omitempty"`
			Parts  []freeze.Record `json:"parts,omitempty"`
		}{}
		for _, record := range records {
			if record.Scope == (freeze.Scope{}) {
				document.Frozen, document.Freeze = true, &record
				continue
			}
			document.Parts = append(document.Parts, record)
		}
		return printJSON(app.out, document)
	}
	for _, record := range records {
		fmt.Fprintf(app.out, "%s is frozen since %s by %s: %s\n", frozen(record.Scope), record.At.Format(time.RFC3339), printable(record.By), printable(record.Reason))
	}
	if len(records) == 0 {
		fmt.Fprintln(app.out, "Self-service is not frozen.")
	}
	return nil
}

type unfreezeCommand struct {
	frozenPart
}

// Help is shown by --help.
func (unfreezeCommand) Help() string {
	return "Each freeze ends by itself: without a flag it is that of everything, and the freeze_file of this machine is removed as well; those of other machines stay."
}

func (unfreezeCommand) lesson() lesson {
	return lesson{examples: []string{"latchkey unfreeze", "latchkey unfreeze --channel sms"}, see: []string{"latchkey freeze status"}}
}

func (c unfreezeCommand) Run(ctx context.Context, app *application) error {
	return app.withSwitch(func(s *brake) error {
		if err := s.check(ctx); err != nil {
			return err
		}
		was, err := s.Unfreeze(ctx, c.scope())
		s.note(ctx, c.event(audit.Unfrozen, ""), err)
		switch {
		case err == nil && was:
			fmt.Fprintf(app.out, "%s is not frozen any more.\n", frozen(c.scope()))
		case err == nil:
			fmt.Fprintf(app.out, "%s was not frozen; see `latchkey freeze status`.\n", frozen(c.scope()))
		}
		return err
	})
}

// brake is the switch with what surrounds it. It needs no keyring, so that
// whoever may freeze need not be able to read it.
type brake struct {
	*freeze.Switch
	app    *application
	config *config.Config
	store  *store.Store
	file   string
	// keys is nil where the keyring cannot be read, and keyless says why.
	keys    *keyring.Ring
	keyless error
}

// withSwitch opens the switch and calls f.
func (a *application) withSwitch(f func(*brake) error) (err error) {
	loaded, err := a.load()
	if err != nil {
		return err
	}
	s, err := store.Open(loaded.Redis)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	file := loaded.Server.FreezeFile
	b := &brake{Switch: freeze.New(s, file, a.logger), app: a, config: loaded, store: s, file: file}
	b.keys, b.keyless = keyring.Load(loaded.Keys.File)
	return f(b)
}

// check fails where this Redis has lost its content, or belongs to another
// keyring and so to another Latchkey. Without a keyring nobody can tell, and that is said.
func (b *brake) check(ctx context.Context) error {
	if b.keys == nil {
		if !errors.Is(b.keyless, fs.ErrNotExist) {
			fmt.Fprintf(b.app.err, "warning: whether this Redis is the right one was not checked: %v\n", b.keyless)
		}
		return nil
	}
	err := b.store.Look(ctx, b.keys.Fingerprint())
	if errors.Is(err, store.ErrOtherKeyring) || errors.Is(err, store.ErrNotInitialized) {
		return err
	}
	return nil
}

// note records in the audit what was done to the switch, and warns where it
// cannot: a freeze must not wait for that.
func (b *brake) note(ctx context.Context, e audit.Event, err error) {
	problem := b.keyless
	if b.keys != nil {
		problem = b.app.newJournal(b.config, b.store, b.keys).record(ctx, ended(e, err))
	}
	if problem != nil {
		fmt.Fprintf(b.app.err, "warning: this is not in the audit: %v\n", problem)
	}
}
