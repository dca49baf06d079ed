package directory

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// filterForm is a filter as a server reads it: where everything stands, and
// what the values are.
func filterForm(t *testing.T, filter string) (form, values []string) {
	t.Helper()
	packet, err := ldap.CompileFilter(filter)
	if err != nil {
		t.Fatalf("%q is no filter: %v", filter, err)
	}
	if packet, err = ber.DecodePacketErr(packet.Bytes()); err != nil {
		t.Fatalf("%q cannot be read back: %v", filter, err)
	}
	var walk func(p *ber.Packet)
	walk = func(p *ber.Packet) {
		form = append(form, fmt.Sprintf("%d %d %d %d", p.ClassType, p.TagType, p.Tag, len(p.Children)))
		if len(p.Children) == 0 {
			values = append(values, octets(p))
		}
		for _, child := range p.Children {
			walk(child)
		}
	}
	walk(packet)
	return form, values
}

// standsIn fails unless a filter is the one for a harmless value, with the
// other value in its place.
func standsIn(t *testing.T, harmless, filter, plain, value string) {
	t.Helper()
	wantForm, wantValues := filterForm(t, harmless)
	form, values := filterForm(t, filter)
	for i := range wantValues {
		wantValues[i] = strings.ReplaceAll(wantValues[i], plain, value)
	}
	if diff := cmp.Diff(wantForm, form); diff != "" {
		t.Errorf("%q changes the form of the filter:\n%s", value, diff)
	}
	if diff := cmp.Diff(wantValues, values); diff != "" {
		t.Errorf("%q changes the values of the filter:\n%s", value, diff)
	}
}

// hostile are values that mean something in filters, DNs or BER.
var hostile = []string{
	"alice", "*", "a*b", "alice)(uid=*", "*)(objectClass=*", "admin)(&)", "\\2a", "\\", "\\zz", "a\x00b", "ä\u202eö", "\xff\xfe", " alice ",
	"uid=alice,ou=people,dc=example", "cn=a\\,b,dc=x", "cn=\\23a", "#0401", "a+b=c", "\"", ";", "{login}", "{dn}", "(", ")", "&", "|", "!",
}

// FuzzLogin: whatever is typed, it is looked for as a value and is never a part
// of the filter (RFC 4515 §3).
func FuzzLogin(f *testing.F) {
	const userFilter = "(&(objectClass=person)(|(uid={login})(mail={login}@example.org)(cn:caseExactMatch:={login})))"
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, login string) {
		if isLogin(login) {
			standsIn(t, loginFilter(userFilter, "plain"), loginFilter(userFilter, login), "plain", login)
		}
	})
}

// FuzzMember: the name of an entry is a value in the filter for its groups.
func FuzzMember(f *testing.F) {
	const groupFilter = "(|(member={dn})(uniqueMember={dn}))"
	for _, s := range hostile {
		f.Add(s, "cn=b,dc=x")
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		standsIn(t, memberFilter(groupFilter, []string{"plain"}), memberFilter(groupFilter, []string{one}), "plain", one)
		got := memberFilter(groupFilter, []string{one, other})
		_, values := filterForm(t, got)
		if diff := cmp.Diff([]string{"member", one, "uniqueMember", one, "member", other, "uniqueMember", other}, values); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzNormalDN: the normal form is its own, and what an attribute's value holds
// never becomes another part of the name (RFC 4514 §2.4).
func FuzzNormalDN(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("CN=Ä,DC=Example")
	f.Add("cn=\\e4\\ff+uid=x")
	f.Fuzz(func(t *testing.T, text string) {
		normal := NormalDN(text)
		if again := NormalDN(normal); again != normal {
			t.Errorf("%q became %q, and that %q", text, normal, again)
		}
		if _, err := ldap.ParseDN(text); err == nil && strings.ContainsFunc(normal, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q became %q, which is more than ASCII", text, normal)
		}
		if utf8.ValidString(text) && NormalDN("cn="+ldap.EscapeDN(strings.ToLower(text))) != NormalDN("CN="+ldap.EscapeDN(text)) {
			t.Errorf("%q is another name in lower case", text)
		}
		var escaped strings.Builder
		for _, c := range []byte(text) {
			escaped.WriteString("\\" + hex.EncodeToString([]byte{c}))
		}
		dn := "uid=" + escaped.String() + ",ou=people,dc=example"
		parsed, err := ldap.ParseDN(NormalDN(dn))
		if err != nil {
			t.Fatalf("%q: %v", NormalDN(dn), err)
		}
		if len(parsed.RDNs) != 3 || len(parsed.RDNs[0].Attributes) != 1 {
			t.Errorf("%q became a part of the name %q", text, NormalDN(dn))
		}
	})
}

// FuzzAnswerText: what a server says is one printable line that names no entry.
func FuzzAnswerText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("Constraint violation\r\n\x1b[2J\u202e for uid=alice,dc=example")
	f.Add("p\x1bassword")
	f.Fuzz(func(t *testing.T, text string) {
		got := withoutNames(text)
		switch {
		case strings.Contains(got, "="):
			t.Errorf("%q may name an entry: %q", text, got)
		case strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(got):
			t.Errorf("%q does more than being read: %q", text, got)
		case utf8.RuneCountInString(got) > maxTextLength+1:
			t.Errorf("%q is %d characters", text, utf8.RuneCountInString(got))
		}
	})
}

// FuzzState: an account is active only if every attribute that could say
// otherwise was read.
func FuzzState(f *testing.F) {
	attributes := []string{"pwdAccountLockedTime", "nsAccountLock", "loginDisabled", "pwdStartTime", "pwdEndTime", "shadowExpire"}
	for i := range attributes {
		for _, s := range []string{"", "FALSE", "true", "20261123111624Z", "000001010000Z", "20261123111624.1Z", "20261123111624+0130", "-1", "0", "99999999999", "1e9", "\x00"} {
			f.Add(uint8(i), s)
		}
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		name := attributes[int(which)%len(attributes)]
		got := openLDAPState(ldap.NewEntry("uid=alice", map[string][]string{name: {value}}), now)
		_, notTime := generalizedTime(value)
		switch name {
		case "nsAccountLock", "loginDisabled":
			notTime = nil
			if got == Active && !strings.EqualFold(value, "false") {
				t.Errorf("%s %q is active", name, value)
			}
		case "shadowExpire":
			notTime = nil
			if got == Active && strings.Trim(value, "+-0123456789") != "" {
				t.Errorf("%s %q is active", name, value)
			}
		case "pwdAccountLockedTime":
			if got == Active {
				t.Errorf("%s %q is active", name, value)
			}
		}
		if notTime != nil && got == Active {
			t.Errorf("%s %q is active", name, value)
		}
	})
}

// FuzzPolicy: no password policy makes a span of time negative or a moment that
// cannot be told.
func FuzzPolicy(f *testing.F) {
	f.Add("86400", "300", "5", "12", "20261123111624Z")
	f.Add("9223372036854775807", "9223372036", "", "0", "99991231235959Z")
	f.Add("-1", "x", "1", "", "")
	f.Fuzz(func(t *testing.T, age, lockout, history, length, stamp string) {
		entry := ldap.NewEntry("cn=default", map[string][]string{
			"pwdMinAge": {age}, "pwdLockoutDuration": {lockout}, "pwdInHistory": {history}, "pwdMinLength": {length}, "pwdMaxLength": {length}, "pwdCheckQuality": {"2"},
		})
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		p, err := openLDAP{}.policy(entry, stamp, now)
		if err != nil {
			return
		}
		if p.MinAge < 0 || p.LockoutDuration < 0 || p.History < 0 || p.MinLength < 0 || p.MaxLength < 0 {
			t.Errorf("%+v", p)
		}
		if !p.ChangeableAt.IsZero() && !p.ChangeableAt.After(now) {
			t.Errorf("changeable at %v, which is over", p.ChangeableAt)
		}
		if _, err := p.ChangeableAt.MarshalJSON(); err != nil {
			t.Error(err)
		}
	})
}
