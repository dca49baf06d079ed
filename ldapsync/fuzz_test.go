package ldapsync

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

// FuzzMapping: whatever a directory holds, a contact is in normal form, is not
// the primary address, and does not depend on the order of the values.
func FuzzMapping(f *testing.F) {
	for _, s := range []string{
		"a@x.example", "A@X.EXAMPLE", "a@x.example, b@x.example", "Alice <a@x.example>", "a@x.example\r\nBcc: b@x.example", "a@corp.example", "a@ⅽorp.example", "ａ@x.example", "a@xn--.example",
		"+491701234567", "0170 1234567", "+4４", "tel:+491701234567", "+49170\x001234567", "\u202e", "\xff", "", "=1+1@x.example", "+979 123456789",
	} {
		f.Add(s, "a@x.example", "mail@x.example")
	}
	f.Add("mail@x.example", "MAIL@X.example", "Mail@x.example")
	m := mapping{Defaults(), contact.Config{DefaultRegion: "DE", CorporateDomains: []string{"corp.example"}}}
	m.config.Email, m.config.Mobile, m.config.MaxValues = []string{"alt", "private"}, []string{"mobile"}, 2
	f.Fuzz(func(t *testing.T, one, two, primary string) {
		entry := directory.Entry{Attributes: map[string][]string{"alt": {one, two}, "private": {two}, "mobile": {one, two, one}, "mail": {primary}}}
		got, refused := m.contacts(entry)
		for _, a := range got {
			normal, err := m.rules.Normal(a.Kind, a.Value)
			if err != nil || normal != a.Value {
				t.Errorf("%q is no contact: %v", a.Value, err)
			}
			if a.Kind == contact.Email && strings.EqualFold(a.Value, primary) {
				t.Errorf("%q is the primary address %q", a.Value, primary)
			}
		}
		if len(got) > 4 {
			t.Errorf("%d contacts", len(got))
		}
		for _, r := range refused {
			if text := r.err.Error(); len(one) > 12 && strings.Contains(text, one) || len(two) > 12 && strings.Contains(text, two) {
				t.Errorf("%q is told: %q", one, text)
			}
		}
		for _, values := range entry.Attributes {
			slices.Reverse(values)
		}
		again, _ := m.contacts(entry)
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("in another order: %s", diff)
		}
	})
}
