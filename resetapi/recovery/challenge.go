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
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
	"latchkey/resetapi/delivery"
)

// Open opens a challenge: a code is made, its MAC stored, and a delivery job
// queued, whoever the recovery is for; the worker that takes the job finds out
// whether anybody gets it. A new code voids the one before. It fails with
// [ErrNotNow], [ErrTooSoon], [ErrNoMoreCodes], [EndedError], [ErrBusy],
// [ErrFrozen], [ErrChannelFrozen] or store.ErrUnavailable.
func (s *Service) Open(ctx context.Context, t Ticket, m Method) (View, error) {
	old, err := s.holder(ctx, t)
	if err != nil {
		return View{}, err
	}
	if err := s.thawedFor(ctx, m); err != nil {
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
	if delivery.IsNotice(j.Kind) {
		return s.noticed(ctx, j)
	}
	var paid []payment
	r, found, err := s.lookedUp(ctx, j.Recovery, func(b *store.Batch, next stored, found *standing) {
		if goesOut(next, found, j) {
			paid = s.pay(ctx, b, next.Record, found, j)
		}
	})
	if errors.Is(err, ErrNoRecovery) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if r.State == Started {
		return nil, fmt.Errorf("the look-up of recovery %s is not done", r.ID)
	}
	if !r.awaits(j) {
		return nil, nil
	}
	if found == nil { // the look-up is not of just now
		if found, err = s.standing(ctx, r.Record); err != nil {
			return nil, err
		}
	}
	if !goesOut(r, found, j) {
		return nil, nil
	}
	if paid == nil {
		b := s.Store.batch()
		paid = s.pay(ctx, b, r.Record, found, j)
		b.Send(ctx)
	}
	return s.address(ctx, r, paid, j)
}

// awaits reports whether a job is that of the open challenge.
func (r stored) awaits(j delivery.Job) bool {
	return r.State == Gating && r.Challenge != nil && r.Challenge.ID == j.Challenge && r.now.Before(r.Challenge.ExpiresAt)
}

// goesOut reports whether a job comes to messages: of a code, or to the person
// behind a decoy.
func goesOut(r stored, found *standing, j delivery.Job) bool {
	switch {
	case !r.awaits(j):
		return false
	case r.Refused != nil:
		return true
	default:
		return !found.stopped && !r.Decoy && found.card.Version() == r.Subject.Contacts && slices.Contains(r.Required.Methods, Method(j.Method))
	}
}

// payment is the budget that a contact has, or has not, for one message.
type payment struct {
	contact contact.Contact
	asked   func() (ratelimit.Decision, error)
}

// pay takes the budgets of all contacts that a job goes to, each once, however
// often the job is tried.
func (s *Service) pay(ctx context.Context, b *store.Batch, r Record, found *standing, j delivery.Job) []payment {
	whose := s.purse(r.behind(), r.Device)
	all := []payment{}
	for _, c := range found.card.Of(kind(Method(j.Method)), r.StartedAt) {
		of := whose.share(contactName(c))
		all = append(all, payment{c, s.Limits.Once(ctx, b, "message "+j.Challenge+" "+of, s.Config.CodeLifetime.Std(), messageBudgets(of, found.strict)...)})
	}
	return all
}

// address writes one message to each contact that has a budget for it.
func (s *Service) address(ctx context.Context, r stored, paid []payment, j delivery.Job) ([]delivery.Message, error) {
	var messages []delivery.Message
	for _, p := range paid {
		decision, err := p.asked()
		if err != nil {
			return nil, err
		}
		if !decision.Allowed {
			s.Audit.Throttled(decision.Limit)
			s.Meter.Limited(decision.Limit)
			s.Logger.WarnContext(ctx, "a contact had too many messages; this one is not sent", "recovery", r.ID, "contact", p.contact)
			continue
		}
		message := delivery.Message{
			Kind: j.Kind, To: p.contact.Value, Code: j.Code, Login: r.Subject.Login,
			ValidFor: r.Challenge.ExpiresAt.Sub(r.now), Language: j.Language,
		}
		if r.Refused != nil {
			message = r.refused(message)
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// contactName is the name under which a contact has budgets.
func contactName(c contact.Contact) string { return string(c.Kind) + " " + c.Value }
