package recovery

import (
	"context"
	"errors"
	"fmt"

	"latchkey/internal/directory"
)

// PasswordRules tells what a new password must satisfy. It needs all gates
// passed. It fails with [ErrNotNow], [EndedError] or directory.ErrUnavailable.
func (s *Service) PasswordRules(ctx context.Context, t Ticket) (PasswordRules, error) {
	old, err := s.ready(ctx, t)
	if err != nil {
		return PasswordRules{}, err
	}
	d, person, err := s.person(ctx, old.Subject)
	if errors.Is(err, directory.ErrNotFound) {
		if _, err := s.change(ctx, old, Overtaken{}, s.swap); err != nil {
			return PasswordRules{}, err
		}
		return PasswordRules{}, &EndedError{Superseded}
	}
	if err != nil {
		return PasswordRules{}, err
	}
	theirs, err := d.Policy(ctx, person)
	if err != nil {
		return PasswordRules{}, fmt.Errorf("read the password policy: %w", err)
	}
	rules := PasswordRules{
		MinLength: max(s.Password.MinLength, theirs.MinLength), MaxLength: s.Password.MaxLength,
		History: theirs.History, Classes: theirs.Classes, NoNames: theirs.NoNames, Dictionary: theirs.Dictionary,
		QualityChecked: theirs.QualityChecked, Locked: d.unlockable(person) && !old.NoUnlock,
	}
	if theirs.MaxLength > 0 {
		rules.MaxLength = min(rules.MaxLength, theirs.MaxLength)
	}
	if theirs.ChangeableAt.After(old.now) {
		rules.ChangeableAt = theirs.ChangeableAt
	}
	return rules, nil
}
