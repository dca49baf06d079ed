package recovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/store"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/policy"
)

func (s *Service) lookupWorker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-s.lookups:
			// With others behind it, it has waited, and no pause may hold them up.
			if len(s.lookups) == 0 && !pause(ctx, rand.N(s.Config.LookupJitter.Std()+1)) {
				return
			}
			pending, mine := s.begun.claim(id)
			if !mine { // the delivery worker was faster
				continue
			}
			// What fails here is done again by the delivery worker, before it
			// sends anything.
			if _, _, err := s.lookUp(ctx, pending.stored, nil); err != nil {
				s.Logger.WarnContext(ctx, "look-up failed, will be done again", "recovery", id, "error", err)
			}
			s.begun.drop(id)
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// lookup finds out who a recovery is for, once.
func (s *Service) lookup(ctx context.Context, id string) error {
	_, _, err := s.lookedUp(ctx, id, nil)
	return err
}

// lookedUp is lookup, and returns the recovery as it is then, and what was found
// out on the way; nil where the look-up was made before.
func (s *Service) lookedUp(ctx context.Context, id string, beside beside) (stored, *standing, error) {
	switch pending, mine := s.begun.claim(id); {
	case mine:
		defer s.begun.drop(id)
	case pending != nil:
		pending.wait(ctx)
	}
	old, err := s.Store.load(ctx, id)
	if err != nil || old.State != Started {
		return old, nil, err
	}
	return s.lookUp(ctx, old, beside)
}

// beside adds to the round trip that stores what a look-up found.
type beside func(b *store.Batch, next stored, found *standing)

// lookUp is lookedUp for a recovery that was loaded.
func (s *Service) lookUp(ctx context.Context, old stored, beside beside) (stored, *standing, error) {
	event, found, err := s.identify(ctx, old.Record)
	if err != nil {
		return stored{}, nil, err
	}
	next, err := s.change(ctx, old, event, func(ctx context.Context, old stored, next Record) error {
		b := s.Store.batch()
		swapped := s.Store.swapWith(ctx, b, old, next, s.lifetime())
		if beside != nil {
			beside(b, stored{Record: next, now: old.now}, found)
		}
		b.Send(ctx)
		return swapped()
	})
	if errors.Is(err, ErrNotNow) {
		return next, nil, nil // another worker was faster
	}
	return next, found, err
}

// identify decides between a person and a decoy. Both ways ask the directory
// and the store for the same things.
func (s *Service) identify(ctx context.Context, r Record) (Event, *standing, error) {
	person, subject, decision, err := s.find(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	found, past, err := s.enter(ctx, r, subject)
	if err != nil {
		return nil, nil, err
	}
	subject.Epoch, subject.Contacts = past.epoch, found.card.Version()
	if found.strict {
		decision.Gates = max(decision.Gates, s.Config.StrictGates)
	}
	required := Requirement{Gates: decision.Gates, Methods: s.reachable(found.card, decision.Methods, r.StartedAt)}
	suspended, err := s.suspended(ctx, person, found.stopped)
	if err != nil {
		return nil, nil, err
	}
	reason := cmp.Or(refusal(person, decision, required), suspended)
	required.Methods = s.unstopped(required.Methods, past.rows, s.purse(subject, r.Device))
	if reason == "" && len(required.Methods) < required.Gates {
		reason = delivery.ReasonStopped
	}
	switch {
	case reason == "" && past.started.Allowed:
		s.Audit.Note(s.about(Record{ID: r.ID, Subject: subject, Network: r.Network}, audit.Event{Kind: audit.LookedUp, Outcome: "found"}))
		return Found{Subject: subject, Required: required}, found, nil
	case person == nil, !past.started.Allowed:
		s.decoy(ctx, r, subject, cmp.Or(reason, "too_many"))
		return NotFound{}, found, nil
	default:
		s.decoy(ctx, r, subject, reason)
		return NotFound{Refused: &Refused{Subject: subject, Reason: reason}}, found, nil
	}
}

// unstopped leaves out the methods whose codes nobody compares any more, after
// too many wrong ones in a row: a code that is sent would be no use.
func (s *Service) unstopped(methods []Method, rows map[string]int, p purse) []Method {
	return slices.DeleteFunc(methods, func(m Method) bool { return rows[p.row(m)] >= s.Config.GuessesInARow })
}

func (s *Service) decoy(ctx context.Context, r Record, subject Subject, reason string) {
	s.Logger.InfoContext(ctx, "recovery is a decoy", "recovery", r.ID, "reason", reason)
	s.Meter.RecoveryDecoy()
	e := audit.Event{Kind: audit.LookedUp, Outcome: "decoy", Recovery: r.ID, Reason: reason}
	if subject.Directory != "" {
		e.Directory, e.Person = subject.Directory, subject.Person
	}
	s.Audit.Note(e)
}

// refusal is why a person may not reset; empty when they may.
func refusal(person *directory.Person, decision policy.Decision, required Requirement) string {
	switch {
	case person == nil:
		return "nobody"
	case decision.Protected:
		return delivery.ReasonProtected
	case person.State == directory.LockedByAdministrator:
		return delivery.ReasonLocked
	case person.State == directory.Expired:
		return delivery.ReasonExpired
	case !person.MayReset():
		return delivery.ReasonDisabled
	case !decision.Enabled:
		return delivery.ReasonNotEnabled
	case len(required.Methods) < required.Gates:
		return delivery.ReasonTooFewContacts
	default:
		return ""
	}
}

// find looks in all directories. A login that two of them know belongs to
// nobody. Where nobody is found, the subject is a stand-in made of the login.
func (s *Service) find(ctx context.Context, r Record) (*directory.Person, Subject, policy.Decision, error) {
	var person *directory.Person
	var home Directory
	for _, d := range s.Directories {
		found, err := d.Find(ctx, r.Login)
		switch {
		case errors.Is(err, directory.ErrNotFound):
		case err != nil:
			return nil, Subject{}, policy.Decision{}, fmt.Errorf("directory %s: %w", d.Name, err)
		case person != nil:
			s.Logger.WarnContext(ctx, "a login is in two directories and counts as not found", "recovery", r.ID, "directories", []string{home.Name, d.Name})
			return nil, standIn(r), policy.Decision{}, nil
		default:
			person, home = found, d
		}
	}
	if person == nil {
		return nil, standIn(r), policy.Decision{}, nil
	}
	decision, err := s.Policy.Decide(ctx, person, home)
	if err != nil {
		return nil, Subject{}, policy.Decision{}, fmt.Errorf("directory %s: %w", home.Name, err)
	}
	return person, Subject{
		Directory: home.Name, Person: person.ID.String(), Login: person.Login, Stamp: person.ChangeStamp,
	}, decision, nil
}

// standIn is the subject of a login that belongs to nobody.
func standIn(r Record) Subject { return Subject{Person: "login " + FoldLogin(r.Login)} }

// told is whom a recovery is about, as far as contacts go: also the person behind
// a decoy.
func (r Record) told() Subject {
	if r.Refused != nil {
		return r.Refused.Subject
	}
	return r.who()
}

// who is whose guesses a recovery spends.
func (r Record) who() Subject {
	if r.Subject.Person == "" {
		return standIn(r)
	}
	return r.Subject
}

// behind is the person whom messages of a recovery go to.
func (r Record) behind() Subject {
	if r.Refused != nil {
		return r.Refused.Subject
	}
	return r.Subject
}

// kind tells which contacts a method needs.
func kind(m Method) contact.Kind {
	switch m {
	case EmailCode:
		return contact.Email
	case SMSCode:
		return contact.Mobile
	default:
		return ""
	}
}

// sends reports whether something can be sent by a method.
func (s *Service) sends(m Method) bool { return slices.Contains(s.Methods, m) }

// reaches reports whether messages get to a contact at all.
func (s *Service) reaches(c contact.Contact) bool {
	return c.Kind != contact.Mobile || s.Reaches != nil && s.Reaches(c.Value)
}

// reachable are the methods by which the card's contacts can be reached.
func (s *Service) reachable(card contact.Card, methods []string, at time.Time) []Method {
	var usable []Method
	for _, m := range methodsOf(methods) {
		if s.sends(m) && slices.ContainsFunc(card.Of(kind(m), at), s.reaches) {
			usable = append(usable, m)
		}
	}
	return usable
}
