package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/internal/serving"
	"latchkey/config"
	"latchkey/internal/directory"
	"latchkey/resetapi/block"
	"latchkey/resetapi/readiness"
)

type readinessCommand struct {
	Directory string   `placeholder:"NAME" help:"Look at this [[directory]] only."`
	Reason    []string `placeholder:"REASON" enum:"ready,too_few_contacts,unverified_contacts,resting_contacts,unreachable_contacts,not_enabled,no_policy,sms_off,protected,privileged,disabled,expired,locked_by_administrator,locked,stopped,unreadable_card" help:"List only those of a reason: ${enum}. Repeat it, or separate them by commas."`
	Counts    bool     `help:"Print the counts only."`
	CSV       bool     `name:"csv" help:"Print a CSV file of everyone."`
	JSON      bool     `name:"json" help:"Print JSON, one line for each person; with --counts one for each directory."`
}

// Help is shown by --help.
func (readinessCommand) Help() string {
	return "It looks at everyone as a recovery would and changes nothing. Without --csv and --json it lists those who could not reset, and counts. Of each the first obstacle is told: mend it and look again. Limits, and wrong codes that were typed, are not looked at."
}

func (readinessCommand) lesson() lesson {
	return lesson{
		examples: []string{
			"latchkey readiness --counts",
			"latchkey readiness --reason too_few_contacts # whom to ask for a contact",
			"latchkey readiness --csv > readiness.csv # everyone, for a spreadsheet",
			"latchkey readiness --json --reason disabled,expired",
		},
		see: []string{"latchkey policy explain", "latchkey contacts import", "latchkey sync"},
	}
}

// Validate is called by the parser.
func (c readinessCommand) Validate() error {
	if c.CSV && (c.JSON || c.Counts) {
		return errors.New("--csv goes with neither --json nor --counts")
	}
	return nil
}

func (c readinessCommand) Run(ctx context.Context, app *application) (err error) {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	d, blocks, err := app.openBlocks(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	places := d.directories
	if c.Directory != "" {
		only, err := d.choose(c.Directory)
		if err != nil {
			return err
		}
		places = []*directory.Directory{only}
	}
	stopped, err := stoppedPeople(ctx, blocks)
	if err != nil {
		return err
	}
	list := c.list(app)
	if err := list.begin(); err != nil {
		return err
	}
	for _, place := range places {
		counts, err := c.survey(ctx, app, loaded, d, place, stopped, list)
		err = errors.Join(err, list.end(counts, err == nil))
		if ctx.Err() != nil {
			return stoppedError("not everyone was looked at; run it again")
		}
		if err != nil {
			return fmt.Errorf("directory %s: %w", place.Name(), err)
		}
	}
	return nil
}

// stoppedPeople are those who said "that was not me", by directory and id.
func stoppedPeople(ctx context.Context, blocks *block.Blocks) (map[[2]string]bool, error) {
	records, err := blocks.List(ctx)
	if err != nil {
		return nil, err
	}
	stopped := make(map[[2]string]bool, len(records))
	for _, r := range records {
		stopped[[2]string{r.Directory, r.Person}] = true
	}
	return stopped, nil
}

func (c readinessCommand) survey(ctx context.Context, app *application, loaded *config.Config, d *desk, place *directory.Directory, stopped map[[2]string]bool, list peopleList) (readiness.Counts, error) {
	decider := serving.NewPolicy(loaded)
	members, err := place.Members(ctx, decider.Named())
	if err != nil {
		return readiness.Counts{Directory: place.Name()}, err
	}
	meter, began := app.listMeter(), time.Now()
	defer meter.clear()
	survey := readiness.Survey{
		Directory: place.Name(), People: place, Policy: decider, Groups: members, Cards: d.contacts, Judge: judge(loaded, began),
		Stopped:  func(person string) bool { return stopped[[2]string{place.Name(), person}] },
		Progress: func(n, estimate int) { meter.show(progress{n, estimate, time.Since(began), "people"}) },
	}
	rules := make(map[string]string)
	return survey.Run(ctx, func(r readiness.Result) error {
		if _, known := rules[r.Rule]; !known {
			rules[r.Rule] = ruleOf(r.Rule, app.configFile).String()
		}
		r.Rule = rules[r.Rule]
		if c.Counts || len(c.Reason) > 0 && !slices.Contains(c.Reason, string(r.Reason)) {
			return nil
		}
		meter.clear()
		return list.person(r)
	})
}
