package directorytest

import (
	"errors"
	"strings"

	"latchkey/internal/directory"
)

func oddCases() []testCase {
	return []testCase{
		{"odd passwords", oddPasswords},
		{"passwords that are never sent", neverSent},
		{"odd names", oddNames},
	}
}

// oddPasswords go in as they are, byte for byte.
func oddPasswords(s *subject) {
	for _, odd := range []string{
		"  Zq7 vWx leading and trailing  ", `Zq7"quoted"-vWx'31'`, `Zq7\back\\slash-31`, "Zq7-vWx-é-31", "Zq7-vWx-e\u0301-31",
		"Zq7-vWx-🔑🗝️-31", "Zq7*()&|=,+<>;#-31", "Пароль-Zq7-31", strings.Repeat("Zq7-vWx_", 32),
	} {
		login := s.add()
		if err := s.directory.SetPassword(s.Context(), s.find(login), odd); err != nil {
			s.Errorf("%q: %v", odd, err)
			continue
		}
		s.letsIn(s.DN(login), odd, first, strings.TrimSpace(odd)+"x")
	}
}

func neverSent(s *subject) {
	login := s.add()
	for never, reason := range map[string]directory.Reason{
		"": directory.TooShort, strings.Repeat(" ", 16): directory.NotComplex, "Zq7-vWx-\x00-31": directory.NotComplex,
		strings.Repeat("Zq7-vWx_", 8<<10): directory.TooLong,
	} {
		s.refusedFor(s.directory.SetPassword(s.Context(), s.find(login), never), reason)
	}
	s.letsIn(s.DN(login), first)
	service := &directory.Person{ID: s.find(login).ID, DN: s.Config.BindDN}
	if err := s.directory.SetPassword(s.Context(), service, second); !errors.Is(err, directory.ErrNotAllowed) {
		s.Errorf("the service account as the target: %v", err)
	}
}

// oddNames: whatever an entry is called, its person is found and written.
func oddNames(s *subject) {
	for _, name := range []string{`Example\, Jr.`, `a\+b`, `\"quoted\"`, `\<angle\>`, `semi\;colon`, `a\=b`, `\#hash`, `star*(paren)`, `back\\slash`, `\ blanks\ `, "Zoë 日本"} {
		login := s.add()
		dn := s.rename(login, name)
		if s.TrimsNames {
			dn = strings.Replace(dn, `\ ,`, ",", 1)
		}
		p := s.find(login)
		if err := s.directory.SetPassword(s.Context(), p, second); err != nil {
			s.Errorf("%s: %v", name, err)
			continue
		}
		s.letsIn(dn, second, first)
	}
}
