package ldapsync

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

// The first attribute with a usable value gives all contacts of a kind.
func TestMappingTakesTheFirstUsableAttribute(t *testing.T) {
	m := mapping{Defaults(), contact.Config{DefaultRegion: "DE", CorporateDomains: []string{"corp.example"}}}
	m.config.Email, m.config.Mobile, m.config.MaxValues = []string{"alt", "private"}, []string{"mobile", "homePhone"}, 2
	const number, home = "+4915123456789", "+493012345678"
	for name, test := range map[string]struct {
		entry   map[string][]string
		want    []string
		refused []string
	}{
		"nothing":        {nil, nil, nil},
		"first":          {map[string][]string{"alt": {"a@x.example"}, "private": {"b@x.example"}, "mobile": {number}, "homePhone": {home}}, []string{"a@x.example", number}, nil},
		"second":         {map[string][]string{"private": {"b@x.example"}, "homePhone": {home}}, []string{"b@x.example", home}, nil},
		"first unusable": {map[string][]string{"alt": {"a"}, "private": {"b@x.example"}, "mobile": {"12"}, "homePhone": {home}}, []string{"b@x.example", home}, []string{"alt", "mobile"}},
		"order":          {map[string][]string{"alt": {"b@x.example", "a@x.example"}}, []string{"a@x.example", "b@x.example"}, nil},
		"twice":          {map[string][]string{"alt": {"a@X.example", "a@x.example"}, "mobile": {"01512 3456789", number}}, []string{"a@x.example", number}, nil},
		"too many":       {map[string][]string{"alt": {"c@x.example", "b@x.example", "a@x.example"}}, []string{"a@x.example", "b@x.example"}, []string{"alt"}},
		"corporate":      {map[string][]string{"alt": {"a@mail.corp.example"}}, nil, []string{"alt"}},
		"primary":        {map[string][]string{"mail": {"A@X.example"}, "alt": {"a@x.example", "c@x.example"}}, []string{"c@x.example"}, []string{"alt"}},
		"empty":          {map[string][]string{"alt": {""}}, nil, []string{"alt"}},
	} {
		t.Run(name, func(t *testing.T) {
			values, refusals := m.contacts(directory.Entry{Attributes: test.entry})
			var got, refused []string
			for _, v := range values {
				got = append(got, v.Value)
			}
			for _, r := range refusals {
				refused = append(refused, r.attribute)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("contacts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.refused, refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
		})
	}
	_, refusals := m.contacts(directory.Entry{Attributes: map[string][]string{"mail": {"a@x.example"}, "alt": {"a@x.example"}}})
	if len(refusals) != 1 || !errors.Is(refusals[0].err, ErrPrimaryMail) {
		t.Errorf("%v", refusals)
	}
}

// What is not asked for does not travel.
func TestMappingReadsNoMoreThanItNeeds(t *testing.T) {
	m := mapping{config: Config{Email: []string{"alt"}, Mobile: []string{"mobile", "alt"}}}
	if diff := cmp.Diff([]string{"alt", "mail", "mobile"}, m.attributes()); diff != "" {
		t.Error(diff)
	}
	m.config.AllowMail = true
	if diff := cmp.Diff([]string{"alt", "mobile"}, m.attributes()); diff != "" {
		t.Error(diff)
	}
}

func TestReplacedTouchesItsOwnOnly(t *testing.T) {
	before, now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	of := func(value string, source contact.Source, at time.Time) contact.Contact {
		return contact.Contact{Kind: contact.Email, Value: value, Source: source, AddedAt: at}
	}
	old := []contact.Contact{
		of("kept@x.example", contact.Synced, before), of("gone@x.example", contact.Synced, before),
		of("staff@x.example", contact.Staff, before), of("file@x.example", contact.Imported, before),
	}
	got := contact.Card{Contacts: old}.Replaced(contact.Synced, []contact.Address{
		{Kind: contact.Email, Value: "new@x.example"}, {Kind: contact.Email, Value: "kept@x.example"}, {Kind: contact.Email, Value: "staff@x.example"},
	}, now)
	want := []contact.Contact{
		of("staff@x.example", contact.Staff, before), of("file@x.example", contact.Imported, before),
		of("new@x.example", contact.Synced, now), of("kept@x.example", contact.Synced, before),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What the directory has counts at once, also where the desk entered the same and
// nobody confirmed it; and it goes on until what the desk entered is confirmed.
func TestTheDirectoryBesideWhatWasEntered(t *testing.T) {
	now := time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	staff := contact.Contact{Kind: contact.Email, Value: "a@x.example", Source: contact.Staff, AddedAt: now, UsableFrom: now.Add(time.Hour)}
	open := staff
	open.Unverified = true
	synced := func(value string) contact.Contact {
		return contact.Contact{Kind: contact.Email, Value: value, Source: contact.Synced, AddedAt: now}
	}
	rested := staff
	rested.UsableFrom = now
	others := mapping{config: Config{Precedence: PrecedenceOthers}}
	for name, test := range map[string]struct {
		mapping mapping
		card    contact.Contact
		value   contact.Address
		want    []contact.Contact
	}{
		"the same, resting":         {mapping{}, staff, contact.Address{Kind: contact.Email, Value: "a@x.example"}, []contact.Contact{synced("a@x.example")}},
		"the same, open":            {mapping{}, open, contact.Address{Kind: contact.Email, Value: "a@x.example"}, []contact.Contact{synced("a@x.example")}},
		"the same, nobody verified": {mapping{}, open, contact.Address{Kind: contact.Email, Value: "a@x.example", Unverified: true}, []contact.Contact{open}},
		"the same, usable":          {mapping{}, rested, contact.Address{Kind: contact.Email, Value: "a@x.example"}, []contact.Contact{rested}},
		"another, resting":          {others, staff, contact.Address{Kind: contact.Email, Value: "b@x.example"}, []contact.Contact{staff}},
		"another, open":             {others, open, contact.Address{Kind: contact.Email, Value: "b@x.example"}, []contact.Contact{open, synced("b@x.example")}},
		"another, usable":           {others, rested, contact.Address{Kind: contact.Email, Value: "b@x.example"}, []contact.Contact{rested}},
	} {
		got := test.mapping.replaced(contact.Card{Contacts: []contact.Contact{test.card}}, []contact.Address{test.value}, now)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		keys   []string
	}{
		"good":             {func(*Config) {}, nil},
		"no directory":     {func(c *Config) { c.Directory = "" }, []string{"directory"}},
		"no attribute":     {func(c *Config) { c.Mobile = nil }, []string{"email"}},
		"filter":           {func(c *Config) { c.Filter = "uid=*)" }, []string{"filter"}},
		"mail":             {func(c *Config) { c.Email = []string{"MAIL"} }, []string{"email"}},
		"mail, other name": {func(c *Config) { c.Email = []string{"rfc822mailbox"} }, []string{"email"}},
		"mail, by number":  {func(c *Config) { c.Email = []string{"0.9.2342.19200300.100.1.3"} }, []string{"email"}},
		"mail, by option":  {func(c *Config) { c.Email = []string{"mail;lang-de"} }, []string{"email"}},
		"mail allowed":     {func(c *Config) { c.Email, c.AllowMail = []string{"mail"}, true }, nil},
		"percent":          {func(c *Config) { c.MaxRemovalsPercent = 101 }, []string{"max_removals_percent"}},
		"numbers":          {func(c *Config) { c.MaxValues, c.MaxRemovals, c.PageSize = 0, -1, 0 }, []string{"max_values", "max_removals", "page_size"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := Defaults()
			c.Directory, c.Mobile = "main", []string{"mobile"}
			test.change(&c)
			var keys []string
			for _, fault := range c.Faults() {
				keys = append(keys, fault.Key)
			}
			if diff := cmp.Diff(test.keys, keys, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("keys at fault (-want +got):\n%s", diff)
			}
		})
	}
}
