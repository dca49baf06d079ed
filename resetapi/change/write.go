package change

import (
	"context"
	"errors"

	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/recovery"
)

// write is a try whose old password was found right.
type write struct {
	*Service
	request Request
	home    Directory
	person  *directory.Person
	claim   recovery.ChangeClaim
	claimed bool
}

// purse is the person's own budget, whatever was typed: whoever has several names
// could otherwise be locked out by tries with each of them. Nobody is told that it
// is used up, because a stranger would learn which names are one person's.
func (w *write) purse() ratelimit.Budget {
	return recovery.ChangeBudget(w.home.Name, w.person.ID.String())
}

// proved runs between the proof and the write. The tries are given back: the owner
// of a password needs as many as it takes to find a new one.
func (w *write) proved(ctx context.Context) error {
	if err := w.Limits.Clear(ctx, w.request.budget(), w.purse()); err != nil {
		return err
	}
	// The login of the directory may be another than what was typed.
	if reasons := w.Password.Check(w.request.New, w.person.Login); len(reasons) > 0 {
		return &recovery.RefusedError{Reasons: reasons}
	}
	if err := w.Brakes.Writable(ctx); err != nil {
		return err
	}
	claim, err := w.Writes.ClaimChange(ctx, recovery.KnownChange{
		Directory: w.home.Name, Person: w.person,
		Languages: w.request.Languages, Browser: w.request.Browser, Address: w.request.Address,
	})
	w.claim, w.claimed = claim, err == nil
	return err
}

// end makes known what the directory answered. Who gets here gave the right
// password, and is told why a new one is refused.
func (w *write) end(ctx context.Context, failure error) (Outcome, error) {
	step, err := w.Writes.EndChange(ctx, w.claim, failure, w.request.New)
	switch {
	case step == recovery.StepDone:
		w.Meter.Change("done")
		return Done, nil
	case step == recovery.StepSettling:
		w.Meter.Change("unknown")
		return Unknown, nil
	case err != nil:
		w.Logger.WarnContext(ctx, "the end of a change could not be stored", "change", w.claim.ID(), "error", err)
	}
	refused, ok := errors.AsType[*directory.RefusedError](failure)
	if !ok {
		return "", w.unproved(w.home, w.person, failure, w.request)
	}
	w.Meter.Change("refused")
	reasons := make([]string, len(refused.Reasons))
	for i, reason := range refused.Reasons {
		reasons[i] = string(reason)
	}
	return "", &recovery.RefusedError{Reasons: reasons}
}
