package directory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

func wantRefused(t *testing.T, err error, reasons ...directory.Reason) {
	t.Helper()
	refused, ok := errors.AsType[*directory.RefusedError](err)
	if !ok || !slices.Equal(refused.Reasons, reasons) {
		t.Errorf("got %v, want refused: %s", err, reasons)
		return
	}
	if refused.Detail == "" || strings.Contains(refused.Detail, "uid=") {
		t.Errorf("the detail for the operator is %q", refused.Detail)
	}
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	for name, server := range map[string]string{"alice": s.LDAPSURL, "bob": s.URL} {
		c := configFor(s)
		c.Servers = []string{server}
		d := open(t, c)
		if err := d.SetPassword(t.Context(), find(t, d, name), second); err != nil {
			t.Fatalf("over %s: %v", server, err)
		}
		wantPassword(t, s, name, second, testenv.FirstPassword)
	}
	if log := slapdLog(t, s); strings.Contains(log, " MOD dn=") || strings.Count(log, "PASSMOD id=") != 2 {
		t.Error("slapd was asked for more than two Password Modify operations")
	}
}

func TestRefusalsOfThePolicy(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	ctx := t.Context()
	alice := find(t, d, "alice")
	wantRefused(t, d.SetPassword(ctx, alice, "short-1"), directory.TooShort)
	wantPassword(t, s, "alice", testenv.FirstPassword, "short-1")
	wantRefused(t, d.SetPassword(ctx, alice, testenv.FirstPassword), directory.Unchanged)
	if err := d.SetPassword(ctx, alice, second); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, d.SetPassword(ctx, find(t, d, "alice"), testenv.FirstPassword), directory.InHistory)
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
	wantRefused(t, d.SetPassword(ctx, find(t, d, "young"), second), directory.TooYoung)
	wantPassword(t, s, "young", testenv.FirstPassword, second)
}

func TestPasswordsThatAreNeverSent(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	alice := find(t, d, "alice")
	for password, reason := range map[string]directory.Reason{
		"": directory.TooShort, strings.Repeat(" ", 12): directory.NotComplex, "nul-in-\x00-password": directory.NotComplex, strings.Repeat("x", 1025): directory.TooLong,
	} {
		wantRefused(t, d.SetPassword(t.Context(), alice, password), reason)
	}
	if strings.Contains(slapdLog(t, s), "PASSMOD") {
		t.Error("slapd was asked")
	}
	wantPassword(t, s, "alice", testenv.FirstPassword)
}

// TestS26_OnlyAPersonIsATarget writes to nobody and to the service account.
func TestS26_OnlyAPersonIsATarget(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.UserFilter, c.LoginAttribute = "(cn={login})", "cn"
	d := open(t, c)
	service := find(t, d, "latchkey")
	upper := *service
	upper.DN = "CN=Latchkey, OU=Services, DC=Example, DC=Test"
	nobody, broken, other := *service, *service, *find(t, d, "alice Example")
	nobody.DN, broken.DN = " ", "latchkey"
	other.ID = find(t, d, "bob Example").ID
	for name, p := range map[string]*directory.Person{"service": service, "upper": &upper, "nobody": &nobody, "broken": &broken, "nil": nil} {
		if err := d.SetPassword(t.Context(), p, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.SetPassword(t.Context(), &other, second); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("a DN with another's id: %v", err)
	}
	// Written in another way the name of the service account is still known.
	c.BindDN = "2.5.4.3=latchkey,ou=services," + s.BaseDN
	d = open(t, c)
	if err := d.SetPassword(t.Context(), find(t, d, "latchkey"), second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("bind_dn by number: %v", err)
	}
	// Where the server does not say who we are, bind_dn tells.
	proxy := testenv.NewLDAPProxy(t, s, nil)
	answerExtended(proxy, "1.3.6.1.4.1.4203.1.11.3", 2, "unknown operation")
	c.BindDN, c.Servers = "cn=LATCHKEY, ou=services,"+s.BaseDN, []string{proxy.LDAPSURL}
	d = open(t, c)
	if err := d.SetPassword(t.Context(), find(t, d, "latchkey"), second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("without whoami: %v", err)
	}
	if strings.Contains(slapdLog(t, s), "PASSMOD") {
		t.Error("slapd was asked")
	}
	if err := s.Bind(t.Context(), s.ServiceDN, s.ServicePassword); err != nil {
		t.Error(err)
	}
}

func TestNotAllowed(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]testenv.SlapdOptions{
		"no right":    {ServiceRight: "none"},
		"safe modify": {DefaultPolicy: "pwdSafeModify: TRUE\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testenv.NewSlapd(t, options)
			d := open(t, configFor(s))
			err := d.SetPassword(t.Context(), find(t, d, "alice"), second)
			if !errors.Is(err, directory.ErrNotAllowed) || !strings.Contains(err.Error(), "code ") {
				t.Errorf("got %v", err)
			}
			if strings.Contains(err.Error(), "set pwdSafeModify to FALSE") != (name == "safe modify") {
				t.Errorf("the operator reads %v", err)
			}
			wantPassword(t, s, "alice", testenv.FirstPassword, second)
			policy, err := d.Policy(t.Context(), find(t, d, "alice"))
			if err != nil || policy.SafeModify != (name == "safe modify") {
				t.Errorf("policy %+v, %v", policy, err)
			}
		})
	}
}

// TestAnswersThatSlapdDoesNotGiveHere replaces slapd's answer to the write.
func TestAnswersThatSlapdDoesNotGiveHere(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	alice := find(t, d, "alice")
	for code, want := range map[int]error{
		8: directory.ErrNotAllowed, 13: directory.ErrNotAllowed, 50: directory.ErrNotAllowed, 32: directory.ErrNotFound,
		10: directory.ErrUnavailable, 51: directory.ErrUnavailable, 52: directory.ErrUnavailable, 53: directory.ErrUnavailable, 80: directory.ErrUnavailable, 21: directory.ErrUnavailable,
	} {
		answerWrites(proxy, code, second+" is not for uid=alice,ou=people")
		err := d.SetPassword(t.Context(), alice, second)
		if !errors.Is(err, want) || strings.Contains(err.Error(), "uid=") || strings.Contains(err.Error(), second) {
			t.Errorf("code %d: %v, want %v", code, err, want)
		}
	}
	answerWrites(proxy, 19, "no")
	wantRefused(t, d.SetPassword(t.Context(), alice, second), directory.DirectoryRefused)
	wantPassword(t, s, "alice", testenv.FirstPassword)

	// S24: a password of the server's own making is no success.
	value := ber.NewSequence("PasswdModifyResponseValue")
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "generated-secret", "genPasswd"))
	answerWrites(proxy, 0, "", ber.NewString(ber.ClassContext, ber.TypePrimitive, 11, string(value.Bytes()), "responseValue"))
	err := d.SetPassword(t.Context(), alice, second)
	if unknown, ok := errors.AsType[*directory.UnknownError](err); !ok || !unknown.Generated || strings.Contains(err.Error(), "generated-secret") {
		t.Errorf("genPasswd: %v", err)
	}
}

// TestChangedSinceTheReading: what was changed between the reading and the write
// is not written over.
func TestChangedSinceTheReading(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	alice := find(t, d, "alice")
	helpdesk(t, s, "alice", "helpdesk-Chose-1")
	if err := d.SetPassword(t.Context(), alice, second); !errors.Is(err, directory.ErrChanged) {
		t.Errorf("got %v", err)
	}
	wantPassword(t, s, "alice", "helpdesk-Chose-1", second)
	if err := d.SetPassword(t.Context(), find(t, d, "alice"), second); err != nil {
		t.Errorf("read anew: %v", err)
	}
}

// answerWrites keeps writes from slapd and answers them.
func answerWrites(proxy *testenv.LDAPProxy, code int, text string, further ...*ber.Packet) {
	answerExtended(proxy, "1.3.6.1.4.1.4203.1.11.1", code, text, further...)
}

func answerExtended(proxy *testenv.LDAPProxy, oid string, code int, text string, further ...*ber.Packet) {
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op != testenv.LDAPExtendedRequest || !strings.Contains(string(m.Bytes), oid) {
			return testenv.LDAPAction{}
		}
		return testenv.LDAPAction{Answer: m.Result(testenv.LDAPExtendedResponse, code, text, further...)}
	})
}
