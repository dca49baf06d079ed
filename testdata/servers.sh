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
need chromium chromium
# The race detector needs a C compiler and its headers.
gcc -E -include stdlib.h -x c /dev/null >/dev/null 2>&1 || missing+=(gcc libc6-dev)
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
  echo "install these by hand, this is not Debian: ${missing[*]}" >&2
  exit 1
fi
root() { if ((EUID == 0)); then "$@"; else sudo --preserve-env=DEBIAN_FRONTEND "$@"; fi; }

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
  for unit in slapd redis-server; do
    if [[ " ${missing[*]} " == *" $unit "* ]]; then root systemctl disable --now --quiet "$unit"; fi
  done
fi
