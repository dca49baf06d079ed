package testenv

import (
	"cmp"
	"path/filepath"
	"strings"
)

// slapdConfig returns the configuration database (slapd-config(5)).
func slapdConfig(dir string, certificates *Certificates, options SlapdOptions) string {
	right := options.ServiceRight
	if right == "" {
		right = "=w"
	}
	ldif := slapdConfigLDIF
	if options.AuditLog {
		ldif = strings.Replace(ldif, "olcModuleLoad: ppolicy\n", "olcModuleLoad: ppolicy\nolcModuleLoad: auditlog\n", 1) + slapdAuditLDIF
	}
	scheme := cmp.Or(options.PasswordScheme, SchemeSSHA)
	if scheme == SchemeArgon2 {
		ldif = strings.Replace(ldif, "olcModuleLoad: ppolicy\n", "olcModuleLoad: ppolicy\nolcModuleLoad: argon2\n", 1)
	}
	if options.Durable {
		ldif = strings.Replace(ldif, "olcDbNoSync: TRUE", "olcDbNoSync: FALSE", 1)
	}
	if options.Quiet {
		ldif = strings.Replace(ldif, "olcLogLevel: stats", "olcLogLevel: none", 1)
	}
	ldif = replicated(ldif, options)
	return strings.NewReplacer(
		"@SCHEME@", scheme,
		"@FIRST@", firstRight(options.FirstAccess),
		"@WRITES@", furtherRights(options.ServiceWrites),
		"@AUDIT@", filepath.Join(dir, "audit.ldif"),
		"@DIR@", filepath.Join(dir, "data"),
		"@CA@", certificates.CAFile,
		"@CERT@", certificates.CertFile,
		"@KEY@", certificates.KeyFile,
		"@BASE@", BaseDN,
		"@SERVICE@", ServiceDN,
		"@RIGHT@", right,
		"@ROOT@", rootDN,
		"@ROOTPW@", rootPassword,
		"@POLICY@", DefaultPolicyDN,
	).Replace(ldif)
}

// firstRight is a rule in front of all others.
func firstRight(rule string) string {
	if rule == "" {
		return ""
	}
	return "olcAccess: {0}" + rule + "\n"
}

// furtherRights is the rule for what the service account writes besides the
// password.
func furtherRights(attributes []string) string {
	if len(attributes) == 0 {
		return ""
	}
	return "olcAccess: {3}to attrs=" + strings.Join(attributes, ",") + "\n  by dn.exact=\"" + ServiceDN + "\" write\n  by self read\n  by users read\n  by * none\n"
}

// slapdAuditLDIF is the overlay that writes down every change.
const slapdAuditLDIF = `
dn: olcOverlay={2}auditlog,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcAuditLogConfig
olcOverlay: {2}auditlog
olcAuditlogFile: @AUDIT@
`

// slapdConfigLDIF names no directory of the machine but the schemas and modules
// of Debian's package.
const slapdConfigLDIF = `dn: cn=config
objectClass: olcGlobal
cn: config
olcLogLevel: stats
olcTLSCACertificateFile: @CA@
olcTLSCertificateFile: @CERT@
olcTLSCertificateKeyFile: @KEY@
olcTLSVerifyClient: never
olcSizeLimit: 500

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: ppolicy
olcModuleLoad: syncprov

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file:///etc/ldap/schema/cosine.ldif

include: file:///etc/ldap/schema/nis.ldif

include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={-1}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {-1}frontend
olcPasswordHash: @SCHEME@
olcAccess: {0}to dn.base="" by * read
olcAccess: {1}to dn.base="cn=subschema" by * read

dn: olcDatabase={0}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {0}config
olcAccess: {0}to * by * none

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcSuffix: @BASE@
olcRootDN: @ROOT@
olcRootPW: @ROOTPW@
olcDbDirectory: @DIR@
olcDbMaxSize: 17179869184
olcDbNoSync: TRUE
olcDbIndex: objectClass eq
olcDbIndex: uid,mail,cn,member eq
olcDbIndex: entryCSN,entryUUID eq
olcLimits: {0}dn.exact="@SERVICE@" size=unlimited time=unlimited size.prtotal=unlimited
@FIRST@olcAccess: {1}to attrs=userPassword
  by dn.exact="@SERVICE@" @RIGHT@
  by self =xw
  by anonymous auth
  by * none
olcAccess: {2}to attrs=pwdHistory by * none
@WRITES@olcAccess: {4}to *
  by dn.exact="@SERVICE@" read
  by self read
  by users read
  by * none

dn: olcOverlay={0}syncprov,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcSyncProvConfig
olcOverlay: {0}syncprov
olcSpCheckpoint: 100 10
olcSpSessionLog: 1000

dn: olcOverlay={1}ppolicy,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcPPolicyConfig
olcOverlay: {1}ppolicy
olcPPolicyDefault: @POLICY@
olcPPolicyHashCleartext: TRUE
olcPPolicyUseLockout: TRUE
`
