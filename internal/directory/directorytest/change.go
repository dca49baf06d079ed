package directorytest

import (
	"errors"

	"latchkey/internal/directory"
)

func changeCases() []testCase {
	return []testCase{
		{"change", change},
		{"change with a wrong password", changeWrong},
		{"change refused: in history", changeInHistory},
		{"change refused: too young", changeTooYoung},
		{"change of one that must be changed", changeFlagged},
		{"change of an expired one", changeExpired},
		{"change of a locked account", changeLocked},
	}
}

func change(s *subject) {
	login := s.add()
	if err := s.directory.Change(s.Context(), s.find(login), first, second); err != nil {
		s.Fatal(err)
	}
	s.letsIn(s.DN(login), second, first)
}

func changeWrong(s *subject) {
	login := s.add()
	for _, wrong := range []string{third, ""} {
		if err := s.directory.Change(s.Context(), s.find(login), wrong, second); !errors.Is(err, directory.ErrWrongPassword) {
			s.Errorf("with %q: %v", wrong, err)
		}
	}
	s.letsIn(s.DN(login), first, second)
}

func changeInHistory(s *subject) {
	login := s.add()
	if err := s.directory.Change(s.Context(), s.find(login), first, second); err != nil {
		s.Fatal(err)
	}
	s.refusedFor(s.directory.Change(s.Context(), s.find(login), second, first), directory.InHistory)
	s.letsIn(s.DN(login), second, first)
}

func changeTooYoung(s *subject) {
	login := s.add()
	s.do(s.Changes.Rejuvenate(s.DN(login)))
	s.refusedFor(s.directory.Change(s.Context(), s.find(login), first, second), directory.TooYoung)
	s.letsIn(s.DN(login), first, second)
}

func changeFlagged(s *subject) {
	login := s.add()
	s.do(s.Changes.Flag(s.DN(login)))
	if err := s.directory.Change(s.Context(), s.find(login), third, second); !errors.Is(err, directory.ErrWrongPassword) {
		s.Errorf("with a wrong password: %v", err)
	}
	if err := s.directory.Change(s.Context(), s.find(login), first, second); err != nil {
		s.Fatal(err)
	}
	s.letsIn(s.DN(login), second, first)
}

// aged is a person whose password is too old.
func (s *subject) aged() string {
	s.Helper()
	login := s.add()
	s.do(s.Changes.Age(s.DN(login)))
	s.eventually("the password is too old", func() bool { return s.SignIn(s.Context(), s.DN(login), first) != nil })
	return login
}

func changeExpired(s *subject) {
	login := s.aged()
	if err := s.directory.Change(s.Context(), s.find(login), third, second); !errors.Is(err, directory.ErrWrongPassword) {
		s.Errorf("with a wrong password: %v", err)
	}
	if err := s.directory.Change(s.Context(), s.find(login), first, second); err != nil {
		s.Fatal(err)
	}
	if p := s.find(login); p.State != directory.Active {
		s.Errorf("afterwards the person is %s", p.State)
	}
}

func changeLocked(s *subject) {
	login := s.locked()
	if err := s.directory.Change(s.Context(), s.find(login), first, second); !errors.Is(err, directory.ErrNotAllowed) {
		s.Errorf("with the right password: %v", err)
	}
}
