package recovery

import (
	"context"
	"crypto/rand"
	"errors"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/resetapi/block"
	"latchkey/resetapi/delivery"
)

// notice is the job that tells a person of a password that was written, or of a
// lock that was taken away. It is
// queued in the step that makes the write known, and only there, so that nobody
// is told of a change that was not made. What makes it certain to come is the
// list of pending writes, which is written before the directory is. Where the
// write met another change, or was made by half, the notice says that and no more.
func (s *Service) notice(before stored, r Record) job {
	kind := delivery.KindNotice
	switch {
	case r.MustFinish && !before.MustFinish && r.State != Done:
		kind = delivery.KindUnfinished
	case r.overwritten():
		kind = delivery.KindOverwritten
	case r.State != Done:
		return job{stream: delivery.StreamKey()}
	case r.Unlocked:
		kind = delivery.KindUnlocked
	case r.Change:
		kind = delivery.KindChanged
	}
	now, holder := before.now, delivery.Holder{}
	if before.holder != nil {
		holder = delivery.Holder{Login: before.holder.Login, Mail: before.holder.Mail}
	}
	id, sealed := s.Jobs.Seal(delivery.Job{
		ID: rand.Text(), Kind: kind, Method: string(EmailCode), Recovery: r.ID,
		Directory: r.Subject.Directory, Person: r.Subject.Person, At: now, Network: r.Network, Device: r.Browser,
		Language: r.Language, Holder: holder, ExpiresAt: now.Add(delivery.NoticeLifetime),
	})
	return job{stream: delivery.StreamKey(), id: id, sealed: sealed}
}

// noticed lists everyone who is told of what was done: all verified contacts of
// the person, those that rest among them, and the primary mail address (NIST SP
// 800-63B-4 §4.6). No budget can keep a notice back.
func (s *Service) noticed(ctx context.Context, j delivery.Job) ([]delivery.Message, error) {
	if j.Kind == delivery.KindContacts {
		return s.altered(ctx, j)
	}
	card, err := s.card(ctx, j.Recovery, Subject{Directory: j.Directory, Person: j.Person})
	if err != nil {
		return nil, err
	}
	holder, err := s.holderOf(ctx, j)
	if err != nil {
		return nil, err
	}
	return s.everyone(j, card.Verified(), holder, delivery.Message{Reference: j.Recovery[:8], Link: s.notMe(j)}), nil
}

// altered lists those who are told that the contacts of a person were changed: the
// old ones, and the primary mail address. Who is gone is told nothing.
func (s *Service) altered(ctx context.Context, j delivery.Job) ([]delivery.Message, error) {
	holder, err := s.holderOf(ctx, j)
	if err != nil || holder.Login == "" {
		return nil, err
	}
	var old []contact.Contact
	for _, c := range j.Old {
		old = append(old, contact.Contact{Kind: c.Kind, Value: c.Value})
	}
	return s.everyone(j, old, holder, delivery.Message{}), nil
}

// everyone makes of a message one for each contact and for the primary mail
// address.
func (s *Service) everyone(j delivery.Job, contacts []contact.Contact, holder delivery.Holder, said delivery.Message) []delivery.Message {
	said.Kind, said.Language, said.At, said.Network, said.Device = j.Kind, j.Language, j.At, j.Network, j.Device
	said.Login = holder.Login
	if mail, err := contact.NormalEmail(holder.Mail); err == nil {
		contacts = append(contacts, contact.Contact{Kind: contact.Email, Value: mail})
	}
	var messages []delivery.Message
	told := make(map[string]bool)
	for _, c := range contacts {
		m := methodFor(c.Kind)
		if told[c.Value] || !s.sends(m) {
			continue
		}
		told[c.Value] = true
		said.Method, said.To = string(m), c.Value
		messages = append(messages, said)
	}
	return messages
}

// holderOf is what the directory says of whom a notice is for: as it was read for
// the write, or now. Who is not there any more has neither login nor mail.
func (s *Service) holderOf(ctx context.Context, j delivery.Job) (delivery.Holder, error) {
	if j.Holder.Login != "" {
		return j.Holder, nil
	}
	_, person, err := s.person(ctx, Subject{Directory: j.Directory, Person: j.Person})
	if errors.Is(err, directory.ErrNotFound) {
		return delivery.Holder{}, nil
	}
	if err != nil {
		return delivery.Holder{}, err
	}
	return delivery.Holder{Login: person.Login, Mail: person.Mail}, nil
}

// notMe is the address where the holder of an account says that what was done was
// not theirs; only a notice of something that was done has one.
func (s *Service) notMe(j delivery.Job) string {
	if j.Kind == delivery.KindBlocked {
		return ""
	}
	subject := block.Subject{Directory: j.Directory, Person: j.Person, Recovery: j.Recovery, At: j.At}
	return s.PublicURL + "/not-me/" + s.Blocks.Link(subject)
}

// refused makes a message the truthful one to the person behind a decoy: only the
// holder of a contact reads it.
func (r stored) refused(m delivery.Message) delivery.Message {
	m.Kind, m.Reason, m.Login, m.Code = delivery.KindRefusal, r.Refused.Reason, r.Refused.Subject.Login, ""
	m.ValidFor = 0
	m.At, m.Network, m.Device, m.Reference = r.StartedAt, r.Network, r.Browser, r.ID[:8]
	return m
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
