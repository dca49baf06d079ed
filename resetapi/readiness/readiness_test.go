package readiness_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/readiness"
)

// everyone is a directory with so many people, made as they are asked for.
type everyone int

func (n everyone) EachPerson(_ context.Context, size int, f func(directory.Crowd) error) error {
	for first := 0; first < int(n); first += size {
		crowd := directory.Crowd{Unread: 1, Estimate: int(n)}
		for i := first; i < min(first+size, int(n)); i++ {
			name := fmt.Sprintf("person%07d", i)
			crowd.People = append(crowd.People, &directory.Person{
				ID: directory.ID{Kind: "entryUUID", Bytes: name}, DN: "uid=" + name + ",dc=x", Login: name, DisplayName: strings.Repeat("x", 200),
			})
		}
		if err := f(crowd); err != nil {
			return err
		}
	}
	return nil
}

// groups has every second person in the group of those who may reset.
type groups struct{}

func (groups) Groups(_ context.Context, p *directory.Person) ([]string, error) {
	if p.Login[len(p.Login)-1]%2 == 0 {
		return []string{"cn=staff,dc=x"}, nil
	}
	return nil, nil
}

// cards has an address for every fourth, and none that opens for person0000002.
type cards struct{}

func (cards) Read(_ context.Context, _ string, persons []string, f func(int, contact.Card, error)) error {
	for i := range persons {
		switch {
		case i%4 == 0:
			f(i, contact.Card{Contacts: []contact.Contact{{Kind: contact.Email, Value: "a@b.example"}}}, nil)
		case i == 2:
			f(i, contact.Card{}, contact.ErrCardUnreadable)
		default:
			f(i, contact.Card{}, nil)
		}
	}
	return nil
}

func survey(n everyone) *readiness.Survey {
	return &readiness.Survey{
		Directory: "main", People: n, Groups: groups{}, Cards: cards{},
		Policy:  policy.New([]policy.Rule{{Groups: []string{"cn=staff,dc=x"}, Enabled: true, Gates: 1, Methods: []string{policy.Email}}}, policy.Protected{Entries: []string{"uid=person0000001,dc=x"}}, policy.Administrators{}),
		Judge:   readiness.Judge{Reaches: func(string) bool { return false }},
		Stopped: func(person string) bool { return strings.HasSuffix(person, fmt.Sprintf("%x", "person0000004")) },
	}
}

func TestSurveyTellsTheFirstObstacle(t *testing.T) {
	got := make(map[string]readiness.Reason)
	counts, err := survey(10).Run(t.Context(), func(r readiness.Result) error { got[r.Login] = r.Reason; return nil })
	if err != nil || counts.People != 10 || counts.Ready != 2 || counts.Unread != 1 {
		t.Errorf("%+v, %v", counts, err)
	}
	for i, want := range []readiness.Reason{
		readiness.Ready, readiness.Protected, readiness.UnreadableCard, readiness.NoPolicy, readiness.Stopped,
		readiness.NoPolicy, readiness.TooFewContacts, readiness.NoPolicy, readiness.Ready, readiness.NoPolicy,
	} {
		if login := fmt.Sprintf("person%07d", i); got[login] != want {
			t.Errorf("%s: %s, want %s", login, got[login], want)
		}
	}
}

// TestSurveyKeepsNobody: the memory is that of a page, however many there are.
func TestSurveyKeepsNobody(t *testing.T) {
	const people, most = 200_000, 32 << 20
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	highest, s := uint64(0), survey(people)
	s.Progress = func(n, _ int) {
		if n%20_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
	}
	if counts, err := s.Run(t.Context(), func(readiness.Result) error { return nil }); err != nil || counts.People != people {
		t.Fatalf("%+v, %v", counts, err)
	}
	if highest > most {
		t.Errorf("%d MiB for %d people", highest>>20, people)
	}
}

type away struct{}

func (away) Groups(context.Context, *directory.Person) ([]string, error) {
	return nil, directory.ErrUnavailable
}

// TestSurveyWithoutGroups: whom nobody can judge is not told as anything.
func TestSurveyWithoutGroups(t *testing.T) {
	s := survey(10)
	s.Groups = away{}
	counts, err := s.Run(t.Context(), func(r readiness.Result) error { t.Errorf("%+v", r); return nil })
	if !errors.Is(err, directory.ErrUnavailable) || counts.People != 0 {
		t.Errorf("%+v, %v", counts, err)
	}
}

// TestJudge: which obstacle is told where there are several.
func TestJudge(t *testing.T) {
	j := readiness.Judge{SMSOn: true, Reaches: func(number string) bool { return strings.HasPrefix(number, "+49") }}
	rule := policy.Decision{Enabled: true, Gates: 1, Methods: []string{policy.SMS}, Rule: "policy[0]"}
	card := func(numbers ...string) (c contact.Card) {
		for _, n := range numbers {
			c.Contacts = append(c.Contacts, contact.Contact{Kind: contact.Mobile, Value: n})
		}
		return c
	}
	unverified := card("+491")
	unverified.Contacts[0].Unverified = true
	resting := card("+491")
	resting.Contacts[0].UsableFrom = time.Unix(1, 0)
	late := j
	late.At = time.Unix(1, 0)
	unconfirmed := card("+491")
	unconfirmed.Contacts[0].UsableFrom, unconfirmed.Contacts[0].Unverified = time.Unix(1, 0), true
	off := j
	off.SMSOn = false
	for name, c := range map[string]struct {
		judge    readiness.Judge
		person   directory.Person
		decision policy.Decision
		card     contact.Card
		want     readiness.Reason
	}{
		"ready":            {j, directory.Person{}, rule, card("+431", "+491"), readiness.Ready},
		"unreachable":      {j, directory.Person{}, rule, card("+431"), readiness.Unreachable},
		"unverified":       {j, directory.Person{}, rule, unverified, readiness.Unverified},
		"resting":          {j, directory.Person{}, rule, resting, readiness.Resting},
		"rested":           {late, directory.Person{}, rule, resting, readiness.Ready},
		"resting too":      {j, directory.Person{}, rule, unconfirmed, readiness.Unverified},
		"none":             {j, directory.Person{}, rule, card(), readiness.TooFewContacts},
		"locked":           {j, directory.Person{State: directory.Locked}, rule, card("+491"), readiness.Ready},
		"locked for good":  {j, directory.Person{State: directory.LockedByAdministrator}, rule, card("+491"), readiness.LockedByAdministrator},
		"disabled":         {j, directory.Person{State: directory.Disabled}, rule, card("+491"), readiness.Disabled},
		"expired":          {j, directory.Person{State: directory.Expired}, policy.Decision{}, card(), readiness.Expired},
		"protected, off":   {j, directory.Person{State: directory.Disabled}, policy.Decision{Protected: true, Rule: "protected"}, card(), readiness.Protected},
		"privileged":       {j, directory.Person{Privileged: "adminCount"}, policy.Decision{Protected: true}, card(), readiness.Privileged},
		"administrator":    {off, directory.Person{}, policy.Decision{Administrator: true, Gates: 2, Methods: []string{policy.Email, policy.SMS}, Rule: "administrators"}, card("+491"), readiness.SMSOff},
		"no rule":          {j, directory.Person{}, policy.Decision{}, card("+491"), readiness.NoPolicy},
		"a rule turns off": {j, directory.Person{}, policy.Decision{Rule: "policy[0]", Gates: 1}, card("+491"), readiness.NotEnabled},
	} {
		if got := c.judge.Weigh(&c.person, c.decision, c.card); got.Reason != c.want {
			t.Errorf("%s: %s, want %s", name, got.Reason, c.want)
		}
	}
}
