// Package confirmation owns the codes by which contacts that were entered by hand
// are shown to be right, before they can be used for a reset.
//
// Rules:
//   - A code goes to the contact that it is for and nowhere else. Whoever looks
//     after the person types what the person reads out; so the person has the
//     contact, and it was not mistyped.
//   - What is kept of a code is a MAC over code, person, kind and a random id, in
//     the sealed contact card.
//   - A typed code is counted in the step that writes down what came of it, so that
//     tries at the same time are counted like others. After [Guesses] the code is
//     dead, and so it is after its lifetime. A new code voids the one before.
//   - Who gets the code is asked of the card when it is sent: a contact that was
//     taken away meanwhile gets none.
//   - A confirmed contact still rests as long as [contacts] cooling says.
//
// Standards: NIST SP 800-63B-4 §4.2.1.2 (validated addresses for recovery), SP
// 800-63A (10 minutes for codes by telephone, 24 hours by e-mail at most).
package confirmation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/contact"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/verifier"
)

// Guesses is how many typed codes are compared with a code. Of 100 million codes,
// five guesses hit one in 20 million times.
const Guesses = 5

const (
	// emailLifetime leaves time for mail servers that make new senders wait.
	emailLifetime = time.Hour
	// mobileLifetime is the most that SP 800-63A allows for a telephone.
	mobileLifetime = 10 * time.Minute
)

var (
	// ErrNoCode means that no contact of the person awaits a code that can still be
	// typed.
	ErrNoCode = errors.New("no code is out for this person, or it is too old, or was mistyped too often")
	// ErrForm means that a text is no code. It does not count as a guess.
	ErrForm = errors.New("a code has eight digits")
	// ErrWrongCode means that a code is not that of a contact of the person.
	ErrWrongCode = errors.New("the code is wrong")
)

// Service issues and takes codes.
type Service struct {
	Cards *contact.Store
	Codes *verifier.Issued
	Queue *delivery.Queue
	// Reaches reports whether messages get to a contact at all; nil where only
	// what was issued is sent.
	Reaches func(contact.Contact) bool
}

// Person is whom contacts belong to.
type Person struct {
	// Directory is the name of the [[directory]], ID the text of the permanent id.
	Directory, ID string
	// Login stands in the messages; may be empty.
	Login string
}

// subject is what the codes of a person are bound to.
func (p Person) subject() string { return "contact of " + p.Directory + " " + p.ID }

// Send issues a code for each contact of a person that awaits one and has none yet,
// and queues it. With again, those that have one get another in its place. It
// returns how many codes these are, and how many contacts get none because no
// message gets to them.
func (s *Service) Send(ctx context.Context, p Person, again bool) (sent, unreached int, err error) {
	now, err := s.Queue.Now(ctx)
	if err != nil {
		return 0, 0, err
	}
	if err := s.Queue.Room(ctx); err != nil { // the code of before goes on
		return 0, 0, err
	}
	var jobs []delivery.Job
	err = s.Cards.Update(ctx, p.Directory, p.ID, func(card *contact.Card) error {
		jobs, unreached = nil, 0
		for i := range card.Contacts {
			switch one := &card.Contacts[i]; {
			case !one.Awaits() || !again && one.Confirmation.ID != "":
			case !s.Reaches(*one):
				unreached++
			default:
				jobs = append(jobs, s.issue(p, one, now))
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	for _, job := range jobs {
		if err := s.Queue.Add(ctx, job); err != nil {
			return 0, 0, fmt.Errorf("queue the code: %w", err)
		}
	}
	return len(jobs), unreached, nil
}

// issue puts a new code in the place of the one before.
func (s *Service) issue(p Person, c *contact.Contact, now time.Time) delivery.Job {
	method, lifetime := policy.Email, emailLifetime
	if c.Kind == contact.Mobile {
		method, lifetime = policy.SMS, mobileLifetime
	}
	id := rand.Text()
	code, mac := s.Codes.Issue(p.subject(), id, string(c.Kind))
	c.Confirmation = contact.Confirmation{ID: id, MAC: hex.EncodeToString(mac), ExpiresAt: now.Add(lifetime).UTC()}
	return delivery.Job{
		Kind: delivery.KindConfirmation, Challenge: id, Directory: p.Directory, Person: p.ID,
		Holder: delivery.Holder{Login: p.Login}, Method: method, Code: code, At: now, ExpiresAt: now.Add(lifetime),
	}
}

// Confirm takes the code that a person read out, and returns the contact that it
// confirms. It fails with [ErrForm], [ErrNoCode], [ErrWrongCode] or what package
// contact says.
func (s *Service) Confirm(ctx context.Context, p Person, typed string) (contact.Contact, error) {
	code, ok := verifier.Plain(typed)
	if !ok {
		return contact.Contact{}, ErrForm
	}
	now, err := s.Queue.Now(ctx)
	if err != nil {
		return contact.Contact{}, err
	}
	var confirmed *contact.Contact
	err = s.Cards.Update(ctx, p.Directory, p.ID, func(card *contact.Card) (err error) {
		confirmed, err = s.try(p, card.Contacts, code, now)
		return err
	})
	switch {
	case err != nil:
		return contact.Contact{}, err
	case confirmed == nil:
		return contact.Contact{}, ErrWrongCode
	}
	return *confirmed, nil
}

// try confirms the contact whose code was typed. A code that fits none is a guess at
// each that it was compared with.
func (s *Service) try(p Person, contacts []contact.Contact, code string, now time.Time) (*contact.Contact, error) {
	var missed []*contact.Contact
	for i := range contacts {
		one := &contacts[i]
		if !open(*one, now) {
			continue
		}
		mac, _ := hex.DecodeString(one.Confirmation.MAC) // what does not decode fits no code
		if s.Codes.Check(p.subject(), one.Confirmation.ID, string(one.Kind), mac, code) {
			one.Unverified, one.Confirmation = false, contact.Confirmation{}
			return one, nil
		}
		missed = append(missed, one)
	}
	if len(missed) == 0 {
		return nil, ErrNoCode
	}
	for _, one := range missed {
		one.Confirmation.Guesses++
	}
	return nil, nil
}

// open reports whether a code can be typed for a contact.
func open(c contact.Contact, now time.Time) bool {
	return c.Awaits() && c.Confirmation.ID != "" && c.Confirmation.Guesses < Guesses && now.Before(c.Confirmation.ExpiresAt)
}

// Recipients addresses a code, when it is about to be sent, to the contact that
// awaits it still.
func (s *Service) Recipients(ctx context.Context, job delivery.Job) ([]delivery.Message, error) {
	card, err := s.Cards.Get(ctx, job.Directory, job.Person)
	if errors.Is(err, contact.ErrNoCard) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now, err := s.Queue.Now(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range card.Contacts {
		if open(one, now) && one.Confirmation.ID == job.Challenge {
			return []delivery.Message{{To: one.Value, Code: job.Code, Login: job.Holder.Login, ValidFor: job.ExpiresAt.Sub(now)}}, nil
		}
	}
	return nil, nil
}
