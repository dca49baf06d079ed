package directory

import (
	"errors"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// answerError is what go-ldap makes of an answer.
func answerError(code uint16, text string) error {
	packet := ber.NewSequence("LDAPMessage")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "messageID"))
	return &ldap.Error{ResultCode: code, Err: errors.New(text), Packet: packet}
}

// TestAnswersOfWindows takes the form of [MS-ADTS] and of Microsoft's own
// documentation; no Windows was asked.
func TestAnswersOfWindows(t *testing.T) {
	for _, test := range []struct {
		code   uint16
		text   string
		want   error
		reason Reason
	}{
		{53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0", nil, DirectoryRefused},
		{19, "0000052D: AtrErr: DSID-03191083, #1: 0: 0000052D: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)", nil, DirectoryRefused},
		{19, "0000052D: Constraint violation - check_password_restrictions: the password is too short. It should be equal or longer than 10 characters!", nil, TooShort},
		{19, "0000052D: Constraint violation - check_password_restrictions: the password was already used (in history)!", nil, InHistory},
		{19, "0000052D: Constraint violation - check_password_restrictions: password is too young to change!", nil, TooYoung},
		{19, "the password is too short", nil, DirectoryRefused}, // the text alone is nothing
		{53, "the password is too short", ErrUnavailable, ""},
		{19, "00000056: AtrErr: DSID-03190F00, #1: 0: 00000056: DSID-03190F00, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)", ErrWrongPassword, ""},
		{53, "0000001F: SvcErr: DSID-031A11E5, problem 5003 (WILL_NOT_PERFORM), data 0", errWantsTLS, ""},
		{53, "00002035: setup_io: it's not allowed to set the NT hash password directly'", ErrUnavailable, ""},
		{53, "00000005: SvcErr: DSID-031A120C, problem 5003 (WILL_NOT_PERFORM), data 0", ErrNotAllowed, ""},
		{50, "00000005: SecErr: DSID-031A11E5, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0", ErrNotAllowed, ""},
		{50, "00002098: Object CN=carol,OU=Staff has no write property access", ErrNotAllowed, ""},
		{8, "", errWantsTLS, ""},
		{13, "", ErrNotAllowed, ""},
		{32, "00002030: NameErr: no", ErrNotFound, ""},
		{51, "", ErrUnavailable, ""},
		{12, "", ErrUnavailable, ""},
		{10, "0000202B: RefErr: DSID-03100781", ErrReadOnly, ""},
		{80, "", ErrUnavailable, ""},
	} {
		err := judgeActiveDirectory(answerError(test.code, test.text+" secret-1"), "secret-1")
		if strings.Contains(err.Error(), "secret-1") || strings.Contains(err.Error(), "carol") {
			t.Errorf("%d %s: the operator reads %v", test.code, test.text, err)
		}
		if test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%d %s: %v, want %v", test.code, test.text, err, test.want)
		}
		if refused, ok := errors.AsType[*RefusedError](err); ok != (test.reason != "") || ok && !cmp.Equal(refused.Reasons, []Reason{test.reason}) {
			t.Errorf("%d %s: %v, want %s", test.code, test.text, err, test.reason)
		}
	}
	if lost := errors.New("lost"); !errors.Is(judgeActiveDirectory(lost), lost) {
		t.Error("an error without an answer does not go through")
	}
}

func TestSignInsOfActiveDirectory(t *testing.T) {
	for data, want := range map[string]signIn{
		"52e": signInWrong, "525": signInUnclear, "530": signInUnclear, "531": signInUnclear, "532": signInExpired, "533": signInUnclear,
		"568": signInUnclear, "701": signInUnclear, "773": signInMustChange, "775": signInUnclear, "": signInUnclear, "52E": signInWrong,
	} {
		text := "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data " + data + ", v1db1"
		if got := (activeDirectory{}).signIn(noPolicyError, answerError(ldap.LDAPResultInvalidCredentials, text)); got != want {
			t.Errorf("data %s is %v, want %v", data, got, want)
		}
		if got := (activeDirectory{}).signIn(noPolicyError, answerError(ldap.LDAPResultUnwillingToPerform, text)); got != signInUnclear {
			t.Errorf("data %s with another code is %v", data, got)
		}
	}
	if got := (activeDirectory{}).signIn(noPolicyError, nil); got != signInRight {
		t.Errorf("let in is %v", got)
	}
	if got := (activeDirectory{}).signIn(noPolicyError, answerError(ldap.LDAPResultInvalidCredentials, "data 52e")); got != signInUnclear {
		t.Errorf("another text is %v", got)
	}
}

// TestHoldsName is the rule of [MS-SAMR] 3.1.1.7.2.
func TestHoldsName(t *testing.T) {
	for password, want := range map[string]bool{
		"my-Alice.e-1": true, "EXAMPLE-and-more": true, "is-Von-der-Leyen": true, "no-name-at-all": false, "xli-is-short": false, "a.l.i.c.e": false,
	} {
		if got := holdsName(password, "alice.e", "Li von_Der, Example-Ly"); got != want {
			t.Errorf("%s holds a name: %t", password, got)
		}
	}
	if holdsName("anything", "", "") {
		t.Error("an empty name is in every password")
	}
}

func TestTemporaryPasswordSatisfiesAnyPolicy(t *testing.T) {
	strictest := &PasswordPolicy{MinLength: 255, MaxLength: 256, Classes: complexClasses}
	seen := make(map[string]bool)
	for range 100 {
		password := temporaryPassword()
		if broken := strictest.broken(password); len(broken) > 0 || seen[password] {
			t.Fatalf("%q breaks %v", password, broken)
		}
		seen[password] = true
		for i, r := range password {
			if (r == ',') != (i%3 == 2) {
				t.Fatalf("%q may hold a name", password)
			}
		}
	}
}

func TestDomainsOfNames(t *testing.T) {
	for dn, want := range map[string]string{
		"CN=alice,OU=Staff,DC=corp,DC=example": "corp.example", "dc=a+cn=x,DC=b,dc=C": "b.C", "CN=DC,DC=b": "b", "OU=none": "", "DC=x,OU=y": "", "no name": "", "": "",
	} {
		if got := dnsNameOf(domainOf(dn)); got != want {
			t.Errorf("%q is in %q, want %q", dn, got, want)
		}
	}
}

// FuzzSID: what is read is written back, and only whole SIDs are read.
func FuzzSID(f *testing.F) {
	f.Add("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x00\x02\x00\x00")
	f.Add("\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x20\x02\x00\x00")
	f.Add("\x01\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00")
	f.Add("\x01\x00\x00\x00\x00\x00\x00\x01")
	f.Add("")
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := parseSID(raw)
		if err != nil {
			return
		}
		again := string([]byte{1, byte(len(s.parts))})
		for shift := 40; shift >= 0; shift -= 8 {
			again += string([]byte{byte(s.authority >> shift)})
		}
		for _, part := range s.parts {
			again += string([]byte{byte(part), byte(part >> 8), byte(part >> 16), byte(part >> 24)})
		}
		if again != raw {
			t.Errorf("%x became %s, and that %x", raw, s, again)
		}
		if isPrivileged(s) && !strings.HasPrefix(s.String(), "S-1-5-") {
			t.Errorf("%s is privileged", s)
		}
	})
}

// FuzzActiveDirectoryState: an account is active only if all that could say
// otherwise was read.
func FuzzActiveDirectoryState(f *testing.F) {
	attributes := []string{userAccountControl, computedControl, accountExpires, pwdLastSet}
	good := []string{"512", "0", "9223372036854775807", "134404132218670230"}
	for i := range attributes {
		for _, value := range []string{"", "x", "514", "16", "0", "-1", "116444736000000000", "9223372036854775808", "66048", "4096", "\x00"} {
			f.Add(uint8(i), value)
		}
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		n := int(which) % len(attributes)
		values := make(map[string][]string)
		for i, name := range attributes {
			values[name] = []string{good[i]}
		}
		if got := activeDirectoryState(ldap.NewEntry("CN=alice", values), now); got != Active {
			t.Fatalf("a good account is %s", got)
		}
		values[attributes[n]] = []string{value}
		if got := activeDirectoryState(ldap.NewEntry("CN=alice", values), now); got == Active && strings.Trim(value, "+-0123456789") != "" {
			t.Errorf("%s %q is active", attributes[n], value)
		}
		delete(values, attributes[n])
		if got := activeDirectoryState(ldap.NewEntry("CN=alice", values), now); got != Disabled {
			t.Errorf("without %s it is %s", attributes[n], got)
		}
	})
}

// FuzzActiveDirectoryPolicy: no entry makes a span of time negative, or a moment
// that cannot be told.
func FuzzActiveDirectoryPolicy(f *testing.F) {
	f.Add("-864000000000", "-18000000000", "24", "7", "1", "134404132218670230")
	f.Add("-9223372036854775808", "9223372036854775807", "", "0", "TRUE", "9223372036854775806")
	f.Add("-9223372036854775807", "0", "3", "10", "1", "7000000000000000000")
	f.Add("-9223372036854775807", "x", "-1", "1e9", "FALSE", "0")
	f.Fuzz(func(t *testing.T, age, lockout, history, length, complex, stamp string) {
		entry := ldap.NewEntry("DC=corp", map[string][]string{
			"minPwdAge": {age}, "lockoutDuration": {lockout}, "pwdHistoryLength": {history}, "minPwdLength": {length}, "pwdProperties": {complex},
		})
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		p, err := activeDirectory{}.policy(entry, stamp, now)
		if p == nil || err != nil {
			return
		}
		if p.MinAge < 0 || p.LockoutDuration < 0 || p.History < 0 || p.MinLength < 0 {
			t.Errorf("%+v", p)
		}
		if _, err := p.OwnChangeAt.MarshalJSON(); err != nil || !p.OwnChangeAt.IsZero() && !p.OwnChangeAt.After(now) {
			t.Errorf("changeable at %v, %v", p.OwnChangeAt, err)
		}
	})
}

// FuzzActiveDirectoryLogin: in whatever form it is typed, a login is a value in
// the filter (RFC 4515 §3).
func FuzzActiveDirectoryLogin(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
		f.Add(`CORP\` + s)
		f.Add(s + "@corp.example")
	}
	domain := activeDirectory{domainDN: "DC=corp,DC=example", dnsName: "corp.example", netBIOSName: "CORP"}
	f.Fuzz(func(t *testing.T, login string) {
		filter, ours := domain.filter(domain.defaults().userFilter, login)
		if !ours || !isLogin(login) {
			return
		}
		form, values := filterForm(t, filter)
		plain, _ := domain.filter(domain.defaults().userFilter, "plain")
		implicit, _ := domain.filter(domain.defaults().userFilter, "plain@corp.example")
		plainForm, _ := filterForm(t, plain)
		implicitForm, _ := filterForm(t, implicit)
		if cmp.Diff(form, plainForm) != "" && cmp.Diff(form, implicitForm) != "" {
			t.Errorf("%q changes the form of the filter: %q", login, filter)
		}
		for i, value := range values {
			if i%2 == 1 && !strings.Contains(login, value) && value != "person" && value != "user" {
				t.Errorf("%q is looked for as %q", login, value)
			}
		}
	})
}
