package directory_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

const (
	searchResultEntry = 4
	newHints          = "1.2.840.113556.1.4.2239"
	oldHints          = "1.2.840.113556.1.4.2066"
	// notNeeded is a control that Samba lists, of the same length.
	notNeeded     = "1.2.840.113556.1.4.1338"
	alsoNotNeeded = "1.2.840.113556.1.4.1339"
)

// TestS32_PolicyHints has a proxy list the control, which Samba does not have,
// and reads what goes over the wire. Samba ignores critical controls that it does
// not know, so that the write is done all the same.
func TestS32_PolicyHints(t *testing.T) {
	t.Parallel()
	s := testenv.StartSamba(t)
	password := `pä"s\s 😀 Wörd` + "\u0065\u0301" + "1"
	for account, test := range map[string]struct{ listed, sent []string }{
		"alice":      {[]string{newHints, oldHints}, []string{newHints}},
		"bob":        {[]string{oldHints}, []string{oldHints}},
		"nocontacts": {nil, nil},
	} {
		proxy, authority := domainProxy(t, s)
		proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
			if m.Op != searchResultEntry || !bytes.Contains(m.Bytes, []byte("supportedControl")) {
				return testenv.LDAPAction{}
			}
			shown := bytes.Clone(m.Bytes)
			for i, oid := range test.listed {
				shown = bytes.ReplaceAll(shown, []byte([]string{notNeeded, alsoNotNeeded}[i]), []byte(oid))
			}
			return testenv.LDAPAction{Replace: shown}
		})
		c := domainConfig(s)
		c.Servers, c.CAFile, c.MustChange = []string{proxy.LDAPSURL}, authority, true
		c.RequirePolicyHints = len(test.sent) > 0
		d := open(t, c)
		if err := d.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		lockDomainAccount(t, s, account)
		person := find(t, d, account)
		var sent []modification
		proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
			if m.Op == modifyRequest {
				sent = append(sent, readModify(t, m))
			}
			return testenv.LDAPAction{}
		})
		if err := d.SetPassword(t.Context(), person, password); err != nil {
			t.Fatal(err)
		}
		want := modification{
			target:  "<GUID=" + strings.TrimPrefix(person.ID.String(), "objectGUID:") + ">",
			changes: []string{"replace unicodePwd " + inQuotes(password), "replace lockoutTime 0", "replace pwdLastSet 0"},
		}
		for _, oid := range test.sent {
			want.controls = append(want.controls, oid+" critical \x30\x03\x02\x01\x01")
		}
		if len(sent) != 1 || sent[0].target != want.target || !slices.Equal(sent[0].changes, want.changes) || !slices.Equal(sent[0].controls, want.controls) {
			t.Errorf("%s:\nsent %q\nwant %q", account, sent, want)
		}
		if got, err := d.Settle(t.Context(), find(t, d, account).Attempt(), password); got != directory.Written || err != nil {
			t.Errorf("%s: the password settles as %v, %v", account, got, err)
		}
	}
}

// inQuotes is a password as unicodePwd wants it.
func inQuotes(password string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\"" + password + "\"")) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// modification is one Modify as it went over the wire (RFC 4511 §4.6).
type modification struct {
	target            string
	changes, controls []string
}

func readModify(t *testing.T, m testenv.LDAPMessage) modification {
	t.Helper()
	packet, err := ber.DecodePacketErr(m.Bytes)
	if err != nil {
		t.Error(err)
		return modification{}
	}
	request := packet.Children[1]
	read := modification{target: request.Children[0].Data.String()}
	for _, c := range request.Children[1].Children {
		text := []string{"add", "delete", "replace"}[c.Children[0].Value.(int64)] + " " + c.Children[1].Children[0].Data.String()
		for _, value := range c.Children[1].Children[1].Children {
			text += " " + value.Data.String()
		}
		read.changes = append(read.changes, text)
	}
	if len(packet.Children) < 3 {
		return read
	}
	for _, control := range packet.Children[2].Children {
		text := control.Children[0].Data.String()
		for _, part := range control.Children[1:] {
			if critical, ok := part.Value.(bool); ok {
				text += map[bool]string{true: " critical"}[critical]
			} else {
				text += " " + part.Data.String()
			}
		}
		read.controls = append(read.controls, text)
	}
	return read
}

// TestS31_NothingElseIsWrittenToADomain reads Samba's own record of changes.
func TestS31_NothingElseIsWrittenToADomain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t, testenv.SambaOptions{Settings: []string{"log level = 1 dsdb_json_audit:5"}})
	before := len(domainChanges(t, s))
	const third, fourth, fifth, last = "third-Password-3", "fourth-Password-4", "fifth-Password-5", "sixth-Password-6"
	c := domainConfig(s)
	d := open(t, c)
	write := func(d *directory.Directory, password string) {
		t.Helper()
		lockDomainAccount(t, s, "alice")
		if err := d.SetPassword(ctx, find(t, d, "alice"), password); err != nil {
			t.Fatal(err)
		}
	}
	write(d, second)
	wantRefused(t, d.SetPassword(ctx, find(t, d, "alice"), "short-A1"), directory.TooShort)
	if err := d.Change(ctx, find(t, d, "alice"), second, third); err != nil {
		t.Fatal(err)
	}
	lockDomainAccount(t, s, "alice")
	if err := d.Unlock(ctx, find(t, d, "alice")); err != nil {
		t.Fatal(err)
	}
	c.MustChange = true
	write(open(t, c), fourth)
	c.WriteStrategy = string(directory.TemporaryFirst)
	write(open(t, c), fifth)
	if err := d.SetPassword(ctx, find(t, d, "domainadmin"), last); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("domainadmin: %v", err)
	}
	listed := make(map[string]bool)
	for _, p := range directory.Writes() {
		if p.Flavor == "active-directory" {
			listed[p.Attribute] = true
		}
	}
	written := make(map[string]bool)
	for _, change := range domainChanges(t, s)[before:] {
		if !strings.EqualFold(change.DN, testenv.SambaPersonDN("alice")) || change.Operation != "Modify" {
			t.Errorf("%s of %s", change.Operation, change.DN)
		}
		for attribute := range change.Attributes {
			if !listed[attribute] {
				t.Errorf("%s is written and not listed", attribute)
			}
			written[attribute] = true
		}
	}
	if got := slices.Sorted(maps.Keys(written)); !slices.Equal(got, []string{"lockoutTime", "pwdLastSet", "unicodePwd"}) {
		t.Errorf("written: %q", got)
	}
}

// domainChange is one line of Samba's record.
type domainChange struct {
	Operation  string                     `json:"operation"`
	DN         string                     `json:"dn"`
	UserSID    string                     `json:"userSid"`
	Attributes map[string]json.RawMessage `json:"attributes"`
}

// domainChanges leaves out what the server does on its own, such as counting
// wrong passwords.
func domainChanges(t *testing.T, s *testenv.Samba) []domainChange {
	t.Helper()
	text, err := os.ReadFile(s.Log())
	if err != nil {
		t.Fatal(err)
	}
	var changes []domainChange
	for line := range strings.Lines(string(text)) {
		i := strings.IndexByte(line, '{')
		var record struct {
			Change *domainChange `json:"dsdbChange"`
		}
		if i < 0 || json.Unmarshal([]byte(line[i:]), &record) != nil || record.Change == nil || record.Change.UserSID == "S-1-5-18" {
			continue
		}
		changes = append(changes, *record.Change)
	}
	return changes
}

// TestActiveDirectoryReasonsOfWindows gives the one answer that Windows has, by
// Microsoft's documentation, for all that its policy refuses. The reasons come
// from the policy of the domain.
func TestActiveDirectoryReasonsOfWindows(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	proxy, authority := domainProxy(t, s)
	c := domainConfig(s)
	c.Servers, c.CAFile = []string{proxy.LDAPSURL}, authority
	d := open(t, c)
	if err := s.Replace(ctx, s.BaseDN, "minPwdAge", "-864000000000"); err != nil {
		t.Fatal(err)
	}
	setJustNow(t, s, "alice")
	alice := find(t, d, "alice")
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op != modifyRequest {
			return testenv.LDAPAction{}
		}
		const unwilling = 53
		return testenv.LDAPAction{Answer: m.Result(modifyResponse, unwilling, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0")}
	})
	for password, reason := range map[string]directory.Reason{
		"short-A1": directory.TooShort, "all-in-small-letters": directory.NotComplex, "my-ALICE-2027x": directory.NotComplex, "One-EXAMPLE-of-many": directory.NotComplex,
		"Nothing-wrong-2027": directory.DirectoryRefused,
	} {
		wantRefused(t, d.SetPassword(ctx, alice, password), reason)
	}
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, "Nothing-wrong-2027"), directory.TooYoung)
	wantDomainPassword(t, s, "alice", testenv.FirstPassword)
}
