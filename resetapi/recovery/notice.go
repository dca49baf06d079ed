package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/resetapi/delivery"
)

// notice is the job that tells a person of a password that was written. It is
// queued in the step that makes the write known, and only there, so that nobody
// is told of a change that was not made. What makes it certain to come is the
// list of pending writes, which is written before the directory is.
func (s *Service) notice(r Record, now time.Time) job {
	if r.State != Done {
		return job{stream: delivery.StreamKey()}
	}
	id, sealed := s.Jobs.Seal(delivery.Job{
		ID: rand.Text(), Kind: delivery.KindNotice, Method: string(EmailCode), Recovery: r.ID,
		Directory: r.Subject.Directory, Person: r.Subject.Person, At: now, Network: r.Network, Device: r.Browser,
		Language: r.Language, ExpiresAt: now.Add(delivery.NoticeLifetime),
	})
	return job{stream: delivery.StreamKey(), id: id, sealed: sealed}
}

// noticed lists everyone who is told of a written password: all contacts of the
// person and the primary mail address (NIST SP 800-63B-4 §4.6). No budget can
// keep a notice back.
func (s *Service) noticed(ctx context.Context, j delivery.Job) ([]delivery.Message, error) {
	subject := Subject{Directory: j.Directory, Person: j.Person}
	card, err := s.Contacts.Get(ctx, subject.Directory, subject.Person)
	if err != nil && !errors.Is(err, contact.ErrNoCard) {
		return nil, err
	}
	_, person, err := s.person(ctx, subject)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return nil, err
	}
	contacts := card.Contacts
	login := ""
	if person != nil {
		login = person.Login
		if mail, err := contact.NormalEmail(person.Mail); err == nil {
			contacts = append(contacts, contact.Contact{Kind: contact.Email, Value: mail})
		}
	}
	var messages []delivery.Message
	told := make(map[string]bool)
	for _, c := range contacts {
		m := methodFor(c.Kind)
		if told[c.Value] || !s.sends(m) {
			continue
		}
		told[c.Value] = true
		messages = append(messages, delivery.Message{
			Method: string(m), Kind: j.Kind, To: c.Value, Login: login, Language: j.Language,
			At: j.At, Network: j.Network, Device: j.Device, Reference: j.Recovery[:8],
		})
	}
	return messages, nil
}

// refused is the truthful message to the person behind a decoy: only the holder
// of a contact reads it.
func (s *Service) refused(ctx context.Context, r stored, j delivery.Job) ([]delivery.Message, error) {
	card, err := s.Contacts.Get(ctx, r.Refused.Subject.Directory, r.Refused.Subject.Person)
	if errors.Is(err, contact.ErrNoCard) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.address(ctx, r, card, j, func(m *delivery.Message) {
		m.Kind, m.Reason, m.Login, m.Code = delivery.KindRefusal, r.Refused.Reason, r.Refused.Subject.Login, ""
		m.ValidFor = 0
		m.At, m.Network, m.Device, m.Reference = r.StartedAt, r.Network, r.Browser, r.ID[:8]
	})
}

// methodFor is the method by which a kind of contact is reached.
func methodFor(k contact.Kind) Method {
	switch k {
	case contact.Email:
		return EmailCode
	case contact.Mobile:
		return SMSCode
	default:
		return ""
	}
}
