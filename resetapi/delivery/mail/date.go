package mail

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// date says a time in one language, in full words and UTC: mails are read
// anywhere.
type date struct {
	// Form has the placeholders {weekday}, {day}, {month}, {year} and {time}.
	Form string `toml:"form"`
	// Weekdays begin with Sunday.
	Weekdays []string `toml:"weekdays"`
	Months   []string `toml:"months"`
}

// complete reports whether every day and month has a name.
func (d date) complete() error {
	if len(d.Weekdays) != 7 || len(d.Months) != 12 || !strings.Contains(d.Form, "UTC") {
		return errors.New("date needs 7 weekdays, 12 months and a form with UTC in it")
	}
	return nil
}

func (d date) say(at time.Time) string {
	at = at.UTC()
	return strings.NewReplacer(
		"{weekday}", d.Weekdays[at.Weekday()], "{day}", strconv.Itoa(at.Day()), "{month}", d.Months[at.Month()-1],
		"{year}", strconv.Itoa(at.Year()), "{time}", at.Format("15:04"),
	).Replace(d.Form)
}
