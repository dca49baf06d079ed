package readiness_test

import (
	"context"
	"log/slog"
	"maps"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/readiness"
)

// held are cards by the permanent id.
type held map[string]contact.Card

func (h held) Read(_ context.Context, _ string, persons []string, f func(int, contact.Card, error)) error {
	for i, person := range persons {
		f(i, h[person], nil)
	}
	return nil
}

// On the real servers each is told as what they are: disabled, locked or expired
// by the directory's own attributes, protected by it or by the configuration.
func TestSurveyOfRealServers(t *testing.T) {
	ds389, samba := testenv.Start389(t), testenv.StartSamba(t)
	for name, test := range map[string]struct {
		url, ca, base, dn, password string
		protected                   string
		want                        map[string]readiness.Reason
	}{
		"ds389": {
			ds389.LDAPSURL, ds389.CAFile, ds389.BaseDN, ds389.ServiceDN, ds389.ServicePassword, "protected",
			map[string]readiness.Reason{
				"alice": readiness.Ready, "bob": readiness.Unverified, "nocontacts": readiness.TooFewContacts, "protected": readiness.Protected,
				"disabled": readiness.Disabled, "adminlocked": readiness.LockedByAdministrator,
			},
		},
		"samba": {
			samba.LDAPSURL, samba.CAFile, samba.BaseDN, samba.ServiceDN, samba.ServicePassword, "carol",
			map[string]readiness.Reason{
				"alice": readiness.Ready, "bob": readiness.Unverified, "nocontacts": readiness.TooFewContacts, "carol": readiness.Protected,
				"disabled": readiness.Disabled, "expired": readiness.Expired, "domainadmin": readiness.Privileged, "nestedadmin": readiness.Privileged,
				"krbtgt": readiness.Privileged,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := directory.Defaults()
			c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
			c.Name, c.Servers, c.CAFile, c.BaseDN = name, []string{test.url}, test.ca, test.base
			c.BindDN, c.BindPassword = test.dn, setting.NewSecret(test.password)
			d, err := directory.Open(c, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(d.Close)
			if err := d.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			person := func(login string) *directory.Person {
				p, err := d.Find(t.Context(), login)
				if err != nil {
					t.Fatalf("find %s: %v", login, err)
				}
				return p
			}
			address := contact.Contact{Kind: contact.Email, Value: "a@home.example"}
			unverified := address
			unverified.Unverified = true
			cards := held{}
			for login := range test.want {
				one := address
				if login == "bob" {
					one = unverified
				}
				if login != "nocontacts" {
					cards[person(login).ID.String()] = contact.Card{Contacts: []contact.Contact{one}}
				}
			}
			rules := policy.New([]policy.Rule{{Enabled: true, Gates: 1, Methods: []string{policy.Email}}},
				policy.Protected{Entries: []string{person(test.protected).DN}}, policy.Administrators{})
			members, err := d.Members(t.Context(), rules.Named())
			if err != nil {
				t.Fatal(err)
			}
			survey := readiness.Survey{
				Directory: name, People: d, Policy: rules, Groups: members, Cards: cards,
				Judge: readiness.Judge{Reaches: func(string) bool { return true }}, Stopped: func(string) bool { return false },
			}
			got := make(map[string]readiness.Reason)
			counts, err := survey.Run(t.Context(), func(r readiness.Result) error { got[r.Login] = r.Reason; return nil })
			if err != nil || counts.Ready != 1 || counts.Unread != 0 || counts.People != len(got) {
				t.Errorf("%+v, %v", counts, err)
			}
			maps.DeleteFunc(got, func(login string, _ readiness.Reason) bool { _, asked := test.want[login]; return !asked })
			if !maps.Equal(got, test.want) {
				t.Errorf("told is %v, want %v", got, test.want)
			}
		})
	}
}
