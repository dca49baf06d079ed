package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"latchkey/config"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/resetapi/policy"
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
	return "It looks the person up as a recovery would, and changes nothing. Limits, and wrong codes that were typed, are not looked at. It exits with 0 whatever the answer is."
}

func (c policyExplain) Run(ctx context.Context, app *application) (err error) {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	d, err := app.openDesk(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	e, err := c.explain(ctx, loaded, d)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(app.out, e)
	}
	return e.print(app.out)
}

func (c policyExplain) explain(ctx context.Context, loaded *config.Config, d *desk) (*explanation, error) {
	person, home, because, err := c.find(ctx, d)
	if person == nil || err != nil {
		return &explanation{Login: c.Login, Because: because}, err
	}
	decision, err := newPolicy(loaded).Decide(ctx, person, home)
	if err != nil {
		return nil, err
	}
	card, err := d.contacts.Get(ctx, home.Name(), person.ID.String())
	if err != nil && !errors.Is(err, contact.ErrNoCard) {
		return nil, err
	}
	e := &explanation{
		Login: c.Login, Found: true, Directory: home.Name(), Person: person.ID.String(), State: person.State.String(),
		Protected: decision.Protected, Administrator: decision.Administrator, Rule: decision.Rule, Groups: decision.Groups,
		Gates: decision.Gates, Methods: decision.Methods,
		Contacts: contactCounts{Email: len(card.Of(contact.Email)), Mobile: len(card.Of(contact.Mobile))},
	}
	e.Because = obstacle(person, decision, loaded, reachable(card, decision.Methods, loaded))
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

// reachable are the methods by which a person can be sent a code.
func reachable(card contact.Card, methods []string, loaded *config.Config) []string {
	var usable []string
	for _, method := range methods {
		switch method {
		case policy.Email:
			if len(card.Of(contact.Email)) > 0 {
				usable = append(usable, method)
			}
		case policy.SMS:
			for _, c := range card.Of(contact.Mobile) {
				if loaded.SMS.Reaches(c.Value) {
					usable = append(usable, method)
					break
				}
			}
		}
	}
	return usable
}

// obstacle says why a person could not reset; nothing when they could.
func obstacle(person *directory.Person, decision policy.Decision, loaded *config.Config, usable []string) string {
	switch {
	case decision.Protected:
		return "the account is protected"
	case !person.State.Resettable():
		return "the account is " + person.State.String()
	case !person.MayReset():
		return "the account is locked, and unlock does not let a reset end that"
	case decision.Administrator && !loaded.SMS.On():
		return "administrators need a code by SMS too, and SMS is off"
	case decision.Rule == "":
		return "no [[policy]] names the person"
	case !decision.Enabled:
		return decision.Rule + " turns the person away"
	case len(usable) < decision.Gates:
		return fmt.Sprintf("%s needs contacts for %s out of: %s; there are contacts for %s",
			decision.Rule, counted(decision.Gates, "method"), strings.Join(decision.Methods, ", "), listed(usable))
	}
	return ""
}

// newPolicy is the policy of a configuration.
func newPolicy(c *config.Config) *policy.Policy {
	administrators := c.Administrators
	administrators.SMSOff = !c.SMS.On()
	return policy.New(c.Policies, withServiceAccounts(c), administrators)
}

// explanation is what policy explain tells.
type explanation struct {
	Login         string        `json:"login"`
	Found         bool          `json:"found"`
	Directory     string        `json:"directory,omitempty"`
	Person        string        `json:"person,omitempty"`
	State         string        `json:"state,omitempty"`
	Protected     bool          `json:"protected"`
	Administrator bool          `json:"administrator"`
	Rule          string        `json:"rule,omitempty"`
	Groups        []string      `json:"groups,omitempty"`
	Gates         int           `json:"gates"`
	Methods       []string      `json:"methods,omitempty"`
	Contacts      contactCounts `json:"contacts"`
	CouldReset    bool          `json:"could_reset"`
	Because       string        `json:"because,omitempty"`
}

type contactCounts struct {
	Email  int `json:"email"`
	Mobile int `json:"mobile"`
}

func (e *explanation) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(table, "%s\t%s\n", name, value) }
	if e.Found {
		row("person", e.Person)
		row("directory", e.Directory)
		row("state", e.State)
		row("decided by", listed([]string{e.Rule}))
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
