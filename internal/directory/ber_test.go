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

// refusal builds a whole response with a password policy control.
func refusal(code int, text string, policy int) *ber.Packet {
	response := ber.NewSequence("LDAPMessage")
	response.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 7, ""))
	result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedResponse, nil, "")
	result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, ""))
	response.AppendChild(result)
	if policy == noPolicyError {
		return response
	}
	value := ber.NewSequence("")
	value.AppendChild(ber.NewInteger(ber.ClassContext, ber.TypePrimitive, 1, policy, ""))
	control := ber.NewSequence("")
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, policyControlOID, ""))
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(value.Bytes()), ""))
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	controls.AppendChild(control)
	response.AppendChild(controls)
	return response
}

func judged(packet *ber.Packet) error {
	return judge(ldap.GetLDAPError(ber.DecodePacket(packet.Bytes())), "the-password")
}

func TestJudge(t *testing.T) {
	for policy, want := range map[int]Reason{
		5: NotComplex, 6: TooShort, 7: TooYoung, 8: InHistory, 9: TooLong, 0: DirectoryRefused, 1: DirectoryRefused, noPolicyError: DirectoryRefused,
	} {
		err := judged(refusal(19, "the-password is not for uid=alice,dc=example", policy))
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok || refused.Reasons[0] != want || strings.Contains(refused.Detail, "alice") || strings.Contains(refused.Detail, "the-password") {
			t.Errorf("policy error %d: %v", policy, err)
		}
	}
	if refused, ok := errors.AsType[*RefusedError](judged(refusal(19, unchangedText, 8))); !ok || refused.Reasons[0] != Unchanged {
		t.Errorf("unchanged: %v", refused)
	}
	for policy, code := range map[int]int{3: 19, 4: 50} {
		if err := judged(refusal(code, "", policy)); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("policy error %d: %v", policy, err)
		}
	}
	if err := judged(refusal(0, "", noPolicyError)); err != nil {
		t.Errorf("success: %v", err)
	}
}

func TestOpenLDAPState(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		attribute, value string
		want             State
	}{
		{"pwdAccountLockedTime", "20261123111624Z", Locked},
		{"pwdAccountLockedTime", "20261123111624.123456Z", Locked},
		{"pwdAccountLockedTime", "000001010000Z", LockedByAdministrator},
		{"pwdAccountLockedTime", "00000101000000Z", LockedByAdministrator},
		{"pwdAccountLockedTime", "soon", Disabled},
		{"pwdAccountLockedTime", "", Disabled},
		{"NSACCOUNTLOCK", "true", Disabled},
		{"nsAccountLock", "False", Active},
		{"loginDisabled", "TRUE", Disabled},
		{"loginDisabled", "perhaps", Disabled},
		{"shadowExpire", "-1", Active},
		{"shadowExpire", "0", Active},
		{"shadowExpire", "1", Expired},
		{"shadowExpire", "20780", Expired}, // today
		{"shadowExpire", "20781", Active},
		{"shadowExpire", "1e9", Disabled},
		{"pwdEndTime", "20261123115959Z", Expired},
		{"pwdEndTime", "20261123120000Z", Expired},
		{"pwdEndTime", "20261123120001Z", Active},
		{"pwdEndTime", "never", Disabled},
		{"pwdStartTime", "20261123120001Z", Disabled},
		{"pwdStartTime", "20261123120000Z", Active},
		{"pwdStartTime", "?", Disabled},
	} {
		entry := ldap.NewEntry("uid=alice", map[string][]string{test.attribute: {test.value}})
		if got := openLDAPState(entry, now); got != test.want {
			t.Errorf("%s %q: %s, want %s", test.attribute, test.value, got, test.want)
		}
	}
	worst := ldap.NewEntry("uid=alice", map[string][]string{"pwdAccountLockedTime": {"000001010000Z"}, "nsAccountLock": {"TRUE"}, "shadowExpire": {"1"}})
	if got := openLDAPState(worst, now); got != LockedByAdministrator {
		t.Errorf("the worst of several: %s", got)
	}
}

func TestParseIDRefuses(t *testing.T) {
	for _, text := range []string{"", ":", "entryUUID", "entryUUID:", ":00", "entryUUID:0", "entryUUID:0g", "entryUUID:AB", "entry UUID:00", "1x:00", "a:b:00", "entryUUID:" + strings.Repeat("00", 65)} {
		if id, err := ParseID(text); err == nil {
			t.Errorf("%q is %v", text, id)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("entryUUID:550e8400e29b41d4a716446655440000")
	f.Add("objectGUID:00")
	f.Add("x:zz")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err == nil && id.String() != text {
			t.Errorf("%q came back as %q", text, id)
		}
		if err == nil && id.IsZero() {
			t.Errorf("%q is nobody", text)
		}
	})
}

func FuzzPasswordModifyRequest(f *testing.F) {
	f.Add("uid=alice,dc=example,dc=test", "a password")
	f.Add("", "")
	f.Add("uid=\x00", "\xff\x30\x80")
	f.Fuzz(func(t *testing.T, dn, password string) {
		decoded, err := ber.DecodePacketErr(encodePasswordModify(dn, "", password).Bytes())
		if err != nil || len(decoded.Children) != 2 {
			t.Fatalf("%v: %v", decoded, err)
		}
		got := []string{octets(decoded.Children[0]), octets(decoded.Children[1])}
		if diff := cmp.Diff([]string{dn, password}, got); diff != "" {
			t.Error(diff)
		}
		if decoded.Children[0].Tag != 0 || decoded.Children[1].Tag != 2 {
			t.Errorf("tags %d and %d", decoded.Children[0].Tag, decoded.Children[1].Tag)
		}
	})
}

// FuzzResponse: no answer makes a panic, and only code 0 is success.
func FuzzResponse(f *testing.F) {
	f.Add(refusal(19, "too short", 6).Bytes())
	f.Add(refusal(19, unchangedText, 8).Bytes())
	f.Add(refusal(50, "", noPolicyError).Bytes())
	f.Add(refusal(0, "", noPolicyError).Bytes())
	f.Add([]byte("\x30\x80\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		packet, err := ber.DecodePacketErr(data)
		if err != nil {
			return
		}
		policyErrorIn(packet)
		policyErrorOf(string(data))
		generated(packet)
		cause := ldap.GetLDAPError(packet)
		if judge(cause, "the-password") == nil && cause != nil {
			t.Errorf("%v became success", cause)
		}
	})
}
