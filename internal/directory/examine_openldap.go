package directory

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/finding"
)

// clock needs the monitor database, and the right to read it.
func (openLDAP) clock() (dn, attribute string) {
	return "cn=Current,cn=Time,cn=Monitor", "monitorTimestamp"
}

func (openLDAP) secrets() []string { return []string{"userPassword", "pwdHistory"} }

// touch takes away a value that is not there. A weak password would not do:
// slapd judges passwords before it looks at rights.
func (openLDAP) touch(l *ldap.Conn, w passwordWrite) error {
	request := ldap.NewModifyRequest(w.dn, nil)
	request.Delete("userPassword", []string{random(nameLetters)})
	return judgeChange(l.Modify(request))
}

// judge: the overlay judges the service account too. Without a policy of its own
// it has that of everyone.
func (f openLDAP) judge(ctx context.Context, x *examiner) {
	entry, err := x.read(ctx, x.d.config.BindDN, f.accountAttributes()...)
	if err != nil || entry == nil {
		x.sheet.Warn(checkOwnPolicy, "its own entry cannot be read, so that nothing is known of its policy; the root DN has no entry", x.fix(fixRights))
		return
	}
	policyDN, whose := entry.GetEqualFoldAttributeValue("pwdPolicySubentry"), "a policy of its own"
	if policyDN == "" {
		policyDN, whose = x.d.config.DefaultPolicyDN, "the policy of everyone"
	}
	if policyDN == "" {
		x.sheet.Warn(checkOwnPolicy, "it has no policy of its own, and default_policy_dn is not set", x.fix(fixOwnPolicy))
		return
	}
	rules, err := x.read(ctx, policyDN, "pwdLockout", "pwdMaxAge")
	if err != nil || rules == nil {
		x.sheet.Warn(checkOwnPolicy, "its policy "+policyDN+" cannot be read", x.fix(fixRights))
		return
	}
	var traps []string
	if isTrue(rules, "pwdLockout") {
		traps = append(traps, "wrong passwords of anybody lock it")
	}
	if age, err := strconv.Atoi(rules.GetEqualFoldAttributeValue("pwdMaxAge")); err == nil && age > 0 {
		traps = append(traps, fmt.Sprintf("its password ends after %s", seconds(age)))
	}
	if len(traps) > 0 {
		x.sheet.Warn(checkOwnPolicy, "by "+whose+" "+strings.Join(traps, ", "), x.fix(fixOwnPolicy))
	}
}

// onDatabase changes the configuration of the database that people are in.
func onDatabase(p site, changes string) string {
	find := "ldapsearch -Q -LLL -o ldif-wrap=no -Y EXTERNAL -H ldapi:/// -b cn=config " + finding.Quote("(olcSuffix="+ldap.EscapeFilter(p.suffix)+")") + " 1.1 | grep '^dn'"
	return "{ " + find + "\n" + finding.Here("cat", "changetype: modify\n"+changes) + "\n} | ldapmodify -Q -Y EXTERNAL -H ldapi:///"
}

// asAdministrator changes an entry of the data.
func asAdministrator(p site, ldif string) string {
	return "# as an administrator of the directory, whose name stands behind -D:\n" +
		finding.Here("ldapmodify -x -W -H "+finding.Quote(p.url)+" -D "+finding.Quote("cn=admin,"+p.suffix), ldif)
}

func replaceLDIF(dn, attribute, value string) string {
	return ldifLine("dn", dn) + "changetype: modify\nreplace: " + attribute + "\n" + ldifLine(attribute, value)
}

func (f openLDAP) fix(t trouble, p site) string {
	who := `by dn.exact="` + p.config.BindDN + `" `
	switch t {
	case fixRootDSE:
		return "# docs/directories/openldap.md, \"The policy overlay\": load it, and show the root DSE to everyone"
	case fixOwnAccount:
		return asAdministrator(p, ldifLine("dn", p.config.BindDN)+"changetype: modify\nreplace: pwdAccountLockedTime\n-\nreplace: pwdReset\n") +
			"\n# and, where the password is another one:\nldappasswd -x -W -H " + finding.Quote(p.url) + " -D " + finding.Quote("cn=admin,"+p.suffix) + " -S " + finding.Quote(p.config.BindDN)
	case fixOwnPolicy:
		policy := "cn=latchkey-services," + p.suffix
		return asAdministrator(p, ldifLine("dn", policy)+"changetype: add\nobjectClass: device\nobjectClass: pwdPolicy\ncn: latchkey-services\npwdAttribute: userPassword\npwdLockout: FALSE\npwdMaxAge: 0\n\n"+
			replaceLDIF(p.config.BindDN, "pwdPolicySubentry", policy))
	case fixRights:
		return "# these stand in front of all other rules and concern nobody else; if bind_dn is the root DN,\n# make an ordinary account first: docs/directories/openldap.md; rules that keep it\n# from protected accounts go in front of these\n" +
			onDatabase(p, "add: olcAccess\n"+strings.Join(f.rules(p, who), ""))
	case fixProtected:
		return "# for this one; for a whole subtree write dn.subtree=\n" +
			onDatabase(p, "add: olcAccess\n"+ldifLine("olcAccess", `{0}to dn.base="`+p.entry+`" attrs=userPassword `+who+"none by * break"))
	case fixWeakPolicy:
		return asAdministrator(p, ldifLine("dn", p.policyDN)+"changetype: modify\nreplace: pwdCheckQuality\npwdCheckQuality: 2\n-\nreplace: pwdMinLength\npwdMinLength: 15\n")
	case fixSafeModify:
		return asAdministrator(p, replaceLDIF(p.policyDN, "pwdSafeModify", "FALSE"))
	case fixHistory:
		return asAdministrator(p, replaceLDIF(p.policyDN, "pwdInHistory", "5"))
	case fixMinAge:
		return asAdministrator(p, replaceLDIF(p.policyDN, "pwdMinAge", "0"))
	case fixClear:
		return finding.Here("ldapmodify -Q -Y EXTERNAL -H ldapi:///", "dn: cn=config\nchangetype: modify\nreplace: olcSecurity\nolcSecurity: simple_bind=128 update_ssf=128\n")
	case fixCanary:
		dn := "uid=latchkey-canary," + p.config.BaseDN
		return asAdministrator(p, ldifLine("dn", dn)+"changetype: add\nobjectClass: inetOrgPerson\nuid: latchkey-canary\ncn: Latchkey canary\nsn: canary\n") +
			"\nlatchkey doctor --canary latchkey-canary"
	}
	return ""
}

// rules are the rights of the service account, and nothing else. Without the
// overlay there are no attributes of a policy to speak of.
func (openLDAP) rules(p site, who string) []string {
	rules := []string{"to attrs=userPassword " + who + "=w by * break"}
	if p.root != nil && lists(p.root, "supportedControl", policyControlOID) {
		rules = append(rules, "to attrs=pwdHistory "+who+"none by * break")
		if p.config.MustChange || Strategy(p.config.WriteStrategy) == FlagFirst {
			rules = append(rules, "to attrs="+pwdReset+" "+who+"write by * break")
		}
	}
	rules = append(rules, "to * "+who+"read by * break")
	for i, rule := range rules {
		rules[i] = ldifLine("olcAccess", fmt.Sprintf("{%d}%s", i, rule))
	}
	return rules
}
