package testenv

import (
	"path/filepath"
	"strings"
	"syscall"
)

func (s *Samba) configFile() string { return filepath.Join(s.dir, "smb.conf") }

func (s *Samba) kerberosFile() string { return filepath.Join(s.dir, "krb5.conf") }

// sambaRunDir is where libwbclient looks for winbindd, whatever smb.conf says.
const sambaRunDir = "/run/samba"

// commandLine returns the server, its arguments and its surroundings. The file
// server asks winbindd, which it finds at one place only, and starts processes
// that outlive it: each server that has one gets a view of its own of that
// place, and processes of its own, which end with the first of them.
func (s *Samba) commandLine() ([]string, syscall.SysProcAttr) {
	line := []string{"samba", "-i", "--no-process-group", "-M", "single", "--debug-stdout", "-s", s.configFile()}
	if !s.options.SMB {
		return line, syscall.SysProcAttr{}
	}
	const shell = `mount --make-rprivate / && mkdir -p "$0" && mount --bind "$1" "$0" && shift && exec "$@"`
	line = append([]string{"sh", "-c", shell, sambaRunDir, filepath.Join(s.dir, "run")}, line...)
	return line, syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
}

// config returns smb.conf(5) for this copy of the domain.
func (s *Samba) config() string {
	services := "ldap"
	if s.options.Kerberos {
		services += ", kdc"
	}
	if s.options.SMB {
		services += ", rpc, winbindd, s3fs"
	}
	return strings.NewReplacer(
		"@DIR@", s.dir,
		"@WINBIND@", sambaRunDir,
		"@ADDRESS@", s.Address,
		"@SERVICES@", services,
		"@CA@", s.Certificates.CAFile,
		"@CERT@", s.Certificates.CertFile,
		"@KEY@", s.Certificates.KeyFile,
		"@HOST@", sambaHostLabel,
		"@DOMAIN@", sambaDomain,
		"@REALM@", SambaRealm,
		"@SETTINGS@", strings.Join(s.options.Settings, "\n"),
	).Replace(sambaConfig)
}

// sambaConfig keeps everything in the folder of the server. The time for which
// the old password goes on working is 60 minutes by default.
const sambaConfig = `[global]
netbios name = @HOST@
workgroup = @DOMAIN@
realm = @REALM@
server role = active directory domain controller
server services = @SERVICES@
interfaces = @ADDRESS@/8
bind interfaces only = yes
disable netbios = yes
ldap server require strong auth = yes
old password allowed period = 0
tls cafile = @CA@
tls certfile = @CERT@
tls keyfile = @KEY@
private dir = @DIR@/private
state directory = @DIR@/state
cache directory = @DIR@/cache
lock directory = @DIR@
binddns dir = @DIR@/bind-dns
pid directory = @DIR@/run
ncalrpc dir = @DIR@/ncalrpc
winbindd socket directory = @WINBIND@/winbindd
log file = @DIR@/log.%m
smb passwd file = @DIR@/private/smbpasswd
load printers = no
printing = bsd
printcap name = /dev/null
@SETTINGS@

[sysvol]
path = @DIR@/state/sysvol
read only = no

[netlogon]
path = @DIR@/state/sysvol/corp.example.test/scripts
read only = no
`

// kerberosConfig returns krb5.conf(5) for the clients.
func (s *Samba) kerberosConfig() string {
	return strings.NewReplacer("@REALM@", SambaRealm, "@ADDRESS@", s.Address, "@DNS@", strings.ToLower(SambaRealm)).Replace(`[libdefaults]
default_realm = @REALM@
dns_lookup_realm = false
dns_lookup_kdc = false
rdns = false

[realms]
@REALM@ = {
  kdc = @ADDRESS@
  kpasswd_server = @ADDRESS@
}

[domain_realm]
.@DNS@ = @REALM@
`)
}
