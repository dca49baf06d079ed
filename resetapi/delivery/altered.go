package delivery

import (
	"context"
	"errors"
	"time"

	"latchkey/internal/contact"
)

// Old is a contact that somebody had. It stands in the sealed job, for the card
// does not know it any more.
type Old struct {
	Kind  contact.Kind `json:"kind"`
	Value string       `json:"value"`
}

// Altered queues a notice for each person whose contacts were changed, to those
// that they had before (NIST SP 800-63B-4 §4.6).
func (q *Queue) Altered(ctx context.Context, all []contact.Alteration, at time.Time) error {
	now, err := q.Now(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, a := range all {
		job := Job{Kind: KindContacts, Method: string(contact.Email), Directory: a.Directory, Person: a.Person, At: at, ExpiresAt: now.Add(NoticeLifetime)}
		for _, c := range a.Before {
			job.Old = append(job.Old, Old{c.Kind, c.Value})
		}
		if err := q.Add(ctx, job); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
