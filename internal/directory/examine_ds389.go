package directory

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/finding"
)

func (ds389) clock() (dn, attribute string) { return "cn=monitor", "currentTime" }

func (ds389) secrets() []string { return []string{"userPassword", "passwordHistory"} }

// touch takes away a value that is not there: rights come first, and no policy
// judges what goes.
func (ds389) touch(l *ldap.Conn, w passwordWrite) error {
	request := ldap.NewModifyRequest(w.dn, nil)
	request.Delete("userPassword", []string{random(nameLetters)})
	return judgeChange(l.Modify(request))
}

// judge looks at the service account, and at settings that keep a reset from
// being seen.
func (f ds389) judge(ctx context.Context, x *examiner) {
	if NormalDN(x.d.config.BindDN) == NormalDN("cn=Directory Manager") {
		x.sheet.Fail(checkModest, "it is the Directory Manager, whom no access rule binds", x.fix(fixRights))
	}
	f.judgeAccount(ctx, x)
	entry, err := x.read(ctx, x.d.defaultPolicyDN(f), f.policyAttributes()...)
	if err != nil || entry == nil {
		return
	}
	for _, caution := range f.cautions(x.c.root, entry, x.d.config) {
		x.sheet.Warn(checkPolicy, caution, x.fix(fixTrack))
	}
}

// judgeAccount: the policy of the server judges the service account too.
func (f ds389) judgeAccount(ctx context.Context, x *examiner) {
	own, err := x.read(ctx, x.d.config.BindDN, "pwdPolicySubentry", "passwordExpirationTime", pwdReset)
	if err != nil || own == nil {
		x.sheet.Warn(checkOwnPolicy, "its own entry cannot be read, so that nothing is known of its policy; the Directory Manager has none", x.fix(fixRights))
		return
	}
	if ends := latest(own.GetEqualFoldAttributeValues("passwordExpirationTime")); !ends.IsZero() && ends.Year() < 2038 {
		x.sheet.Warn(checkOwnPolicy, "its password ends on "+ends.UTC().Format(time.DateOnly), x.fix(fixOwnPolicy))
	}
	policyDN, whose := own.GetEqualFoldAttributeValue("pwdPolicySubentry"), "a policy of its own"
	if policyDN == "" {
		policyDN, whose = x.d.defaultPolicyDN(f), "the policy of everyone"
	}
	rules, err := x.read(ctx, policyDN, "passwordLockout", "passwordExp", passwordMustChange)
	if err != nil || rules == nil {
		x.sheet.Warn(checkOwnPolicy, "its policy "+policyDN+" cannot be read", x.fix(fixRights))
		return
	}
	var traps []string
	for _, trap := range []struct{ attribute, text string }{
		{"passwordLockout", "wrong passwords of anybody lock it"},
		{"passwordExp", "its password ends"},
		{passwordMustChange, "nothing is done for it after an administrator has set its password"},
	} {
		if isOn(rules, trap.attribute) {
			traps = append(traps, trap.text)
		}
	}
	if len(traps) > 0 {
		x.sheet.Warn(checkOwnPolicy, "by "+whose+" "+strings.Join(traps, ", "), x.fix(fixOwnPolicy))
	}
}

// asManager is a change of the Directory Manager, who is asked for the password.
func asManager(p site, ldif string) string {
	return finding.Here("ldapmodify -x -W -H "+finding.Quote(p.url)+" -D \"cn=Directory Manager\"", ldif)
}

func dsconf(p site, command string) string {
	return "dsconf -D \"cn=Directory Manager\" -W " + finding.Quote(p.url) + " " + command
}

func (f ds389) fix(t trouble, p site) string {
	set := func(setting string) string { return dsconf(p, "config replace "+setting) }
	switch t {
	case fixRootDSE:
		return "# docs/directories/389ds.md"
	case fixOwnAccount:
		return asManager(p, ldifLine("dn", p.config.BindDN)+"changetype: modify\nreplace: accountUnlockTime\n-\nreplace: passwordRetryCount\npasswordRetryCount: 0\n") +
			"\n# and, where the password is another one:\n" + dsconf(p, "localpwp get "+finding.Quote(p.config.BindDN)) +
			"\nldappasswd -x -W -H " + finding.Quote(p.url) + " -D \"cn=Directory Manager\" -S " + finding.Quote(p.config.BindDN)
	case fixOwnPolicy:
		return dsconf(p, "localpwp adduser --pwdlockout off --pwdexpire off --pwdmustchange off "+finding.Quote(p.config.BindDN))
	case fixRights:
		return f.rights(p)
	case fixProtected:
		return "# for this one; the rule of a subtree stands at its top. A refusal wins over what is allowed\n" +
			asManager(p, ldifLine("dn", p.entry)+"changetype: modify\nadd: aci\n"+
				ldifLine("aci", `(targetattr="userPassword")(version 3.0; acl "not for Latchkey"; deny (write) userdn="ldap:///`+p.config.BindDN+`";)`))
	case fixWeakPolicy:
		return set("passwordCheckSyntax=on passwordMinLength=15")
	case fixHistory:
		return set("passwordHistory=on passwordInHistory=5")
	case fixMinAge:
		return set("passwordMinAge=0")
	case fixTrack:
		return set("passwordTrackUpdateTime=on")
	case fixClear:
		return set("nsslapd-require-secure-binds=on")
	case fixCanary:
		dn := "uid=latchkey-canary," + p.config.BaseDN
		return asManager(p, ldifLine("dn", dn)+"changetype: add\nobjectClass: inetOrgPerson\nuid: latchkey-canary\ncn: Latchkey canary\nsn: canary\n") +
			"\nlatchkey doctor --canary latchkey-canary"
	}
	return ""
}

// rights are those of docs/directories/389ds.md that concern people, with reading
// by kind instead of by name.
func (ds389) rights(p site) string {
	who := `userdn="ldap:///` + p.config.BindDN + `";)`
	aci := func(target, name, rights string) string {
		return ldifLine("aci", fmt.Sprintf(`(targetattr="%s")(version 3.0; acl "Latchkey %s"; allow (%s) %s`, target, name, rights, who))
	}
	const state = "nsUniqueId || nsAccountLock || accountUnlockTime || passwordRetryCount || passwordAllowChangeTime || pwdUpdateTime || pwdReset || pwdPolicySubentry || shadowExpire"
	return "# what it needs; rules by which it may do more, or more people may, are found by:\n" +
		"ldapsearch -x -W -LLL -o ldif-wrap=no -H " + finding.Quote(p.url) + " -D \"cn=Directory Manager\" -b " + finding.Quote(p.suffix) + " '(aci=*)' aci | grep -iF -B9 " + finding.Quote(p.config.BindDN) + "\n" +
		asManager(p, ldifLine("dn", p.config.BaseDN)+"changetype: modify\nadd: aci\n"+
			aci("objectClass || uid || cn || displayName || mail", "finds people", "read, search, compare")+
			aci(state, "sees how accounts are", "read, search, compare")+
			aci("userPassword", "resets", "write")+
			aci("accountUnlockTime || passwordRetryCount", "unlocks", "write")+
			"\n"+ldifLine("dn", p.groupDN)+"changetype: modify\nadd: aci\n"+
			aci("objectClass || cn || member || uniqueMember", "reads groups", "read, search, compare")+
			"\ndn: cn=config\nchangetype: modify\nadd: aci\n"+
			ldifLine("aci", `(targetattr="objectClass || password*")(targetfilter="(objectClass=nsslapdConfig)")(version 3.0; acl "Latchkey reads the password policy"; allow (read, search, compare) `+who))
}
