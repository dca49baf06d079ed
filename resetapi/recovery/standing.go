package recovery

import (
	"context"

	"latchkey/internal/contact"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
)

// standing is what the store knows of whoever a recovery is about.
type standing struct {
	card contact.Card
	// strict: strict mode holds. stopped: the holder stopped self-service.
	strict, stopped bool
}

// standing asks for it.
func (s *Service) standing(ctx context.Context, r Record) (*standing, error) {
	b := s.Store.batch()
	asked := s.standingWith(ctx, b, r, r.told())
	b.Send(ctx)
	return asked()
}

func (s *Service) standingWith(ctx context.Context, b *store.Batch, r Record, subject Subject) func() (*standing, error) {
	card := s.Contacts.GetWith(ctx, b, subject.Directory, subject.Person)
	strict := s.Store.strictWith(ctx, b)
	stopped := s.Blocks.Stopped(ctx, b, subject.Directory, subject.Person, r.StartedAt)
	return func() (_ *standing, err error) {
		var found standing
		if found.card, err = s.opened(ctx, r.ID, card); err != nil {
			return nil, err
		}
		if found.strict, err = strict(); err != nil {
			return nil, err
		}
		found.stopped, err = stopped()
		return &found, err
	}
}

// history is what only a look-up needs: the person's epoch, their wrong guesses
// in a row, and whether they may begin another recovery.
type history struct {
	epoch   int64
	rows    map[string]int
	started ratelimit.Decision
}

// enter asks for all that a look-up needs of the store, in one round trip, and
// pays for the start. The same is asked for a person and for nobody.
func (s *Service) enter(ctx context.Context, r Record, subject Subject) (found *standing, past history, err error) {
	purse := s.purse(subject, r.Device)
	b := s.Store.batch()
	// Two workers may look at once, and a look-up may be made again: it is paid once.
	started := s.Limits.Once(ctx, b, "start "+r.ID, s.Config.Lifetime.Std(), ratelimit.Budget{
		Limit: ratelimit.StartsPerPerson, Of: purse.String(),
	})
	asked, epoch, rows := s.standingWith(ctx, b, r, subject), s.Store.epochWith(ctx, b, subject), s.Store.rowsWith(ctx, b, purse)
	b.Send(ctx)
	if found, err = asked(); err != nil {
		return nil, history{}, err
	}
	if past.started, err = started(); err != nil {
		return nil, history{}, err
	}
	if past.epoch, err = epoch(); err != nil {
		return nil, history{}, err
	}
	past.rows, err = rows()
	return found, past, err
}
