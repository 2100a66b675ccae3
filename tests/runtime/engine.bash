# For the tests of the engine: scripts out of hand-written lab parts, and private worlds to run them in.

repository=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)

# script LAB FILE [SED-EXPRESSION]: the script of tests/runtime/fixture/LAB.sh, its lab part changed by the expression.
script() {
  local body
  body=$(
    printf '%s\n' 'set -u' 'umask 077' 'export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin' \
      "readonly KG_LAB=$1 KG_VERSION=0 KG_PROFILE=debian12 KG_DSL=lab.dsl KG_DSL_SHA256=0 KG_RUNTIME_SHA256=0" \
      "readonly KG_RUN=/run/kvmgen/$1 KG_VAR=/var/lib/kvmgen/$1 KG_BATCH=${batch:-yes}" \
      'readonly KG_QEMU=/usr/bin/qemu-system-x86_64 KG_ACCEL=tcg KG_CONSOLE_LOG=yes'
    cat "${repository}"/templates/runtime/*.sh
    sed "${3-}" "${repository}/tests/runtime/fixture/$1.sh"
    printf '{\n  kg_main "$@"\n  exit\n}\n'
  )
  printf '#!/bin/bash\nreadonly KG_SHA256=%s\n%s\n' \
    "$(printf '#!/bin/bash\n%s\n' "${body}" | sha256sum | cut -d' ' -f1)" "${body}" >"$2"
}

# fail_at NUMBER COMMAND LAB FILE: the script in which the operation ends with one more command.
fail_at() {
  script "$3" "$4" "/^  kg_op $1 /,/^  kg_undo\|^  kg_probe\|^  kg_look/{/^  kg_undo\|^  kg_probe\|^  kg_look/i \\
  kg_do $2
}"
}

# world, a shell script on standard input: runs it in a private world, stopping at the first command that fails. `lab`
# and `other` are the test's scripts; the world's `ens33` leads to a LAN.
world() {
  timeout 120 unshare -n -m -p -f --kill-child --mount-proc --propagation private bash -euo pipefail -c "
    lab() { bash '${BATS_TEST_TMPDIR}/lab.sh' \"\$@\"; }
    script='${BATS_TEST_TMPDIR}/lab.sh'
    other() { bash '${BATS_TEST_TMPDIR}/other.sh' \"\$@\"; }
    . '${repository}/tests/runtime/world.bash'
    $(cat)" 3>&-
}
