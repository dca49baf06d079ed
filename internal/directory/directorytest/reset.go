package directorytest

import (
	"errors"
	"slices"
	"strings"

	"latchkey/internal/directory"
)

func findCases() []testCase {
	return []testCase{
		{"find", find},
		{"find by odd logins", findOdd},
		{"policy is shown", showPolicy},
	}
}

func find(s *subject) {
	login := s.add()
	p := s.find(strings.ToUpper(login))
	if !strings.EqualFold(p.Login, login) || p.ID.IsZero() || p.State != directory.Active || !p.MayReset() || p.Privileged != "" {
		s.Errorf("found %+v", p)
	}
	again, err := s.directory.Read(s.Context(), p.ID)
	if err != nil || again.DN != p.DN || again.ID != p.ID || again.ChangeStamp != p.ChangeStamp || p.ChangeStamp == "" {
		s.Errorf("read again: %+v, %v; want %+v", again, err, p)
	}
	if parsed, err := directory.ParseID(p.ID.String()); err != nil || parsed != p.ID {
		s.Errorf("the id as text: %v, %v", parsed, err)
	}
}

// findOdd: what is typed is a value and no part of a filter or a name.
func findOdd(s *subject) {
	login := s.add()
	s.find(login)
	for _, odd := range []string{
		"", " ", "*", login + "*", login + ")(cn=*", "*)(objectClass=*", `\2a`, `\`, login + "\x00", "a,b", `"` + login + `"`, "<" + login + ">", "=;#+",
		"(" + login + ")", "nobody", strings.Repeat("x", 300), s.DN(login), "\u202e" + login, "é", "日本",
	} {
		if p, err := s.directory.Find(s.Context(), odd); !errors.Is(err, directory.ErrNotFound) {
			s.Errorf("%q finds %+v, %v", odd, p, err)
		}
	}
}

func showPolicy(s *subject) {
	policy, err := s.directory.Policy(s.Context(), s.find(s.add()))
	if err != nil || policy.MinLength != 10 || policy.History != 3 || !policy.ChangeableAt.IsZero() {
		s.Errorf("the policy is %+v, %v; want 10 characters and 3 in history", policy, err)
	}
}

func resetCases() []testCase {
	return []testCase{
		{"reset", reset},
		{"refused: too short", resetTooShort},
		{"refused: too simple", resetTooSimple},
		{"refused: in history", resetInHistory},
		{"refused: the same again", resetUnchanged},
		{"refused: too young", resetTooYoung},
		{"reset of one that must be changed", resetFlagged},
		{"reset and must change", resetAndFlag},
		{"reset of an expired one", resetExpired},
		{"reset unlocks", resetUnlocks},
		{"without unlock a lock stays", resetKeepsLock},
	}
}

// refusedFor wants a refusal with a reason, the first or one of the further.
func (s *subject) refusedFor(err error, reasons ...directory.Reason) {
	s.Helper()
	refused, ok := errors.AsType[*directory.RefusedError](err)
	if !ok || !slices.ContainsFunc(reasons, func(r directory.Reason) bool { return slices.Contains(refused.Reasons, r) }) {
		s.Errorf("got %v, want refused: %s", err, reasons)
	} else if refused.Detail == "" {
		s.Error("there is nothing for the operator's log")
	}
}

func reset(s *subject) {
	login := s.add()
	s.letsIn(s.DN(login), first)
	p := s.find(login)
	if err := s.directory.SetPassword(s.Context(), p, second); err != nil {
		s.Fatal(err)
	}
	s.letsIn(s.DN(login), second, first)
	again := s.find(login)
	if again.ID != p.ID || again.State != directory.Active {
		s.Errorf("afterwards the person is %+v", again)
	}
}

func resetTooShort(s *subject) {
	login := s.add()
	s.refusedFor(s.directory.SetPassword(s.Context(), s.find(login), "Zq7-v"), directory.TooShort)
	s.letsIn(s.DN(login), first, "Zq7-v")
}

// resetTooSimple: a server that wants several kinds of characters shows that, and
// refuses for it.
func resetTooSimple(s *subject) {
	const simple = "zqvwxkjzqvwxkj"
	login := s.add()
	policy, err := s.directory.Policy(s.Context(), s.find(login))
	if err != nil || policy.Classes < 2 {
		s.Errorf("the policy is %+v, %v", policy, err)
	}
	s.refusedFor(s.directory.SetPassword(s.Context(), s.find(login), simple), directory.NotComplex)
	s.letsIn(s.DN(login), first, simple)
}

func resetInHistory(s *subject) {
	login := s.add()
	if err := s.directory.SetPassword(s.Context(), s.find(login), second); err != nil {
		s.Fatal(err)
	}
	err := s.directory.SetPassword(s.Context(), s.find(login), first)
	if s.ResetIgnoresHistory {
		if err != nil {
			s.Errorf("a reset, which is not held against the history: %v", err)
		}
		s.letsIn(s.DN(login), first, second)
		return
	}
	s.refusedFor(err, directory.InHistory)
	s.letsIn(s.DN(login), second, first)
}

func resetUnchanged(s *subject) {
	login := s.add()
	err := s.directory.SetPassword(s.Context(), s.find(login), first)
	if s.ResetIgnoresHistory && err == nil {
		s.letsIn(s.DN(login), first)
		return
	}
	s.refusedFor(err, directory.Unchanged, directory.InHistory, directory.DirectoryRefused)
	s.letsIn(s.DN(login), first)
}

func resetTooYoung(s *subject) {
	login := s.add()
	s.do(s.Changes.Rejuvenate(s.DN(login)))
	err := s.directory.SetPassword(s.Context(), s.find(login), second)
	if s.ResetIgnoresAge {
		if err != nil {
			s.Errorf("a reset, which no minimum age binds: %v", err)
		}
		s.letsIn(s.DN(login), second, first)
		return
	}
	s.refusedFor(err, directory.TooYoung)
	s.letsIn(s.DN(login), first, second)
}

func resetFlagged(s *subject) {
	login := s.add()
	s.do(s.Changes.Flag(s.DN(login)))
	if err := s.directory.SetPassword(s.Context(), s.find(login), second); err != nil {
		s.Fatal(err)
	}
	s.letsIn(s.DN(login), second, first)
}

// resetAndFlag: with must_change the password is right, and has to be changed.
func resetAndFlag(s *subject) {
	login := s.add()
	c := s.Config
	c.MustChange = true
	d := s.open(c)
	result, err := d.Reset(s.Context(), s.find(login), second)
	if err != nil || result.Incomplete != nil {
		s.Fatalf("%+v, %v", result, err)
	}
	if err := d.Change(s.Context(), s.find(login), second, third); err != nil {
		s.Fatalf("the change: %v", err)
	}
	s.letsIn(s.DN(login), third, first, second)
}

func resetExpired(s *subject) {
	login := s.aged()
	if err := s.directory.SetPassword(s.Context(), s.find(login), second); err != nil {
		s.Fatal(err)
	}
	s.letsIn(s.DN(login), second, first)
}

func resetUnlocks(s *subject) {
	login := s.locked()
	if p := s.find(login); p.State != directory.Locked || !p.MayReset() {
		s.Fatalf("locked by wrong passwords, the person is %s", p.State)
	}
	result, err := s.directory.Reset(s.Context(), s.find(login), second)
	if err != nil || !result.Unlocked {
		s.Fatalf("%+v, %v", result, err)
	}
	s.letsIn(s.DN(login), second, first)
}

func resetKeepsLock(s *subject) {
	login := s.locked()
	c := s.Config
	c.Unlock = false
	d := s.open(c)
	p, err := d.Find(s.Context(), login)
	if err != nil || p.MayReset() {
		s.Fatalf("%+v, %v", p, err)
	}
	if err := d.SetPassword(s.Context(), p, second); !errors.Is(err, directory.ErrNotAllowed) {
		s.Errorf("the reset: %v", err)
	}
}
