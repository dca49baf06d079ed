package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"latchkey/internal/audit"
	"latchkey/resetapi/delivery"
)

type deliveryCommands struct {
	List  deliveryList  `cmd:"" help:"Show the messages that wait, or those that failed for good."`
	Retry deliveryRetry `cmd:"" help:"Send once more what failed for good: notices and requests for help."`
}

// withQueue opens the delivery queue and calls f.
func (a *application) withQueue(ctx context.Context, to access, f func(q *delivery.Queue, j *journal) error) error {
	return a.withVault(ctx, to, func(v *vault) error {
		return f(delivery.NewQueue(v.store, v.keys, v.config.Delivery), v.journal)
	})
}

type deliveryList struct {
	Dead bool `help:"Show the messages that failed for good."`
	JSON bool `name:"json" help:"Print JSON."`
}

// Help is shown by --help.
func (deliveryList) Help() string {
	return "Nothing tells who gets a message. Those of recoveries that lead nowhere wait among the others."
}

func (deliveryList) lesson() lesson {
	return lesson{
		examples: []string{"latchkey delivery list", "latchkey delivery list --dead --json"},
		see:      []string{"latchkey delivery retry", "docs/delivery.md"},
	}
}

// Run prints the counts and the messages.
func (c deliveryList) Run(ctx context.Context, app *application) error {
	return app.withQueue(ctx, reads, func(q *delivery.Queue, _ *journal) error {
		counts, err := q.Counts(ctx)
		if err != nil {
			return err
		}
		if c.Dead {
			letters, err := q.Dead(ctx)
			if err != nil {
				return err
			}
			return c.print(app.out, counts, letters, func(table io.Writer) { writeLetters(table, letters) })
		}
		jobs, err := q.Waiting(ctx)
		if err != nil {
			return err
		}
		return c.print(app.out, counts, jobs, func(table io.Writer) { writeWaiting(table, jobs) })
	})
}

// print prints the counts with the rows as JSON, or as text for people.
func (c deliveryList) print(out io.Writer, counts delivery.Counts, rows any, write func(io.Writer)) error {
	if c.JSON {
		return printJSON(out, struct {
			delivery.Counts

			Jobs any `json:"jobs"`
		}{counts, rows})
	}
	fmt.Fprintf(out, "%d queued, %d delayed, %d dead\n", counts.Queued, counts.Delayed, counts.Dead)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	write(table)
	return table.Flush()
}

func writeLetters(table io.Writer, letters []delivery.Letter) {
	if len(letters) == 0 {
		return
	}
	fmt.Fprintln(table, "ID\tKIND\tMETHOD\tATTEMPTS\tWHY\tLAST FAILURE\tAT\tRETRY")
	for _, l := range letters {
		retry := "no"
		if l.Kept {
			retry = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", dash(l.ID), dash(l.Kind), dash(l.Method), l.Attempts, dash(l.Why), dash(l.Failure), stamp(l.At), retry)
	}
}

func writeWaiting(table io.Writer, jobs []delivery.Waiting) {
	if len(jobs) == 0 {
		return
	}
	fmt.Fprintln(table, "ID\tKIND\tMETHOD\tATTEMPTS\tLAST FAILURE\tNEXT ATTEMPT\tEXPIRES")
	for _, j := range jobs {
		next := "now"
		if !j.DueAt.IsZero() {
			next = stamp(j.DueAt)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", dash(j.ID), dash(j.Kind), dash(j.Method), j.Attempts, dash(j.Failure), next, stamp(j.ExpiresAt))
	}
}

type deliveryRetry struct {
	ID  string `arg:"" optional:"" help:"The message's id as list --dead prints it."`
	All bool   `help:"All notices and requests for help that failed for good."`
}

// Help is shown by --help.
func (deliveryRetry) Help() string {
	return "Only notices (\"your password was changed\") and requests for help are kept for this, and they go to those who do not have them yet. A code is never sent late: the person asks for a new one."
}

func (deliveryRetry) lesson() lesson {
	return lesson{
		examples: []string{"latchkey delivery retry 9f3c2a71b0d4e5f6", "latchkey delivery retry --all"},
		see:      []string{"latchkey delivery list --dead", "docs/delivery.md"},
	}
}

// Validate is called by the parser.
func (c deliveryRetry) Validate() error {
	if (c.ID == "") != c.All {
		return errors.New("name one message: ID, or --all")
	}
	return nil
}

// Run puts dead letters into the queue again.
func (c deliveryRetry) Run(ctx context.Context, app *application) error {
	return app.withQueue(ctx, writes, func(q *delivery.Queue, j *journal) error {
		return j.do(ctx, audit.Event{Kind: audit.DeliveryRetried}, func(e *audit.Event) error {
			retried := 1
			var err error
			if c.All {
				retried, err = q.RetryAll(ctx)
			} else {
				err = q.Retry(ctx, c.ID)
			}
			if errors.Is(err, delivery.ErrNoLetter) {
				return fmt.Errorf("%w; `latchkey delivery list --dead` shows which there are", err)
			}
			if err == nil || retried > 0 && c.All {
				e.Reason = "messages=" + strconv.Itoa(retried)
				fmt.Fprintf(app.out, "Put %s into the queue again.\n", counted(retried, "message"))
			}
			return err
		})
	})
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// dash is a cell of a table, which nothing in Redis can make act.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}
