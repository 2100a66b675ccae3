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
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
