package web

import (
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// speech is the catalog of one language: what the pages can say.
type speech struct {
	tag      language.Tag
	messages map[string]message
}

// message is the text of one key by its plural forms (CLDR); most have only the
// form Other. The placeholder {n} chooses the form.
type message map[plural.Form]string

// Language is the tag for the lang attribute (BCP 47).
func (s *speech) Language() string { return s.tag.String() }

// T returns the text of a key with its placeholders filled from pairs of a name
// and a value. A key that is not in the catalog stands for itself: a page with
// an odd word still helps, no page does not.
func (s *speech) T(key string, pairs ...any) string {
	found, ok := s.messages[key]
	if !ok {
		return key
	}
	form := plural.Other
	fill := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		value, _ := pairs[i+1].(string)
		if n, number := pairs[i+1].(int); number {
			value = strconv.Itoa(n)
			if name == "n" {
				form = plural.Cardinal.MatchPlural(s.tag, n, 0, 0, 0, 0)
			}
		}
		fill = append(fill, "{"+name+"}", value)
	}
	text, ok := found[form]
	if !ok {
		text = found[plural.Other]
	}
	return strings.NewReplacer(fill...).Replace(text)
}

// Has reports whether the catalog has a key.
func (s *speech) Has(key string) bool {
	_, ok := s.messages[key]
	return ok
}

// Lasts says for how much longer something holds: whole minutes, rounded down,
// so that nothing is promised for too long. A page is some seconds old when it
// is read and the person is not told 9 minutes of 10.
func (s *speech) Lasts(d time.Duration) string {
	const slack = 10 * time.Second
	minutes := int((d + slack) / time.Minute)
	if minutes < 1 {
		return s.T("lasts.moment")
	}
	return s.T("lasts.minutes", "n", minutes)
}

// Wait says how long to wait, rounded up, in the largest unit that is not
// misleading. Seconds would be wrong by the time they are read.
func (s *speech) Wait(d time.Duration) string {
	in := func(unit time.Duration) int { return int(math.Ceil(float64(d) / float64(unit))) }
	switch {
	case d <= time.Minute:
		return s.T("wait.moment")
	case d <= 2*time.Hour:
		return s.T("wait.minutes", "n", in(time.Minute))
	case d <= 48*time.Hour:
		return s.T("wait.hours", "n", in(time.Hour))
	default:
		return s.T("wait.days", "n", in(24*time.Hour))
	}
}
