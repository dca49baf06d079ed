package directorytest

import (
	"errors"

	"latchkey/internal/directory"
)

func stateCases() []testCase {
	return []testCase{
		{"disabled", func(s *subject) { s.staysOut(s.Changes.Disable, directory.Disabled) }},
		{"ended", func(s *subject) { s.staysOut(s.Changes.End, directory.Expired) }},
		{"locked by an administrator", func(s *subject) { s.staysOut(s.Changes.LockForGood, directory.LockedByAdministrator) }},
		{protectedByDirectory, protected},
		{"unlock keeps the password", unlock},
		{"unlock of one that is not locked", unlockOpen},
	}
}

// locked is a person locked by wrong passwords.
func (s *subject) locked() string {
	s.Helper()
	login := s.add()
	for range 3 {
		if err := s.SignIn(s.Context(), s.DN(login), third); err == nil {
			s.Fatal("a wrong password lets the person in")
		}
	}
	if err := s.SignIn(s.Context(), s.DN(login), first); err == nil {
		s.Fatal("three wrong passwords do not lock the account")
	}
	return login
}

// staysOut: an account that an administrator shut is neither reset nor unlocked,
// also when that was done after the person was read.
func (s *subject) staysOut(shut func(dn string) string, state directory.State) {
	s.Helper()
	login := s.add()
	before := s.find(login)
	s.do(shut(s.DN(login)))
	p := s.find(login)
	if p.State != state || p.MayReset() {
		s.Errorf("the person is %s, want %s", p.State, state)
	}
	for name, p := range map[string]*directory.Person{"read before": before, "read after": p} {
		if err := s.directory.SetPassword(s.Context(), p, second); !errors.Is(err, directory.ErrNotAllowed) && !errors.Is(err, directory.ErrChanged) {
			s.Errorf("%s: the reset: %v", name, err)
		}
		if err := s.directory.Unlock(s.Context(), p); !errors.Is(err, directory.ErrNotAllowed) {
			s.Errorf("%s: the unlocking: %v", name, err)
		}
		if err := s.directory.Change(s.Context(), p, first, second); !errors.Is(err, directory.ErrNotAllowed) {
			s.Errorf("%s: the change: %v", name, err)
		}
	}
	if p := s.find(login); p.State != state {
		s.Errorf("afterwards the person is %s", p.State)
	}
}

// protectedByDirectory is a case that most servers lack.
const protectedByDirectory = "protected by the directory"

// protected: whoever the directory itself protects is not written to, also when
// that began after the person was read.
func protected(s *subject) {
	login := s.add()
	before := s.find(login)
	s.do(s.Changes.Promote(s.DN(login)))
	after := s.find(login)
	if after.Privileged == "" || before.Privileged != "" {
		s.Errorf("privileged before: %q, after: %q", before.Privileged, after.Privileged)
	}
	for name, p := range map[string]*directory.Person{"read before": before, "read after": after} {
		if err := s.directory.SetPassword(s.Context(), p, second); !errors.Is(err, directory.ErrNotAllowed) {
			s.Errorf("%s: the reset: %v", name, err)
		}
	}
	s.letsIn(s.DN(login), first, second)
}

func unlock(s *subject) {
	login := s.locked()
	if err := s.directory.Unlock(s.Context(), s.find(login)); err != nil {
		s.Fatal(err)
	}
	s.letsIn(s.DN(login), first, second)
	if p := s.find(login); p.State != directory.Active {
		s.Errorf("afterwards the person is %s", p.State)
	}
}

func unlockOpen(s *subject) {
	login := s.add()
	if err := s.directory.Unlock(s.Context(), s.find(login)); err != nil {
		s.Error(err)
	}
	s.letsIn(s.DN(login), first)
}
