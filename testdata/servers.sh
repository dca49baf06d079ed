#!/usr/bin/env bash
# Installs from Debian's packages what the tests need and is missing. What apt
# would start by itself is not started, and nothing that was there is touched.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive

missing=()
need() { command -v "$1" >/dev/null || missing+=("${@:2}"); }
need slapd slapd
need ldapwhoami ldap-utils
need redis-server redis-server
need redis-cli redis-tools
# A domain controller, and the clients of a domain.
need samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind attr acl
need samba-tool samba-common-bin python3-samba
need ldbmodify ldb-tools
need kinit krb5-user
need smbclient smbclient
need ns-slapd 389-ds-base
need certutil libnss3-tools
need openssl openssl
[[ -d /usr/lib/python3/dist-packages/lib389 ]] || missing+=(python3-lib389)
need chromium chromium
need apache2 apache2-bin
# The scripts for completion are tried in these shells, and in bash.
need zsh zsh
need fish fish
# The race detector needs a C compiler and its headers.
gcc -E -include stdlib.h -x c /dev/null >/dev/null 2>&1 || missing+=(gcc libc6-dev)
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
  echo "install these by hand, this is not Debian: ${missing[*]}" >&2
  exit 1
fi
root() { if ((EUID == 0)); then "$@"; else sudo --preserve-env=DEBIAN_FRONTEND "$@"; fi; }

# What starts a server, and is not there yet.
units=()
for unit in slapd redis-server samba-ad-dc smbd nmbd winbind; do
  [[ -e /lib/systemd/system/$unit.service ]] || units+=("$unit")
done

echo "installing ${missing[*]}"
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | root tee "$policy" >/dev/null
  root chmod 755 "$policy"
fi
apt() { root apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }
apt update
apt install --yes --no-install-recommends "${missing[@]}" >/dev/null

# A boot would start them too.
if [[ -d /run/systemd/system ]]; then
  for unit in "${units[@]}"; do
    if [[ -e /lib/systemd/system/$unit.service ]]; then root systemctl disable --now --quiet "$unit"; fi
  done
fi
