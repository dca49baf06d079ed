package ldapsync

import (
	"context"
	"time"

	"latchkey/internal/contact"
)

// write brings the batch into the cards.
func (w *writer) write(ctx context.Context, b *batch) (map[string][]Rejection, error) {
	rejected := make(map[string][]Rejection)
	outcomes := make([]outcome, len(b.order))
	values := make([][]contact.Address, len(b.order))
	for i, person := range b.order {
		t := b.told[person]
		if t.what != Found {
			continue
		}
		values[i] = t.found
		for _, r := range t.refused {
			rejected[person] = append(rejected[person], Rejection{person, r.attribute, r.err.Error()})
		}
		b.counts.Rejected += int64(len(t.refused))
	}
	allowed := make(map[int]bool)
	now := time.Now().UTC().Truncate(time.Second)
	if b.cards == nil {
		var err error
		if b.cards, err = w.cards.Fetch(ctx, b.order); err != nil {
			return nil, err
		}
	}
	err := w.cards.Change(ctx, w.status.Pass, b.cards, func(i int, c *contact.Card) bool {
		what := b.told[b.order[i]].what
		if what == Present {
			outcomes[i] = outcome{readable: true, before: synced(c.Contacts, contact.Email) + synced(c.Contacts, contact.Mobile)}
			return false
		}
		outcomes[i] = w.mapping.judge(*c, values[i], now)
		o := &outcomes[i]
		if o.lost > 0 {
			if _, ok := allowed[i]; !ok {
				allowed[i] = w.mayLose()
			}
			if !allowed[i] {
				return false
			}
			o.write = true
		}
		if o.write {
			old := *c
			c.Contacts = o.after
			w.alter(old, *c)
		}
		return o.write
	})
	if err := contact.Readable(err); err != nil {
		return nil, err
	}
	for i, o := range outcomes {
		w.count(b, o, removal{b.order[i], values[i]}, b.told[b.order[i]].what)
	}
	w.tell(ctx, func(person string) bool { return b.told[person].what == Found })
	return rejected, nil
}

// count notes what became of a card.
func (w *writer) count(b *batch, o outcome, r removal, what What) {
	if w.pass != nil && what != Present {
		w.pass.forget(r.person)
	}
	if w.pass != nil && what != Gone {
		w.pass.saw(r, o)
	}
	switch {
	case !o.readable:
		b.counts.Unreadable++
	case what == Present:
	case o.write:
		b.counts.Written++
		b.counts.Removed += int64(o.lost)
	case o.lost > 0:
		b.counts.Held++
		if w.pass != nil {
			w.pass.hold(r, o, what, w.keeps())
		}
	default:
		b.counts.Unchanged++
	}
}
