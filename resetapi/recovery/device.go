package recovery

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
)

// Device is a browser that finished a recovery of a person before. It has
// budgets of its own for that person, so that strangers cannot use up the
// person's tries; it proves nothing else.
type Device struct {
	ID string `json:"id,omitempty"`
	// Person is the keyed name of the person whose device it is.
	Person string `json:"person,omitempty"`
}

// Remember returns what makes the browser of a finished recovery a known
// device: a random id and the keyed name of the person, under a MAC.
func (s *Service) Remember(ctx context.Context, t Ticket) (string, error) {
	r, err := s.holder(ctx, t)
	if err != nil {
		return "", err
	}
	if r.State != Done {
		return "", ErrNotNow
	}
	id, person := rand.Text(), s.personIndex(r.Subject)
	mac := base64.RawURLEncoding.EncodeToString(s.Keys.MAC(keyring.Devices, id, person))
	return id + "." + person + "." + mac, nil
}

// device reads what Remember made; anything else is an unknown device.
func (s *Service) device(text string) Device {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return Device{}
	}
	mac, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !s.Keys.CheckMAC(keyring.Devices, mac, parts[0], parts[1]) {
		return Device{}
	}
	return Device{ID: parts[0], Person: parts[1]}
}

// startBudget is what a start costs for the login that was typed: the login's
// own budget, or that of a known device.
func startBudget(d Device, login string) ratelimit.Budget {
	if d.ID != "" {
		return ratelimit.Budget{Limit: ratelimit.StartsPerDevice, Of: d.ID}
	}
	return ratelimit.Budget{Limit: ratelimit.StartsPerLogin, Of: FoldLogin(login)}
}

// purse is whose budgets a recovery spends: the person's, or those that the
// person has on a known device.
type purse struct {
	// person is the keyed name of the person, device that of their known device.
	person, device string
	// invented: the login belongs to nobody, so the purse is kept for a day only.
	invented bool
}

// String names the purse.
func (p purse) String() string { return p.share(p.person) }

// share names a part of something that is the person's: that of everyone, or
// that of the device.
func (p purse) share(of string) string {
	if p.device == "" {
		return of
	}
	return of + " " + p.device
}

func (s *Service) purse(subject Subject, d Device) purse {
	p := purse{person: s.personIndex(subject), invented: subject.Directory == ""}
	if d.ID != "" && d.Person == p.person {
		p.device = d.ID
	}
	return p
}

func (s *Service) personIndex(subject Subject) string { return personIndex(s.Keys, subject) }

// personIndex is the keyed name of a person.
func personIndex(keys *keyring.Ring, subject Subject) string {
	return keys.Index("person", subject.Directory, subject.Person)
}
