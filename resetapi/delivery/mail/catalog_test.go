package mail

import (
	"slices"
	"strings"
	"testing"

	"latchkey/resetapi/delivery"
)

// All languages have the same messages and placeholders, and no text of others
// reaches a subject.
func TestCatalogsAreComplete(t *testing.T) {
	c, err := loadCatalogs()
	if err != nil {
		t.Fatal(err)
	}
	english := c.all[0]
	for _, one := range c.all {
		if one.Minutes["other"] == "" || !strings.Contains(one.Account, "{login}") {
			t.Errorf("%s: minutes.other or {login} in account is missing", one.tag)
		}
		if err := one.Date.complete(); err != nil {
			t.Errorf("%s: %v", one.tag, err)
		}
		if slices.Contains([]string{
			one.Facts.At, one.Facts.Network, one.Facts.Device, one.Facts.Reference,
			one.Support.Heading, one.Support.Nobody, one.Support.Phone, one.Support.Email,
		}, "") {
			t.Errorf("%s: a text of facts or support is missing", one.tag)
		}
		for _, reason := range []string{
			delivery.ReasonDisabled, delivery.ReasonLocked, delivery.ReasonExpired, delivery.ReasonProtected,
			delivery.ReasonNotEnabled, delivery.ReasonTooFewContacts, delivery.ReasonStopped, "other",
		} {
			if one.Reasons[reason] == "" {
				t.Errorf("%s: the reason %s is missing", one.tag, reason)
			}
		}
		if r := one.Request; !strings.Contains(r.Subject, "{reference}") || len(r.Warning) != len(english.Request.Warning) ||
			slices.Contains([]string{r.Theirs, r.Ours, r.Name, r.Phone, r.Email, r.Message, r.Login, r.Language, r.Recovery}, "") {
			t.Errorf("%s: a text of request is missing", one.tag)
		}
		if len(one.Kinds) != len(english.Kinds) {
			t.Errorf("%s has %d kinds, English has %d", one.tag, len(one.Kinds), len(english.Kinds))
		}
		for name, want := range english.Kinds {
			got := one.Kinds[name]
			if len(got.Before) != len(want.Before) || len(got.After) != len(want.After) || got.Facts != want.Facts || got.Asks != want.Asks || got.Subject == "" {
				t.Errorf("%s: kind %s is not as in English", one.tag, name)
			}
			for _, placeholder := range []string{"{service}", "{valid}", "{login}", "{reason}"} {
				count := func(k kind) int {
					return strings.Count(k.Subject+strings.Join(k.Before, "")+strings.Join(k.After, ""), placeholder)
				}
				if count(got) != count(want) {
					t.Errorf("%s: kind %s has %s %d times, English %d times", one.tag, name, placeholder, count(got), count(want))
				}
			}
			if strings.Contains(got.Subject, "{login}") {
				t.Errorf("%s: kind %s has the login in its subject", one.tag, name)
			}
		}
	}
}
