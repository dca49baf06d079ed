package testenv

import (
	"fmt"
	"strings"
)

// NewSlapdReplica starts a slapd that copies everything from another one by
// syncrepl and takes no writes itself (slapd.conf(5), syncrepl). It has the
// provider's certificate. updateRef is where it refers writes to; where it is
// empty they are refused without a referral.
func NewSlapdReplica(tb TB, provider *Slapd, updateRef string) *Slapd {
	tb.Helper()
	return NewSlapd(tb, SlapdOptions{ReplicaOf: provider, UpdateRef: updateRef, Certificates: provider.Certificates})
}

// replicated makes the database of a configuration a copy.
func replicated(ldif string, options SlapdOptions) string {
	if options.ReplicaOf == nil {
		return ldif
	}
	lines := fmt.Sprintf("olcSyncrepl: {0}rid=001 provider=%s bindmethod=simple binddn=%q credentials=%s searchbase=%q type=refreshAndPersist retry=\"1 +\" tls_cacert=%s tls_reqcert=demand\n",
		options.ReplicaOf.LDAPSURL, rootDN, rootPassword, BaseDN, options.ReplicaOf.CAFile)
	if options.UpdateRef != "" {
		lines += "olcUpdateRef: " + options.UpdateRef + "\n"
	}
	const before = "olcDbIndex: objectClass eq\n"
	return strings.Replace(ldif, before, lines+before, 1)
}
