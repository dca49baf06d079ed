package mail

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"latchkey/resetapi/delivery"
)

// Support is whom people can ask. Empty parts are left out.
type Support struct {
	Name  string
	Email string
	Phone string
	// Text is anything else, such as opening hours or a room.
	Text string
}

// page is one rendered message.
type page struct {
	Language, Subject, Service, Account, Code string
	Before, After                             []string
	Facts                                     []fact
	Ask                                       []string
	// NotMe stands in front of Link; both may be empty.
	NotMe, Link string
	// ReplyTo is where an answer goes, in normal form; empty for nowhere else.
	ReplyTo string

	text, html string // html may be empty
}

// fact is one line of what is known of an event.
type fact struct{ Label, Value string }

// render puts a message into words, in the language that suits best.
func (c *catalogs) render(m delivery.Message, service string, support Support) (page, error) {
	_, index := language.MatchStrings(c.matcher, m.Language)
	one := c.all[index]
	if m.Kind == delivery.KindSupport {
		return c.request(one, m, service)
	}
	said, ok := one.Kinds[m.Kind]
	if !ok {
		return page{}, fmt.Errorf("%w: no mail is written for the kind %q; there are %v",
			delivery.ErrPermanent, m.Kind, slices.Sorted(maps.Keys(one.Kinds)))
	}
	fill := strings.NewReplacer(
		"{service}", service, "{login}", printable(m.Login), "{valid}", one.valid(m.ValidFor),
		"{reason}", one.reason(m.Reason), "{reference}", printable(m.Reference),
	).Replace
	p := page{Language: one.tag.String(), Subject: fill(said.Subject), Service: service, Code: grouped(m.Code)}
	for _, s := range said.Before {
		p.Before = append(p.Before, fill(s))
	}
	for _, s := range said.After {
		p.After = append(p.After, fill(s))
	}
	if m.Link != "" {
		p.NotMe, p.Link = one.NotMe, m.Link
	}
	if m.Login != "" {
		p.Account = fill(one.Account)
	}
	if said.Facts {
		p.Facts = one.facts(m)
	}
	if said.Asks {
		p.Ask = one.ask(support)
	}
	var text, html strings.Builder
	if err := errors.Join(c.text.Execute(&text, p), c.html.Execute(&html, p)); err != nil {
		return page{}, fmt.Errorf("%w: render the mail: %w", delivery.ErrPermanent, err)
	}
	p.text, p.html = text.String(), html.String()
	return p, nil
}

// facts says what is known of the event, and leaves out what is not.
func (c catalog) facts(m delivery.Message) []fact {
	var known []fact
	add := func(label, value string) {
		if value != "" {
			known = append(known, fact{label, value})
		}
	}
	if !m.At.IsZero() {
		add(c.Facts.At, c.Date.say(m.At))
	}
	add(c.Facts.Network, network(m.Network))
	add(c.Facts.Device, device(m.Device))
	add(c.Facts.Reference, printable(m.Reference))
	return known
}

// ask says whom to ask, line by line.
func (c catalog) ask(s Support) []string {
	if s == (Support{}) {
		return []string{c.Support.Nobody}
	}
	lines := []string{c.Support.Heading}
	add := func(label, value string) {
		if value != "" {
			lines = append(lines, label+printable(value))
		}
	}
	add("", s.Name)
	add(c.Support.Phone+": ", s.Phone)
	add(c.Support.Email+": ", s.Email)
	for line := range strings.Lines(s.Text) {
		add("", strings.TrimSpace(line))
	}
	return lines
}

// reason says why an account cannot be reset; one without words of its own is
// told in general ones.
func (c catalog) reason(key string) string {
	if said, ok := c.Reasons[key]; ok {
		return said
	}
	return c.Reasons["other"]
}

// grouped writes a code as people read it: "1234 5678".
func grouped(code string) string {
	const group = 4
	var groups []string
	for part := range slices.Chunk([]byte(code), group) {
		groups = append(groups, string(part))
	}
	return strings.Join(groups, " ")
}

// network lets pass an address or a network and nothing else.
func network(s string) string {
	if _, err := netip.ParsePrefix(s); err == nil {
		return s
	}
	if address, err := netip.ParseAddr(s); err == nil && address.Zone() == "" {
		return s
	}
	return ""
}

// device lets pass a few plain words and nothing else: no sentence, no address.
func device(s string) string {
	const longest = 60
	odd := func(r rune) bool { return r != ' ' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	if utf8.RuneCountInString(s) > longest || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}

// printable keeps a login on its line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
