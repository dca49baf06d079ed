package directory

import (
	"cmp"
	"context"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// activeDirectory is a domain controller of Windows or Samba ([MS-ADTS]). It has
// no Password Modify operation: a reset replaces unicodePwd, a change deletes the
// old and adds the new value.
type activeDirectory struct {
	// domainDN is the head of the domain that base_dn lies in, dnsName and
	// netBIOSName are its names.
	domainDN, dnsName, netBIOSName string
	// needsHints: a server without policy hints is not written to.
	needsHints bool
}

// activeDirectoryOID is the capability that both kinds list ([MS-ADTS]
// 3.1.1.3.4.3.1).
const activeDirectoryOID = "1.2.840.113556.1.4.800"

func isActiveDirectory(root *ldap.Entry) bool {
	return lists(root, "supportedCapabilities", activeDirectoryOID)
}

// configure: with temporary-then-change history holds on servers without policy
// hints too.
func (f activeDirectory) configure(c Config) flavor {
	f.needsHints = c.RequirePolicyHints && Strategy(c.WriteStrategy) != TemporaryFirst
	f.domainDN = domainOf(c.BaseDN)
	return f
}

// learn asks for the names of the domain. Without the NetBIOS name, which the
// service account may be kept from, DOMAIN\user finds nobody.
func (f activeDirectory) learn(ctx context.Context, c *conn) (flavor, error) {
	f.domainDN = cmp.Or(f.domainDN, c.root.GetEqualFoldAttributeValue("defaultNamingContext"))
	f.dnsName = dnsNameOf(f.domainDN)
	configuration := c.root.GetEqualFoldAttributeValue("configurationNamingContext")
	if configuration == "" {
		return f, nil
	}
	entries, err := c.search(ctx, ldap.NewSearchRequest("CN=Partitions,"+configuration, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 1, 0, false,
		"(&(objectClass=crossRef)(nCName="+ldap.EscapeFilter(f.domainDN)+"))", []string{"nETBIOSName"}, nil))
	if err != nil && !answered(err) {
		return nil, err
	}
	if len(entries) == 1 {
		f.netBIOSName = entries[0].GetEqualFoldAttributeValue("nETBIOSName")
	}
	return f, nil
}

func (activeDirectory) defaults() defaults {
	return defaults{
		userFilter:     "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={login})(userPrincipalName={login})))",
		loginAttribute: "sAMAccountName",
	}
}

// filter knows the forms of a login beside those that user_filter looks for:
// DOMAIN\user, and account@domain where no userPrincipalName says so.
func (f activeDirectory) filter(userFilter, login string) (string, bool) {
	if domain, account, ok := strings.Cut(login, `\`); ok {
		if account == "" || !f.isOurs(domain) {
			return "", false
		}
		return loginFilter(userFilter, account), true
	}
	if i := strings.LastIndexByte(login, '@'); i > 0 && f.dnsName != "" && strings.EqualFold(login[i+1:], f.dnsName) {
		return "(|" + loginFilter(userFilter, login) + loginFilter(userFilter, login[:i]) + ")", true
	}
	return loginFilter(userFilter, login), true
}

func (f activeDirectory) isOurs(domain string) bool {
	return domain != "" && (strings.EqualFold(domain, f.netBIOSName) || strings.EqualFold(domain, f.dnsName))
}

// domainOf returns the head of the domain that an entry lies in: the DC= end of
// its DN; empty where there is none.
func domainOf(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return ""
	}
	first := len(parsed.RDNs)
	for first > 0 && isDomainComponent(parsed.RDNs[first-1]) {
		first--
	}
	return (&ldap.DN{RDNs: parsed.RDNs[first:]}).String()
}

func isDomainComponent(rdn *ldap.RelativeDN) bool {
	return len(rdn.Attributes) == 1 && strings.EqualFold(rdn.Attributes[0].Type, "DC")
}

// dnsNameOf returns dc=corp,dc=example as corp.example (RFC 2247).
func dnsNameOf(domainDN string) string {
	parsed, err := ldap.ParseDN(domainDN)
	if err != nil {
		return ""
	}
	labels := make([]string, 0, len(parsed.RDNs))
	for _, rdn := range parsed.RDNs {
		labels = append(labels, rdn.Attributes[0].Value)
	}
	return strings.Join(labels, ".")
}
