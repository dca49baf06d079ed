package directory_test

import (
	"testing"

	"latchkey/internal/directory/directorytest"
	"latchkey/internal/testenv"
)

func conform389(t *testing.T) directorytest.Fixture {
	s := start389(t, testenv.DS389Options{LDIF: policyACI, MustChange: true})
	configure389(t, s, "passwordExp", "on")
	configure389(t, s, "passwordMinCategories", "3")
	set := func(ldif string) func(dn string) string {
		return func(dn string) string { return "dn: " + dn + "\nchangetype: modify\n" + ldif + "\n" }
	}
	return directorytest.Fixture{
		Config: configFor389(s), DN: testenv.PersonDN,
		// The server stamps changes, and not what was added.
		Entry: func(login, password string) string {
			return entryOf(login, password) + "pwdUpdateTime: 20260101000000Z\n"
		},
		Modify: s.Modify, SignIn: s.Bind, TrimsNames: true, Lacks: protectsNobody(),
		Proxy: func(tb testenv.TB) *testenv.LDAPProxy { return testenv.NewLDAPProxy(tb, s, nil) },
		Changes: directorytest.Changes{
			Disable:     set("replace: nsAccountLock\nnsAccountLock: true"),
			End:         set("replace: shadowExpire\nshadowExpire: 1"),
			LockForGood: set("replace: accountUnlockTime\naccountUnlockTime: 19700101000000Z\n-\nreplace: passwordRetryCount\npasswordRetryCount: 3"),
			Flag:        set("replace: passwordExpirationTime\npasswordExpirationTime: 19700101000000Z"),
			Age:         set("replace: passwordExpirationTime\npasswordExpirationTime: 20200101000000Z"),
			Rejuvenate:  set("replace: pwdPolicySubentry\npwdPolicySubentry: cn=young,cn=nsPwPolicyContainer,ou=people," + testenv.BaseDN + "\n-\nreplace: passwordAllowChangeTime\npasswordAllowChangeTime: 20991231000000Z"),
		},
	}
}
