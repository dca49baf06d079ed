package directory_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

func secret(text string) setting.Secret { return setting.NewSecret(text) }

// kerberosSchema is the part of FreeIPA's schema that is looked at.
const kerberosSchema = `dn: cn=schema
changetype: modify
add: attributeTypes
attributeTypes: ( 2.16.840.1.113719.1.301.4.37.1 NAME 'krbPasswordExpiration' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.15.1 NAME 'krbPrincipalExpiration' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
-
add: objectClasses
objectClasses: ( 2.16.840.1.113719.1.301.6.8.1 NAME 'krbPrincipalAux' SUP top AUXILIARY MAY ( krbPasswordExpiration $ krbPrincipalExpiration ) )
`

// Test389FreeIPA: FreeIPA lets a password expire that another account wrote. Here
// a second writer does so between the write and its answer.
func Test389FreeIPA(t *testing.T) {
	t.Parallel()
	const principal = "objectClass: krbPrincipalAux"
	s := start389(t, testenv.DS389Options{LDIF: kerberosSchema +
		testenv.PersonLDIF("dora", principal) + testenv.PersonLDIF("ended", principal, "krbPrincipalExpiration: 20200101000000Z") +
		testenv.PersonLDIF("spent", principal, "krbPasswordExpiration: 20200101000000Z")})
	proxy := testenv.NewLDAPProxy(t, s, nil)
	var expires time.Time
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == testenv.LDAPExtendedResponse {
			if err := s.Replace(t.Context(), testenv.PersonDN("dora"), "krbPasswordExpiration", expires.UTC().Format("20060102150405Z")); err != nil {
				t.Error(err)
			}
		}
		return testenv.LDAPAction{}
	})
	c := configFor389(s)
	c.Servers = []string{proxy.LDAPSURL}
	d, heard := openLogged(t, c)
	ctx := t.Context()
	if state := find(t, d, "ended").State; state != directory.Expired {
		t.Errorf("after the end of the account: %s", state)
	}
	// An expired password is what people come for.
	if state := find(t, d, "spent").State; state != directory.Active {
		t.Errorf("after the end of the password: %s", state)
	}
	for password, expiry := range map[string]struct {
		in       time.Duration
		demanded bool
	}{
		second: {0, true}, third: {90 * 24 * time.Hour, false}, "fourth-Password-4": {-time.Hour, true},
	} {
		expires = time.Now().Add(expiry.in)
		dora := find(t, d, "dora")
		result, err := d.Reset(ctx, dora, password)
		if err != nil || result.ChangeDemanded != expiry.demanded {
			t.Errorf("expires in %v: %+v, %v", expiry.in, result, err)
		}
		want389(t, s, "dora", password)
	}
	if log := heard.String(); strings.Count(log, "level=ERROR") != 2 || strings.Count(log, "passSyncManagersDNs") != 2 {
		t.Errorf("the log is\n%s", log)
	}

	// With must_change it is what was wanted.
	expires = time.Now()
	c.MustChange = true
	if result, err := open(t, c).Reset(ctx, find(t, d, "dora"), "fifth-Password-5"); err != nil || result != (directory.Result{}) {
		t.Errorf("with must_change: %+v, %v", result, err)
	}
}
