package testenv

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// Shell runs a script on the domain controller, on which samba-tool, ldbsearch
// and ldbmodify find the domain by themselves, as they do on a machine with one
// domain controller.
func (s *Samba) Shell(ctx context.Context, script string) (string, error) {
	const prelude = `set -euo pipefail
samba-tool() { command samba-tool "$@" -s "$SAMBA_CONFIG" -H "$SAMBA_DATA"; }
ldbsearch() { command ldbsearch -H "$SAMBA_DATA" "$@"; }
ldbmodify() { command ldbmodify -H "$SAMBA_DATA" "$@"; }
`
	environment := []string{"SAMBA_CONFIG=" + s.configFile(), "SAMBA_DATA=" + filepath.Join(s.dir, "private", "sam.ldb")}
	return command(ctx, prelude+script, environment, "bash", "-s")
}

// SetPasswordAge makes a password of a person in OU=Staff as old as this, which
// no client may. A maximum age of a day or less never ends for Samba.
func (s *Samba) SetPasswordAge(ctx context.Context, account string, age time.Duration) error {
	const sinceUnix, second = 116444736000000000, 10_000_000 // in units of 100 ns since 1601
	stamp := time.Now().Add(-age).Unix()*second + sinceUnix
	_, err := s.Shell(ctx, fmt.Sprintf("ldbmodify --controls=local_oid:1.3.6.1.4.1.7165.4.3.20:0 <<'END'\ndn: %s\nchangetype: modify\nreplace: pwdLastSet\npwdLastSet: %d\nEND\n", SambaPersonDN(account), stamp))
	return err
}

// SambaPersonWithPasswordLDIF is [SambaPersonLDIF] with another password.
func SambaPersonWithPasswordLDIF(account, password string) string {
	return sambaAccountLDIF(SambaPersonDN(account), account, password, normalAccount)
}
