package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"latchkey/cmd/internal/serving"
	"latchkey/config"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/readiness"
)

type policyCommands struct {
	Explain policyExplain `cmd:"" help:"Tell whether a person could reset, and why."`
}

type policyExplain struct {
	Login     string `arg:"" help:"The person's login."`
	Directory string `placeholder:"NAME" help:"Look in this [[directory]] only."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Help is shown by --help.
func (policyExplain) Help() string {
	return "It looks the person up as a recovery would, and changes nothing. Limits, and wrong codes that were typed, are not looked at. A [[policy]] is named by its place among them, from 1, and by its line in the file."
}

func (policyExplain) lesson() lesson {
	return lesson{
		examples: []string{"latchkey policy explain alice", "latchkey policy explain alice --json"},
		no:       "when the person could not reset",
		see:      []string{"latchkey contacts show", "latchkey config check"},
	}
}

func (c policyExplain) Run(ctx context.Context, app *application) (err error) {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	d, err := app.openDesk(ctx, reads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	e, err := c.explain(ctx, app, loaded, d)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(app.out, e)
	} else {
		err = e.print(app.out)
	}
	if err == nil && !e.CouldReset {
		err = no(nil)
	}
	return err
}

func (c policyExplain) explain(ctx context.Context, app *application, loaded *config.Config, d *desk) (*explanation, error) {
	person, home, because, err := c.find(ctx, d)
	if person == nil || err != nil {
		return &explanation{Login: c.Login, Because: because}, err
	}
	decision, err := serving.NewPolicy(loaded).Decide(ctx, person, home)
	if err != nil {
		return nil, err
	}
	card, err := d.contacts.Get(ctx, home.Name(), person.ID.String())
	if err != nil && !errors.Is(err, contact.ErrNoCard) {
		return nil, err
	}
	now := time.Now()
	rule := ruleOf(decision.Rule, app.configFile)
	e := &explanation{
		Login: c.Login, Found: true, Directory: home.Name(), Person: person.ID.String(), State: person.State.String(),
		Protected: decision.Protected, Administrator: decision.Administrator, Rule: rule.section, Policy: rule.number, Line: rule.line, Groups: decision.Groups,
		Gates: decision.Gates, Methods: decision.Methods,
		Contacts: contactCounts{Email: len(card.Of(contact.Email, now)), Mobile: len(card.Of(contact.Mobile, now))},
	}
	decision.Rule = rule.String()
	e.Because = obstacle(person, decision, judge(loaded, now).Weigh(person, decision, card))
	e.CouldReset = e.Because == ""
	return e, nil
}

// find looks as a recovery does: a login that two directories know is nobody's.
func (c policyExplain) find(ctx context.Context, d *desk) (person *directory.Person, home *directory.Directory, because string, err error) {
	places := d.directories
	if c.Directory != "" {
		only, err := d.choose(c.Directory)
		if err != nil {
			return nil, nil, "", err
		}
		places = []*directory.Directory{only}
	}
	for _, place := range places {
		found, err := place.Find(ctx, c.Login)
		switch {
		case errors.Is(err, directory.ErrNotFound):
		case err != nil:
			return nil, nil, "", fmt.Errorf("directory %s: %w", place.Name(), err)
		case person != nil:
			return nil, nil, "the login is in the directories " + home.Name() + " and " + place.Name() + ", and so belongs to nobody", nil
		default:
			person, home = found, place
		}
	}
	return person, home, "no directory has such a person: user_filter must find exactly one entry below base_dn", nil
}

// judge weighs people by the configuration, as they stand at some time.
func judge(loaded *config.Config, at time.Time) readiness.Judge {
	return readiness.Judge{At: at, SMSOn: loaded.SMS.On(), Reaches: loaded.SMS.Reaches}
}

// obstacle says why a person could not reset; nothing when they could.
func obstacle(person *directory.Person, decision policy.Decision, v readiness.Verdict) string {
	switch v.Reason {
	case readiness.Ready:
		return ""
	case readiness.Protected, readiness.Privileged:
		return "the account is protected"
	case readiness.Locked:
		return "the account is locked, and unlock does not let a reset end that"
	case readiness.SMSOff:
		return "administrators need a code by SMS too, and SMS is off"
	case readiness.NoPolicy:
		return "no [[policy]] names the person"
	case readiness.NotEnabled:
		return decision.Rule + " turns the person away"
	case readiness.TooFewContacts, readiness.Unverified, readiness.Resting, readiness.Unreachable:
		return fmt.Sprintf("%s needs contacts for %s out of: %s; there are contacts for %s",
			decision.Rule, counted(decision.Gates, "method"), strings.Join(decision.Methods, ", "), listed(v.Usable)) + others(v.Reason)
	}
	return "the account is " + person.State.String()
}

// others says what keeps the contacts that are there from being enough.
func others(r readiness.Reason) string {
	switch r {
	case readiness.Resting:
		return "; others were changed a short time ago and rest"
	case readiness.Unverified:
		return "; nobody verified the others"
	case readiness.Unreachable:
		return "; [sms] does not reach the others"
	}
	return ""
}

// explanation is what policy explain tells.
type explanation struct {
	Login         string `json:"login"`
	Found         bool   `json:"found"`
	Directory     string `json:"directory,omitempty"`
	Person        string `json:"person,omitempty"`
	State         string `json:"state,omitempty"`
	Protected     bool   `json:"protected"`
	Administrator bool   `json:"administrator"`
	// Rule is the section that decided. Of [[policy]] there are several: Policy
	// counts them from 1, and Line is where it begins in the file.
	Rule       string        `json:"rule,omitempty"`
	Policy     int           `json:"policy,omitempty"`
	Line       int           `json:"line,omitempty"`
	Groups     []string      `json:"groups,omitempty"`
	Gates      int           `json:"gates"`
	Methods    []string      `json:"methods,omitempty"`
	Contacts   contactCounts `json:"contacts"`
	CouldReset bool          `json:"could_reset"`
	Because    string        `json:"because,omitempty"`
}

type contactCounts struct {
	Email  int `json:"email"`
	Mobile int `json:"mobile"`
}

func (e *explanation) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(table, "%s\t%s\n", name, printable(value)) }
	if e.Found {
		row("person", e.Person)
		row("directory", e.Directory)
		row("state", e.State)
		row("decided by", listed([]string{rule{e.Rule, e.Policy, e.Line}.String()}))
		row("for the groups", listed(e.Groups))
		if e.Gates > 0 {
			row("gates", strconv.Itoa(e.Gates))
			row("methods", listed(e.Methods))
		}
		row("contacts", fmt.Sprintf("%d email, %d mobile", e.Contacts.Email, e.Contacts.Mobile))
	}
	verdict := "yes"
	if !e.CouldReset {
		verdict = "no: " + e.Because
	}
	row("could reset", verdict)
	return table.Flush()
}

// listed joins names, or says that there are none.
func listed(names []string) string {
	if text := strings.Join(names, ", "); text != "" {
		return text
	}
	return "none"
}
