package testenv

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
)

var errNoSID = errors.New("the service account has no SID")

// sambaProvision returns the arguments that make a domain.
func sambaProvision() []string {
	return []string{
		"domain", "provision", "--realm=" + SambaRealm, "--domain=" + sambaDomain, "--adminpass=" + sambaAdminPassword,
		"--server-role=dc", "--dns-backend=SAMBA_INTERNAL", "--host-name=" + sambaHostLabel, "--host-ip=127.0.0.1",
		"--option=interfaces=lo", "--option=bind interfaces only=yes",
	}
}

// The rights of the service account on the users in OU=Staff ([MS-ADTS]
// 5.1.3.2): Reset Password, lockoutTime and pwdLastSet.
const sambaDelegation = "(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;@USER@;@SID@)" +
	"(OA;CIIO;RPWP;28630ebf-41d5-11d1-a9c1-0000f80367c1;@USER@;@SID@)" +
	"(OA;CIIO;RPWP;bf967a0a-0de6-11d0-a285-00aa003049e2;@USER@;@SID@)"

const sambaUserClass = "bf967aba-0de6-11d0-a285-00aa003049e2"

// sambaSnapshot is a domain with everyone in it and with the rights of the
// service account.
func sambaSnapshot() (snapshot, error) {
	program, err := find("samba")
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{
		name:    "samba",
		program: program,
		recipe:  strings.Join(append(sambaProvision(), sambaPeople(), sambaDelegation, sambaUserClass), "\n"),
		build:   buildSamba,
	}, nil
}

func buildSamba(ctx context.Context, dir string) error {
	if _, err := command(ctx, "", nil, "samba-tool", append(sambaProvision(), "--targetdir="+dir)...); err != nil {
		return err
	}
	s, err := startSambaOn(ctx, dir, SambaOptions{LDIF: sambaPeople()})
	if err != nil {
		return err
	}
	s.Stop()
	text, err := command(ctx, "", nil, "ldbsearch", "-H", filepath.Join(dir, "private", "sam.ldb"), "-b", SambaServiceDN, "-s", "base", "objectSid")
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(text, "objectSid: ")
	if !found {
		return errNoSID
	}
	sid, _, _ := strings.Cut(rest, "\n")
	sddl := strings.NewReplacer("@USER@", sambaUserClass, "@SID@", sid).Replace(sambaDelegation)
	_, err = s.Tool(ctx, "dsacl", "set", "--action=allow", "--objectdn="+SambaStaffDN, "--sddl="+sddl)
	return err
}
