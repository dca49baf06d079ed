package ldapsync

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
)

// Auditor keeps what happened. [audit.Log] is one.
type Auditor interface {
	Note(e audit.Event)
}

// Notifier tells people by the contacts that they had.
type Notifier interface {
	Altered(ctx context.Context, all []contact.Alteration, at time.Time) error
}

const (
	// maxListed is how many people an hour the audit names one by one. A first load
	// names nobody: who had no contacts loses none.
	maxListed = 1000
	listedFor = time.Hour
	// sumEvery is how often the audit is told of changes that come one by one.
	sumEvery = time.Minute
)

// budget is how often something may be done in a time.
type budget struct {
	began time.Time
	used  int
}

// left tells how much of it is left.
func (b *budget) left(now time.Time, most int) int {
	if now.Sub(b.began) > listedFor {
		b.began, b.used = now, 0
	}
	return max(0, most-b.used)
}

// spoken is what a follower told of, over all its streams.
type spoken struct {
	listed, noticed budget
	// sums are the counts at the last sum, unlisted the people since then who are
	// in it alone.
	sums     Counts
	began    bool
	summedAt time.Time
	unlisted int
}

// alter notes what became of a card. What is written again after others were
// faster counts once.
func (w *writer) alter(before, after contact.Card) {
	a := contact.Altered(w.Config.Directory, before, after)
	switch {
	case a == nil:
	case len(w.altered) >= 2*maxListed:
		w.spoken.unlisted++
	default:
		if _, again := w.altered[before.Person]; !again {
			w.alteredIn = append(w.alteredIn, before.Person)
		}
		w.altered[before.Person] = *a
	}
}

// tell puts the people of a batch whose contacts are not what they were into the
// audit, and those who are there still get a notice.
func (w *writer) tell(ctx context.Context, there func(person string) bool) {
	if len(w.altered) == 0 {
		return
	}
	now, s := time.Now().UTC(), &w.spoken
	var notices []contact.Alteration
	for _, person := range w.alteredIn {
		if there(person) {
			notices = append(notices, w.altered[person])
		}
		if w.Audit == nil {
			continue
		}
		if s.listed.left(now, maxListed) == 0 {
			s.unlisted++
			continue
		}
		s.listed.used++
		w.Audit.Note(audit.Event{Kind: audit.ContactsChanged, Directory: w.Config.Directory, Person: person, Reason: "sync", Outcome: "done"})
	}
	clear(w.altered)
	w.alteredIn = w.alteredIn[:0]
	w.notify(ctx, notices, now)
}

// notify sends notices, to no part of a batch that has more than an hour may.
func (w *writer) notify(ctx context.Context, notices []contact.Alteration, now time.Time) {
	s := &w.spoken
	if w.Notices == nil || w.Rules.NoticeLimit == 0 || len(notices) == 0 {
		return
	}
	if len(notices) > s.noticed.left(now, w.Rules.NoticeLimit) {
		w.Logger.WarnContext(ctx, "too many people got other contacts within an hour, so these are not told by the old ones",
			"directory", w.Config.Directory, "people", len(notices), "notice_limit", w.Rules.NoticeLimit)
		return
	}
	s.noticed.used += len(notices)
	if err := w.Notices.Altered(ctx, notices, now); err != nil {
		w.Logger.ErrorContext(ctx, "people who got other contacts are not told by the old ones", "directory", w.Config.Directory, "people", len(notices), "error", err)
	}
}

// sum puts what came since the last time into one line of the audit.
func (w *writer) sum(now time.Time, outcome string) {
	s, c := &w.spoken, w.status.Counts
	if !s.began {
		s.began, s.sums, s.summedAt = true, w.before, now
	}
	if w.Audit == nil || c == s.sums && outcome == "" {
		return
	}
	if outcome == "" {
		if now.Sub(s.summedAt) < sumEvery {
			return
		}
		outcome = "done"
	}
	w.Audit.Note(audit.Event{
		Kind: audit.ContactsSynced, Directory: w.Config.Directory, Outcome: outcome,
		Reason: fmt.Sprintf("people=%d cards=%d contacts_removed=%d held=%d rejected=%d unlisted=%d",
			c.Found+c.Present+c.Gone-s.sums.Found-s.sums.Present-s.sums.Gone, c.Written-s.sums.Written, c.Removed-s.sums.Removed,
			c.Held-s.sums.Held, c.Rejected-s.sums.Rejected, s.unlisted),
	})
	s.sums, s.summedAt, s.unlisted = c, now, 0
}

// alterations are what becomes of the cards of a page, nil where that concerns
// nobody.
type alterations []*contact.Alteration

func (p *pass) altered(person string, before, after contact.Card) *contact.Alteration {
	if p.Altered == nil || p.DryRun {
		return nil
	}
	before.Person = person
	return contact.Altered(p.Config.Directory, before, after)
}

// tell tells of what was written.
func (p *pass) tell(all alterations) {
	for _, a := range all {
		if a != nil {
			p.Altered(*a, p.seen.has(a.Person))
		}
	}
}
