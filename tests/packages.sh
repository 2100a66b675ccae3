#!/bin/bash
# Installs the Debian packages of apt-packages.txt that are missing; says so where it may not.
set -eu
cd "$(dirname "$0")"
missing=()
while read -r package _; do
  [[ ${package} == '#'* || -z ${package} ]] && continue
  dpkg-query -W -f '${db:Status-Abbrev}' "${package}" 2>/dev/null | grep -q '^ii' || missing+=("${package}")
done <apt-packages.txt
[[ ${#missing[@]} -gt 0 ]] || exit 0
if [[ ${EUID} -ne 0 ]]; then
  echo "not root, so these stay missing and live tests are skipped: ${missing[*]}"
  exit 0
fi
# NetworkManager and the like would take over this machine's own network: nothing that is installed here may start.
policy=/usr/sbin/policy-rc.d
if [[ ! -e ${policy} ]]; then
  trap 'rm -f "${policy}"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"${policy}"
  chmod 755 "${policy}"
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if [[ " ${missing[*]} " == *' network-manager '* ]]; then
  systemctl disable --quiet NetworkManager.service # nor at the next boot
fi
