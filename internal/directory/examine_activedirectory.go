package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/finding"
)

func (activeDirectory) clock() (dn, attribute string) { return "", "currentTime" }

// secrets: a domain shows hashes to nobody; what it may show to somebody are the
// passwords of machines and their keys (LAPS, BitLocker).
func (activeDirectory) secrets() []string { return []string{"unicodePwd", "ms-Mcs-AdmPwd"} }

// touch writes a password that the rules refuse as too short: rights come first.
func (f activeDirectory) touch(l *ldap.Conn, w passwordWrite) error { return f.setPassword(l, w) }

// effectiveAttributes are those of an entry that whoever asks may write.
const effectiveAttributes = "allowedAttributesEffective"

func (f activeDirectory) judge(ctx context.Context, x *examiner) {
	f.judgeAccount(ctx, x)
	f.judgeRights(ctx, x)
	if hintsOf(x.c.root) != "" {
		x.sheet.Good(checkPolicy, "history holds for resets too (policy hints)")
		return
	}
	const text = "the server does not list policy hints, so that a reset there may bring back an earlier password"
	if Strategy(x.d.config.WriteStrategy) == TemporaryFirst {
		x.sheet.Good(checkPolicy, "no policy hints; temporary-then-change keeps the history")
	} else {
		x.sheet.Warn(checkPolicy, text, f.fix(fixHistory, x.site("")))
	}
}

// judgeAccount looks at the service account's own entry and its groups.
func (f activeDirectory) judgeAccount(ctx context.Context, x *examiner) {
	own := append(f.accountAttributes(), "msDS-UserPasswordExpiryTimeComputed")
	entry, err := x.findOwn(ctx, own...)
	if err != nil || entry == nil {
		x.sheet.Warn(checkOwnPolicy, "its own entry cannot be read", "")
		return
	}
	me := &Person{}
	if a, err := f.account(entry, time.Now()); err == nil {
		me.ID, me.Privileged = a.id, a.privileged
	}
	opCtx, cancel := x.d.operation(ctx)
	defer cancel()
	if err := f.weigh(opCtx, x.c, me); err == nil && me.Privileged != "" {
		x.sheet.Fail(checkModest, "the domain protects the service account: "+me.Privileged, x.fix(fixRights))
	}
	ends, err := fileTime(entry.GetEqualFoldAttributeValue("msDS-UserPasswordExpiryTimeComputed"))
	if err == nil && !ends.IsZero() {
		x.sheet.Warn(checkOwnPolicy, "its password ends on "+ends.UTC().Format(time.DateOnly), x.fix(fixOwnPolicy))
	}
}

// findOwn finds the service account by whichever name bind_dn has.
func (x *examiner) findOwn(ctx context.Context, attributes ...string) (*ldap.Entry, error) {
	name := x.d.config.BindDN
	if _, err := ldap.ParseDN(name); err == nil {
		return x.read(ctx, name, attributes...)
	}
	_, account, ok := strings.Cut(name, `\`)
	if !ok {
		account = name
	}
	ctx, cancel := x.d.operation(ctx)
	defer cancel()
	filter := "(|(sAMAccountName=" + ldap.EscapeFilter(account) + ")(userPrincipalName=" + ldap.EscapeFilter(name) + "))"
	entries, err := x.c.search(ctx, x.d.subtree(domainOf(x.d.config.BaseDN), filter, fewEntries, attributes...))
	if len(entries) != 1 {
		return nil, err
	}
	return entries[0], nil
}

// judgeRights asks what of somebody the service account may write, which the
// domain tells without any try: of the canary if there is one, for whoever is found
// first may be outside of the unit whose people may be reset, or itself.
func (f activeDirectory) judgeRights(ctx context.Context, x *examiner) {
	if x.person == nil {
		return
	}
	whom, dn := "whom user_filter finds first", x.person.DN
	if canary, err := x.find(ctx, x.e.Canary); err == nil {
		whom, dn = "the canary", canary.DN
	}
	entry, err := x.read(ctx, dn, effectiveAttributes)
	if err != nil || entry == nil {
		return
	}
	var more []string
	may := entry.GetEqualFoldAttributeValues(effectiveAttributes)
	for _, name := range may {
		if !slices.ContainsFunc([]string{lockoutTime, pwdLastSet, unicodePwd, "userPassword"}, func(own string) bool { return strings.EqualFold(own, name) }) {
			more = append(more, name)
		}
	}
	switch {
	case len(more) > 0:
		const enough = 5
		x.sheet.Fail(checkOthers, fmt.Sprintf("of people it may also write %s (%d in all)", strings.Join(more[:min(enough, len(more))], ", "), len(more)), x.fix(fixRights))
	default:
		x.sheet.Good(checkOthers, "of people it may write %s only", strings.Join(append(may, "the password"), ", "))
	}
	if x.d.config.Unlock && !slices.ContainsFunc(may, func(name string) bool { return strings.EqualFold(name, lockoutTime) }) {
		x.sheet.Warn(checkOthers, "unlock is on, and of "+whom+" it may not write lockoutTime", x.fix(fixRights))
	}
}

// fix: the commands for Samba are for its domain controller, those for Windows
// were not tried.
func (f activeDirectory) fix(t trouble, p site) string {
	account := finding.Quote(firstName(p.config.BindDN))
	switch t {
	case fixOwnAccount:
		return "# Samba, as root on the domain controller; Windows: Unlock-ADAccount, Enable-ADAccount, Set-ADAccountPassword\n" +
			"samba-tool user unlock " + account + "\nsamba-tool user enable " + account + "\nsamba-tool user setpassword " + account
	case fixOwnPolicy:
		return "# Samba; Windows: Set-ADUser " + account + " -PasswordNeverExpires $true\nsamba-tool user setexpiry " + account + " --noexpiry"
	case fixRights:
		return f.rights(p, account)
	case fixProtected:
		return "# put the account into a unit of its own, outside of base_dn, where nothing is delegated; Windows keeps\n" +
			"# members of protected groups from delegated rights by itself (AdminSDHolder), Samba does not\n" +
			"samba-tool user move " + finding.Quote(firstName(p.entry)) + " " + finding.Quote("CN=Users,"+domainOf(p.config.BaseDN))
	case fixWeakPolicy:
		return "# Samba; Windows: Set-ADDefaultDomainPasswordPolicy -MinPasswordLength 15\nsamba-tool domain passwordsettings set --min-pwd-length=15"
	case fixHistory:
		return "# in the configuration, for servers that do not list policy hints:\n[[directory]]\nwrite_strategy = \"temporary-then-change\"\n" +
			"# and, where the domain keeps none; Windows: Set-ADDefaultDomainPasswordPolicy -PasswordHistoryCount 24\nsamba-tool domain passwordsettings set --history-length=24"
	case fixMinAge:
		return "# Samba; Windows: Set-ADDefaultDomainPasswordPolicy -MinPasswordAge 0\nsamba-tool domain passwordsettings set --min-pwd-age=0"
	case fixClear:
		return "# Samba, in [global] of smb.conf; Windows: the policy \"Domain controller: LDAP server signing requirements\"\nldap server require strong auth = yes"
	case fixCanary:
		return "# Samba, as root on the domain controller; Windows: New-ADUser\nsamba-tool user create latchkey-canary --random-password --userou=" + finding.Quote(belowDomain(p.config.BaseDN)) +
			"\n# and then here:\nlatchkey doctor --canary latchkey-canary"
	}
	return ""
}

// rights are those of docs/directories/active-directory.md.
func (activeDirectory) rights(p site, account string) string {
	dn := finding.Quote(p.config.BaseDN)
	var windows strings.Builder
	for _, right := range []string{"CA;Reset Password;user", "RPWP;lockoutTime;user", "RPWP;pwdLastSet;user"} {
		windows.WriteString("# dsacls " + strings.ReplaceAll(dn, "'", `"`) + ` /I:S /G "` + firstName(p.config.BindDN) + ":" + right + "\"\n")
	}
	return "# Windows, without #, and in front of the account its domain and \\:\n" + windows.String() +
		"# Samba, as root on the domain controller; samba-tool dsacl get shows what else the account has, dsacl delete\n" +
		"# takes it away, and so does samba-tool group removemembers:\n" +
		"sid=$(samba-tool user show " + account + " --attributes=objectSid | sed -n 's/^objectSid: //p')\n" +
		"user=bf967aba-0de6-11d0-a285-00aa003049e2\n" +
		"samba-tool dsacl set --action=allow --objectdn=" + dn + " --sddl=\"\\\n" +
		"(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;$user;$sid)\\\n" +
		"(OA;CIIO;RPWP;28630ebf-41d5-11d1-a9c1-0000f80367c1;$user;$sid)\\\n" +
		"(OA;CIIO;RPWP;bf967a0a-0de6-11d0-a285-00aa003049e2;$user;$sid)\""
}

// firstName is the account of a name in one of the forms of bind_dn.
func firstName(name string) string {
	if _, account, ok := strings.Cut(name, `\`); ok {
		return account
	}
	if dn, err := ldap.ParseDN(name); err == nil && len(dn.RDNs) > 0 && len(dn.RDNs[0].Attributes) > 0 {
		return dn.RDNs[0].Attributes[0].Value
	}
	account, _, _ := strings.Cut(name, "@")
	return account
}

// belowDomain is a DN without the domain that it lies in.
func belowDomain(dn string) string {
	return strings.TrimSuffix(strings.TrimSuffix(dn, domainOf(dn)), ",")
}
