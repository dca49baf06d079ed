package ldapsync

import "context"

// An approval is good for a number, whatever ends the process meanwhile: what is
// about to be removed is taken off it before anything is, in Redis. After a kill
// in between, less may be removed than was approved, and the rest waits again.

// keeps is how many people may wait for the end of a pass.
func (w *writer) keeps() int {
	if w.approval != nil {
		return max(w.Config.MaxRemovals, 2*batchSize)
	}
	return w.Config.MaxRemovals
}

// relieve removes what an approval covers as soon as a batch of people wait, so
// that no more of them than that are held.
func (w *writer) relieve(ctx context.Context) error {
	p := w.pass
	if p == nil || w.approval == nil || len(p.removals) < batchSize {
		return nil
	}
	if p.contacts > w.approval.Contacts || p.none > w.approval.People {
		return nil // the end of the pass says so
	}
	if err := w.spend(ctx, p.contacts, p.none); err != nil {
		return err
	}
	if err := w.removeHeld(ctx, p); err != nil {
		return err
	}
	p.removals, p.contacts, p.none = nil, 0, 0
	return nil
}

// spend takes what is about to be removed off the approval, if there is one.
func (w *writer) spend(ctx context.Context, contacts, people int) error {
	if w.approval == nil {
		return nil
	}
	w.approval.Contacts -= contacts
	w.approval.People -= people
	return w.note(ctx, commit{approval: w.approval})
}
