package readiness

import (
	"context"
	"fmt"
	"sync"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/resetapi/policy"
)

// People shows everyone of a directory. [directory.Directory] does.
type People interface {
	EachPerson(ctx context.Context, pageSize int, f func(directory.Crowd) error) error
}

// Policy decides about a person. [policy.Policy] does.
type Policy interface {
	Decide(ctx context.Context, person *directory.Person, groups policy.Groups) (policy.Decision, error)
}

// Cards shows contact cards. [contact.Store] does.
type Cards interface {
	Read(ctx context.Context, directory string, persons []string, f func(i int, c contact.Card, err error)) error
}

// Survey looks at everyone of one directory.
type Survey struct {
	Directory string
	People    People
	Policy    Policy
	// Groups tells the groups of a person; [directory.Members] without a search.
	Groups policy.Groups
	Cards  Cards
	Judge  Judge
	// Stopped tells whether the person with an id stopped self-service.
	Stopped func(person string) bool
	// Progress is called after each page; it may be nil.
	Progress func(people, estimate int)
}

// Result is what is found of one person.
type Result struct {
	Directory string `json:"directory"`
	Login     string `json:"login"`
	Person    string `json:"person"`
	Ready     bool   `json:"ready"`
	Reason    Reason `json:"reason"`
	State     string `json:"state"`
	// Rule is the section that decided; empty where none did.
	Rule  string `json:"rule,omitempty"`
	Gates int    `json:"gates"`
	// Email and Mobile are how many contacts can be used.
	Email  int `json:"email"`
	Mobile int `json:"mobile"`
}

// Counts are of a whole directory.
type Counts struct {
	Directory string         `json:"directory"`
	People    int            `json:"people"`
	Ready     int            `json:"ready"`
	Reasons   map[Reason]int `json:"reasons"`
	// Unread entries show no permanent id or no login.
	Unread int `json:"unread"`
}

const (
	// page is how many people are looked at at a time.
	page = 1000
	// deciders is how many of them at once, where groups are asked for each.
	deciders = 4
)

// Run calls f with everyone, in no order. Without an error it has seen everyone;
// the counts are those of whom it has seen.
func (s *Survey) Run(ctx context.Context, f func(Result) error) (Counts, error) {
	counts := Counts{Directory: s.Directory, Reasons: make(map[Reason]int)}
	err := s.People.EachPerson(ctx, page, func(crowd directory.Crowd) error {
		counts.Unread += crowd.Unread
		results, err := s.look(ctx, crowd.People)
		if err != nil {
			return err
		}
		for _, r := range results {
			counts.People++
			counts.Reasons[r.Reason]++
			if r.Ready {
				counts.Ready++
			}
			if err := f(r); err != nil {
				return err
			}
		}
		if s.Progress != nil {
			s.Progress(counts.People, crowd.Estimate)
		}
		return ctx.Err()
	})
	return counts, err
}

// look judges the people of a page.
func (s *Survey) look(ctx context.Context, people []*directory.Person) ([]Result, error) {
	decisions, err := s.decide(ctx, people)
	if err != nil {
		return nil, err
	}
	persons, results := make([]string, len(people)), make([]Result, len(people))
	for i, p := range people {
		persons[i] = p.ID.String()
	}
	err = s.Cards.Read(ctx, s.Directory, persons, func(i int, card contact.Card, unreadable error) {
		p, decision := people[i], decisions[i]
		v := s.Judge.Weigh(p, decision, card)
		switch before := account(p, decision); {
		case before != "":
		case s.Stopped(persons[i]):
			v.Reason = Stopped
		case unreadable != nil && (v.Reason == Ready || v.Reason == TooFewContacts):
			v.Reason = UnreadableCard
		}
		results[i] = Result{
			Directory: s.Directory, Login: p.Login, Person: persons[i], Ready: v.Reason == Ready, Reason: v.Reason,
			State: p.State.String(), Rule: decision.Rule, Gates: decision.Gates,
			Email: len(card.Of(contact.Email, s.Judge.At)), Mobile: len(card.Of(contact.Mobile, s.Judge.At)),
		}
	})
	return results, err
}

// decide asks the policy about each, a few at a time.
func (s *Survey) decide(ctx context.Context, people []*directory.Person) ([]policy.Decision, error) {
	decisions, failures := make([]policy.Decision, len(people)), make([]error, deciders)
	var running sync.WaitGroup
	for first := range deciders {
		running.Go(func() {
			for i := first; i < len(people) && failures[first] == nil; i += deciders {
				decisions[i], failures[first] = s.Policy.Decide(ctx, people[i], s.Groups)
			}
		})
	}
	running.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, fmt.Errorf("decide about a person: %w", err)
		}
	}
	return decisions, nil
}
