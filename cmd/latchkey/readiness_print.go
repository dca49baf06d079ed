package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"latchkey/internal/contact"
	"latchkey/resetapi/readiness"
)

// peopleList prints people one by one, and at the end of a directory its counts,
// if it was read to the end: those of a part would pass for those of all.
type peopleList interface {
	begin() error
	person(readiness.Result) error
	end(c readiness.Counts, whole bool) error
}

func (c readinessCommand) list(app *application) peopleList {
	switch {
	case c.CSV:
		return &csvList{csv.NewWriter(app.out), app.err}
	case c.JSON && c.Counts:
		return jsonCounts{app.out}
	case c.JSON:
		return jsonList{app.out, app.err}
	}
	return tableList{app.out, len(c.Reason) > 0}
}

// reasonTexts are what the reasons say to people.
func reasonTexts() map[readiness.Reason]string {
	return map[readiness.Reason]string{
		readiness.Ready:                 "could reset",
		readiness.TooFewContacts:        "too few contacts",
		readiness.Unverified:            "contacts that nobody verified",
		readiness.Resting:               "contacts that were changed a short time ago",
		readiness.Unreachable:           "numbers in countries that [sms] does not reach",
		readiness.NotEnabled:            "turned away by a [[policy]]",
		readiness.NoPolicy:              "no [[policy]] names them",
		readiness.SMSOff:                "administrators, who need SMS, which is off",
		readiness.Protected:             "protected",
		readiness.Privileged:            "protected by the directory itself",
		readiness.Disabled:              "disabled",
		readiness.Expired:               "expired",
		readiness.LockedByAdministrator: "locked by an administrator",
		readiness.Locked:                "locked, and unlock does not let a reset end that",
		readiness.Stopped:               "stopped by the holder (\"that was not me\")",
		readiness.UnreadableCard:        "the contact card cannot be read",
	}
}

// tableList is for reading: those who could not, unless others were asked for.
type tableList struct {
	out   io.Writer
	asked bool
}

func (tableList) begin() error { return nil }

func (l tableList) person(r readiness.Result) error {
	if r.Ready && !l.asked {
		return nil
	}
	_, err := fmt.Fprintf(l.out, "%-22s %-24s %d email, %d mobile  %s\n", r.Reason, printable(r.Login), r.Email, r.Mobile, r.Rule)
	return err
}

func (l tableList) end(c readiness.Counts, whole bool) error { return printCounts(l.out, c, whole) }

// printCounts is the summary of a directory.
func printCounts(out io.Writer, c readiness.Counts, whole bool) error {
	if !whole {
		return nil
	}
	percent := 0.0
	if c.People > 0 {
		percent = 100 * float64(c.Ready) / float64(c.People)
	}
	if _, err := fmt.Fprintf(out, "%s: %d of %s could reset (%.1f %%)\n", printable(c.Directory), c.Ready, people(c.People), percent); err != nil {
		return err
	}
	texts := reasonTexts()
	for _, reason := range readiness.Reasons() {
		if n := c.Reasons[reason]; n > 0 && reason != readiness.Ready {
			if _, err := fmt.Fprintf(out, "  %8d  %-24s %s\n", n, reason, texts[reason]); err != nil {
				return err
			}
		}
	}
	if c.Unread > 0 {
		_, err := fmt.Fprintf(out, "  %8d  entries show the service account no permanent id or no login\n", c.Unread)
		return err
	}
	return nil
}

// csvList is for spreadsheets; counts go to the other output.
type csvList struct {
	out  *csv.Writer
	also io.Writer
}

func (l *csvList) begin() error {
	return l.out.Write([]string{"directory", "login", "person", "ready", "reason", "state", "rule", "gates", "email", "mobile"})
}

func (l *csvList) person(r readiness.Result) error {
	return l.out.Write([]string{
		contact.SafeCell(printable(r.Directory)), contact.SafeCell(printable(r.Login)), r.Person, strconv.FormatBool(r.Ready), string(r.Reason), r.State,
		contact.SafeCell(printable(r.Rule)), strconv.Itoa(r.Gates), strconv.Itoa(r.Email), strconv.Itoa(r.Mobile),
	})
}

func (l *csvList) end(c readiness.Counts, whole bool) error {
	l.out.Flush()
	if err := l.out.Error(); err != nil {
		return err
	}
	return printCounts(l.also, c, whole)
}

// jsonList is one line for each person; counts go to the other output.
type jsonList struct{ out, also io.Writer }

func (jsonList) begin() error                      { return nil }
func (l jsonList) person(r readiness.Result) error { return printJSON(l.out, r) }
func (l jsonList) end(c readiness.Counts, whole bool) error {
	return printCounts(l.also, c, whole)
}

// jsonCounts is one line for each directory.
type jsonCounts struct{ out io.Writer }

func (jsonCounts) begin() error                  { return nil }
func (jsonCounts) person(readiness.Result) error { return nil }
func (l jsonCounts) end(c readiness.Counts, whole bool) error {
	if !whole {
		return nil
	}
	return printJSON(l.out, c)
}
