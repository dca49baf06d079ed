package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/crash"
	"latchkey/resetapi/delivery"
)

// Open opens a challenge: a code is made, its MAC stored, and a delivery job
// queued, whoever the recovery is for; the worker that takes the job finds out
// whether anybody gets it. A new code voids the one before. It fails with
// [ErrNotNow], [ErrTooSoon], [ErrNoMoreCodes], [EndedError], [ErrBusy] or
// store.ErrUnavailable.
func (s *Service) Open(ctx context.Context, t Ticket, m Method) (View, error) {
	old, err := s.holder(ctx, t)
	if err != nil {
		return View{}, err
	}
	if err := s.thawed(ctx); err != nil {
		return View{}, err
	}
	id := rand.Text()
	code, mac := s.Codes.Issue(old.ID, id, string(m))
	expires := old.now.Add(s.Config.CodeLifetime.Std())
	next, err := s.change(ctx, old, Opened{Challenge{
		ID: id, Method: m, MAC: mac, SentAt: old.now, ExpiresAt: expires,
		ResendAt: old.now.Add(s.Config.ResendAfter.Std() << old.Opened),
	}}, s.queue(delivery.Job{
		ID: id, Kind: delivery.KindCode, Recovery: old.ID, Challenge: id, Method: string(m),
		Code: code, Language: old.Language, ExpiresAt: expires,
	}))
	if err != nil {
		return View{}, err
	}
	crash.Here("challenge stored")
	s.Logger.InfoContext(ctx, "challenge opened", "recovery", old.ID, "method", m)
	s.Audit.Note(audit.Event{Kind: audit.ChallengeOpened, Recovery: old.ID, Method: string(m)})
	return next.view(next.now, s.Config), nil
}

func (s *Service) queue(j delivery.Job) saver {
	id, sealed := s.Jobs.Seal(j)
	return func(ctx context.Context, old stored, next Record) error {
		return s.Store.swapAndQueue(ctx, old, next, s.lifetime(), job{
			stream: delivery.StreamKey(), later: delivery.LaterKey(), id: id, sealed: sealed, longest: s.Queue.MaxQueue,
		})
	}
}

// Recipients decides, when a job is about to be sent, who gets it: nobody when
// the recovery has ended or has another challenge by now. Behind a decoy there
// may be a person who may not reset; they get the truth instead of the code.
func (s *Service) Recipients(ctx context.Context, j delivery.Job) ([]delivery.Message, error) {
	if j.Kind == delivery.KindNotice {
		return s.noticed(ctx, j)
	}
	if err := s.lookup(ctx, j.Recovery); err != nil && !errors.Is(err, ErrNoRecovery) {
		return nil, err
	}
	r, err := s.Store.load(ctx, j.Recovery)
	if errors.Is(err, ErrNoRecovery) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if r.State == Started {
		return nil, fmt.Errorf("the look-up of recovery %s is not done", r.ID)
	}
	current := r.State == Gating && r.Challenge != nil && r.Challenge.ID == j.Challenge && r.now.Before(r.Challenge.ExpiresAt)
	switch {
	case !current:
		return nil, nil
	case r.Refused != nil:
		return s.refused(ctx, r, j)
	}
	card, err := s.Contacts.Get(ctx, r.who().Directory, r.who().Person)
	if err != nil && !errors.Is(err, contact.ErrNoCard) {
		return nil, err
	}
	if r.Decoy || card.Version() != r.Subject.Contacts || !slices.Contains(r.Required.Methods, Method(j.Method)) {
		return nil, nil
	}
	return s.address(ctx, r, card, j, nil)
}

// address writes one message to each contact that has a budget for it; adapt
// changes what it says.
func (s *Service) address(ctx context.Context, r stored, card contact.Card, j delivery.Job, adapt func(*delivery.Message)) ([]delivery.Message, error) {
	var messages []delivery.Message
	for _, c := range card.Of(kind(Method(j.Method))) {
		paid, err := s.pay(ctx, j.Challenge, c)
		if err != nil {
			return nil, err
		}
		if !paid {
			s.Logger.WarnContext(ctx, "a contact had too many messages; this one is not sent", "recovery", r.ID, "contact", c)
			continue
		}
		message := delivery.Message{
			Kind: j.Kind, To: c.Value, Code: j.Code, Login: r.Subject.Login,
			ValidFor: r.Challenge.ExpiresAt.Sub(r.now), Language: j.Language,
		}
		if adapt != nil {
			adapt(&message)
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// pay takes the contact's budget for the message of a challenge, once, however
// often the job is tried.
func (s *Service) pay(ctx context.Context, challenge string, c contact.Contact) (bool, error) {
	of := string(c.Kind) + " " + c.Value
	if paid, err := s.Store.paid(ctx, challenge, of); paid || err != nil {
		return paid, err
	}
	budgets, err := s.messageBudgets(ctx, c)
	if err != nil {
		return false, err
	}
	decision, err := s.Limits.Take(ctx, budgets...)
	if err != nil || !decision.Allowed {
		return false, err
	}
	return true, s.Store.markPaid(ctx, challenge, of, s.Config.CodeLifetime.Std())
}
