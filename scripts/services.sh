#!/usr/bin/env bash
# Installs from Debian what the tests of `scripts/test.sh --services` drive; the tests start and stop
# the servers themselves, on ports and in folders of their own.
set -euo pipefail
packages=(chromium chromium-driver fonts-dejavu-core libpangoft2-1.0-0 orthanc orthanc-dicomweb
  postgresql r-base-core r-cran-survival r-cran-cmprsk)
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] \
    || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "--services needs ${missing[*]}: install them, or run this as root on Debian" >&2
  exit 2
fi
# No service is started by its installation: the tests start their own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends \
  "${missing[@]}" >/dev/null
