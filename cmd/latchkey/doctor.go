package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/finding"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/resetapi/delivery/mail"
	"latchkey/resetapi/delivery/sms"
)

type doctorCommand struct {
	JSON   bool   `name:"json" help:"Print JSON."`
	Canary string `placeholder:"LOGIN" help:"The account to try writes on, instead of that of [doctor]: its password is replaced."`
}

// Help is shown by --help.
func (doctorCommand) Help() string {
	return "It connects to each server of the directories, Redis, the mail servers and the SMS gateway, and prints a line for each thing it looks at: ✓ in order, ! works and should be otherwise, ✗ does not work or is not safe, – not looked at. Behind them come the commands that mend it. No mail and no SMS is sent. Passwords are written on the canary only: an account that was made for it."
}

func (doctorCommand) lesson() lesson {
	return lesson{
		examples: []string{"latchkey doctor", "latchkey doctor --canary latchkey-canary # its password is replaced", "latchkey doctor --json"},
		no:       "when something is marked ✗",
		see:      []string{"latchkey config check", "docs/doctor.md"},
	}
}

// doctorPatience bounds the examination of one piece.
const doctorPatience = time.Minute

func (c doctorCommand) Run(ctx context.Context, app *application) error {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	loaded.Doctor.Canary = cmp.Or(c.Canary, loaded.Doctor.Canary)
	if faults := loaded.Doctor.Faults(); len(faults) > 0 {
		return usageError("--canary is protected_canary of [doctor], whose password stays as it is")
	}
	findings := (&doctor{app: app, config: loaded}).examine(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c.JSON {
		err = printJSON(app.out, diagnosis{Good: finding.Worst(findings) != finding.Failed, Findings: findings})
	} else {
		err = printFindings(app.out, findings)
	}
	if err == nil && finding.Worst(findings) == finding.Failed {
		err = no(nil)
	}
	return err
}

// diagnosis is what doctor tells.
type diagnosis struct {
	Good     bool              `json:"good"`
	Findings []finding.Finding `json:"findings"`
}

// doctor examines what one configuration names.
type doctor struct {
	app    *application
	config *config.Config

	store *store.Store
	keys  *keyring.Ring
	// claimed are the canaries that were written to; mu guards them and the
	// journal.
	mu      sync.Mutex
	claimed []audit.Event
}

// examine looks at all pieces at once; what it returns is in a fixed order.
func (d *doctor) examine(ctx context.Context) []finding.Finding {
	here := d.examineHere()
	opened, err := store.Open(d.config.Redis)
	if err == nil {
		d.store = opened
		defer opened.Close()
	}
	pieces := []func(context.Context) []finding.Finding{func(ctx context.Context) []finding.Finding { return d.examineStore(ctx, err) }}
	for _, section := range d.config.Directories {
		pieces = append(pieces, func(ctx context.Context) []finding.Finding { return d.examineDirectory(ctx, section) })
	}
	pieces = append(pieces,
		func(ctx context.Context) []finding.Finding { return mail.Examine(ctx, d.config.Mail) },
		func(ctx context.Context) []finding.Finding { return sms.Examine(ctx, d.config.SMS) },
	)
	found := make([][]finding.Finding, len(pieces))
	var all sync.WaitGroup
	for i, examine := range pieces {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, doctorPatience)
			defer cancel()
			found[i] = examine(ctx)
		})
	}
	all.Wait()
	d.recordDone(ctx)
	return slices.Concat(here, slices.Concat(found...))
}

func (d *doctor) examineStore(ctx context.Context, err error) []finding.Finding {
	if err != nil {
		return fault("redis", err)
	}
	fingerprint := ""
	if d.keys != nil {
		fingerprint = d.keys.Fingerprint()
	}
	return d.store.Examine(ctx, fingerprint)
}

func (d *doctor) examineDirectory(ctx context.Context, section directory.Config) []finding.Finding {
	opened, err := directory.Open(section, slog.New(slog.DiscardHandler))
	if err != nil {
		return fault("directory "+section.Name, err)
	}
	defer opened.Close()
	findings := opened.Examine(ctx, directory.Examination{
		Canary: d.config.Doctor.Canary, Protected: d.config.Doctor.ProtectedCanary, Groups: d.groups(),
		Claim: func(ctx context.Context, canary *directory.Person) error { return d.claim(ctx, section.Name, canary) },
	})
	return append(findings, d.examineWriteBack(ctx, section, opened)...)
}

// examineWriteBack looks at the identity that writes contacts, where there is one.
func (d *doctor) examineWriteBack(ctx context.Context, section directory.Config, people *directory.Directory) []finding.Finding {
	for _, s := range d.config.Syncs {
		if s.Directory != section.Name || !s.WriteBack.On() {
			continue
		}
		writer, err := directory.OpenWriteBack(section, s.WriteBack.Account(), slog.New(slog.DiscardHandler))
		if err != nil {
			return fault("directory "+section.Name+", write_back", err)
		}
		defer writer.Close()
		return writer.Examine(ctx, people, d.config.Doctor.Canary)
	}
	return nil
}

// fault is a piece that its section does not even let open.
func fault(piece string, err error) []finding.Finding {
	return []finding.Finding{{Piece: piece, Check: "configuration", State: finding.Failed, Finding: err.Error()}}
}

// groups are those that the configuration names.
func (d *doctor) groups() []string {
	groups := slices.Concat(d.config.Protected.Groups, d.config.Administrators.Groups)
	for _, rule := range d.config.Policies {
		groups = append(groups, rule.Groups...)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// claim lets a canary be written to: it is nobody's who could reset it, and the
// write is in the record.
func (d *doctor) claim(ctx context.Context, name string, canary *directory.Person) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys == nil || d.store == nil {
		return errors.New("whether it has contacts cannot be known without the keyring and Redis, so nothing was written")
	}
	card, err := contact.NewStore(d.store, d.keys).Get(ctx, name, canary.ID.String())
	switch {
	case err == nil && len(card.Contacts) > 0:
		return errors.New("it has contacts, so that it may be a person's: name an account that was made for this")
	case err != nil && !errors.Is(err, contact.ErrNoCard):
		return fmt.Errorf("whether it has contacts cannot be known, so nothing was written: %w", err)
	}
	event := audit.Event{Kind: audit.CanaryReset, Directory: name, Person: canary.ID.String()}
	intent := event
	intent.Outcome = intended
	if err := d.app.newJournal(d.config, d.store, d.keys).record(ctx, intent); err != nil {
		return fmt.Errorf("it cannot be recorded, so nothing was written: %w", err)
	}
	d.claimed = append(d.claimed, event)
	return nil
}

// recordDone ends what claim began. What became of it the findings say.
func (d *doctor) recordDone(ctx context.Context) {
	if len(d.claimed) == 0 {
		return
	}
	for i := range d.claimed {
		d.claimed[i].Outcome = done
	}
	if err := d.app.newJournal(d.config, d.store, d.keys).record(context.WithoutCancel(ctx), d.claimed...); err != nil {
		d.app.logger.Warn("the end of the trial on the canary could not be recorded", "error", err)
	}
}
