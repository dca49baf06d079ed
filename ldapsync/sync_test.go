package ldapsync_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// Contacts come under the permanent id, a second run writes nothing, and what
// others put into the cards stays.
func TestSync(t *testing.T) {
	const people = 5000
	s := newSite(t, crowd(people)+testenv.PersonLDIF("dora", "homePhone: +49 30 12345678", second+": dora@home.example"))
	r := s.run(t)
	if r.People != people+1+len(testenv.People()) || r.WithContacts != people+1 || r.Contacts != 2*people+2 || r.Written != people+1 || r.Rejected != 0 || r.Removed != 0 {
		t.Errorf("%+v", r)
	}
	dora := s.id(t, "dora")
	s.want(t, dora, "sync dora@home.example", "sync +493012345678")
	s.want(t, s.id(t, "crowd042"), "sync crowd42@home.example", "sync +4915100000042")
	before := s.digest(t)
	if r = s.run(t); r.Written != 0 || r.Unchanged != r.People || s.digest(t) != before {
		t.Errorf("the second run changed something: %+v", r)
	}

	err := s.cards.Update(t.Context(), "staff", dora, func(c *contact.Card) error {
		c.Contacts = append(
			c.Contacts, contact.Contact{Kind: contact.Mobile, Value: "+4915123456789", Source: contact.Staff},
			contact.Contact{Kind: contact.Email, Value: "dora@import.example", Source: contact.Imported},
		)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.modify(t, fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: homePhone\nhomePhone: +49 30 87654321\n-\nadd: mobile\nmobile: +49 1512 3456789\n", testenv.PersonDN("dora")))
	if r = s.run(t); r.Written != 1 {
		t.Errorf("after a change: %+v", r)
	}
	// The number that staff entered is the one that the directory has now.
	s.want(t, dora, "staff +4915123456789", "import dora@import.example", "sync dora@home.example")
}

// S51: the key is the entry's permanent id, never the DN or the login.
func TestS51_RenamedKeepsTheCardAndRecreatedIsSomebodyElse(t *testing.T) {
	s := newSite(t, crowd(40))
	s.run(t)
	renamed, gone := s.id(t, "crowd001"), s.id(t, "crowd002")
	s.modify(t, fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: uid=married\ndeleteoldrdn: 1\nnewsuperior: ou=services,%s\n", testenv.PersonDN("crowd001"), testenv.BaseDN))
	s.remove(t, "crowd002")
	s.modify(t, testenv.PersonLDIF("crowd002", "mobile: +4915199999999"))
	r := s.run(t)
	if r.Written != 1 || r.Removed != 2 || r.MissingPeople != 1 {
		t.Errorf("%+v", r)
	}
	if s.id(t, "married") != renamed || s.id(t, "crowd002") == gone {
		t.Fatal("the directory does not behave as the test thinks")
	}
	s.want(t, renamed, "sync crowd1@home.example", "sync +4915100000001")
	s.want(t, gone)
	s.want(t, s.id(t, "crowd002"), "sync +4915199999999")
}

// Whoever is gone loses the synchronized contacts only.
func TestTheGoneKeepWhatOthersEntered(t *testing.T) {
	s := newSite(t, crowd(40))
	s.run(t)
	gone := s.id(t, "crowd003")
	err := s.cards.Update(t.Context(), "staff", gone, func(c *contact.Card) error {
		c.Contacts = append(c.Contacts, contact.Contact{Kind: contact.Email, Value: "by@staff.example", Source: contact.Staff})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	other := contact.Card{Directory: "elsewhere", Person: gone, Contacts: []contact.Contact{{Kind: contact.Email, Value: "a@b.example", Source: contact.Synced}}}
	if err := s.cards.Put(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	s.remove(t, "crowd003")
	if r := s.run(t); r.Missing != 2 || r.MissingPeople != 1 || r.Removed != 2 {
		t.Errorf("%+v", r)
	}
	s.want(t, gone, "staff by@staff.example")
	if _, err := s.cards.Get(t.Context(), "elsewhere", gone); err != nil {
		t.Errorf("the card of another directory: %v", err)
	}
}

// S47: what comes from the directory is held to the same forms as anything else,
// and what is refused is told without its value.
func TestS47_OnlyNormalForms(t *testing.T) {
	bad := []string{"mıke@home.example", "x@ﬁ.example", "a@home.example,b@home.example", "Mike <mike@home.example>", "a@home.example\nBcc: b@home.example", " a@home.example"}
	for i, number := range []string{"０７００１２３４５６７", "+49 1512 3456789 ext. 5", "+0049 1512 3456789", "+4915123456789;ext=7", "1512-CALL-ME", "01512 3456789"} {
		bad = append(bad, fmt.Sprint("mobile ", i, " ", number))
	}
	var ldif strings.Builder
	for i, value := range bad {
		attribute, text := alternate, value
		if rest, ok := strings.CutPrefix(value, "mobile "); ok {
			attribute, text = second, rest[2:]
		}
		ldif.WriteString(testenv.PersonLDIF(fmt.Sprint("bad", i), line(attribute, text)))
	}
	ldif.WriteString(testenv.PersonLDIF("lookalike", line(alternate, "a@gıthub.example")))
	s := newSite(t, ldif.String()+testenv.PersonLDIF("good", line(alternate, "Mike.O'Hara@bücher.Example"), line(second, "+44 (0)20 7946 0958")))
	s.Config.Email, s.Config.Mobile = []string{alternate}, []string{second}
	r := s.run(t)
	s.want(t, s.id(t, "good"), "sync Mike.O'Hara@xn--bcher-kva.example", "sync +442079460958")
	s.want(t, s.id(t, "lookalike"), "sync a@xn--gthub-n4a.example")
	if s.total(t) != 3 || r.Rejected != len(bad) || len(r.Rejections) != len(bad) {
		t.Errorf("%d contacts, %d rejected; want 3, %d", s.total(t), r.Rejected, len(bad))
	}
	sum := 0
	for _, n := range r.Reasons {
		sum += n
	}
	told := make(map[string]bool)
	for _, rejection := range r.Rejections {
		told[rejection.Person+" "+rejection.Attribute] = rejection.Reason != ""
	}
	if sum != len(bad) || !told[s.id(t, "bad0")+" "+alternate] || !told[s.id(t, "bad6")+" "+second] {
		t.Errorf("%+v", r)
	}
	// The ids are random, and may have any digits in them; so has the time.
	r.Seconds = 0
	for i := range r.Rejections {
		r.Rejections[i].Person = ""
	}
	text, err := json.Marshal(r)
	for _, secret := range []string{"home.example", "gıthub", "1512 3", "15123", "1512-", "79460", "7946 0", "CALL", "bücher", "bad0", "uid="} {
		if err != nil || strings.Contains(string(text), secret) {
			t.Errorf("the report holds %q", secret)
		}
	}
}

// S49: the mailbox that opens with the forgotten password is no way back in.
func TestS49_NoMailboxBehindTheSamePassword(t *testing.T) {
	s := newSite(t, testenv.PersonLDIF("same", alternate+": SAME@Example.test", second+": same@home.example")+
		testenv.PersonLDIF("corporate", alternate+": corporate@mail.corp.example"))
	s.Rules.CorporateDomains = []string{"corp.example"}
	r := s.run(t)
	s.want(t, s.id(t, "same"), "sync same@home.example")
	s.want(t, s.id(t, "corporate"))
	if r.Rejected != 2 {
		t.Errorf("%+v", r)
	}
	s.Config.Email, s.Config.AllowMail = []string{"mail"}, true
	s.run(t)
	s.want(t, s.id(t, "corporate"), "sync corporate@example.test")
}

// S50: what several people have is told, by numbers.
func TestS50_SharedContactsAreFlagged(t *testing.T) {
	var ldif strings.Builder
	for i := range 6 {
		ldif.WriteString(testenv.PersonLDIF(fmt.Sprint("desk", i), "mobile: +49 1512 3456789"))
	}
	for i, address := range []string{"pair@home.example", "pair@HOME.example"} {
		ldif.WriteString(testenv.PersonLDIF(fmt.Sprint("pair", i), alternate+": "+address, second+": "+address))
	}
	s := newSite(t, ldif.String())
	if r := s.run(t); r.Shared != 2 || r.SharedPeople != 8 || r.WidelyShared != 1 {
		t.Errorf("%+v", r)
	}
	ledger := ldapsync.NewLedger(s.store, s.keys)
	followed := func(want ldapsync.Shared) {
		t.Helper()
		since := time.Now()
		stop := start(t, s.follower(s.keys))
		defer stop()
		await(t, "everyone is read", func() bool {
			status, err := ledger.Status(t.Context(), "staff")
			return err == nil && status.FullAt.After(since)
		})
		if status, err := ledger.Status(t.Context(), "staff"); err != nil || status.Shared != want {
			t.Errorf("%+v, %v", status.Shared, err)
		}
	}
	followed(ldapsync.Shared{Contacts: 2, People: 8, Widely: 1})
	s.remove(t, "desk0", "pair0")
	s.Config.MaxValues = 4 // other rules: everyone is read again
	followed(ldapsync.Shared{Contacts: 1, People: 5})
}
