# The engine: up, down and what they promise, on labs written by hand, in private worlds.

load engine

setup() {
  script kinds "${BATS_TEST_TMPDIR}/lab.sh"
}

@test "up makes everything, and a second up finds nothing to do and writes nothing" {
  world <<'END'
    exits 0 lab up
    says '17 made, 0 were right'
    ip netns exec r1 ping -q -c1 -W2 10.20.0.254
    touch /run/then
    exits 0 lab up
    says 'nothing to do'
    [[ -z $(find /run /var/lib -newer /run/then -not -path '/run/then' -type f) ]]
END
}

@test "down leaves the host as it was" {
  world <<'END'
    before=$(snapshot)
    exits 0 lab up
    exits 0 lab down
    settled "${before}"
    exits 0 lab down
    says 'down already'
    settled "${before}"
END
}

@test "one process for each command makes the same host as batches" {
  world <<'END'
    exits 0 lab up
    batches=$(snapshot | grep -v '/batch$' | sed 's/link.ether [0-9a-f:]*//')
    exits 0 lab down
    exits 0 lab up --slow
    diff <(echo "${batches}") <(snapshot | sed 's/link.ether [0-9a-f:]*//')
END
}

@test "the plain commands make the same host as up, and take it back" {
  world <<'END'
    before=$(snapshot)
    exits 0 lab up
    diff <(lab status) <(lab status | sed 's/^missing/ok/')
    exits 0 lab down
    bash -eu <(lab commands)
    lab status | grep -v '^ok' || :
    exits 0 lab status
    bash -u <(lab commands down)
    rmdir /etc/kvmgen-test
    settled "${before}"
    bash -eu <(lab commands)
    exits 0 lab down
    rm -r /etc/kvmgen-test # outside the lab's own folders a file bears no mark of the lab
    settled "${before}"
END
}

@test "where the content of a file looks like shell, it is data" {
  world <<'END'
    exits 0 lab up
    grep -F '$(touch /run/canary)' /etc/kvmgen-test/hosts
    [[ $(stat -c %a /etc/kvmgen-test/hosts) == 640 && ! -e /run/canary ]]
END
}

@test "what drifted is brought back, and only that" {
  world <<'END'
    exits 0 lab up
    ip link set br-in down
    ip -n r1 addr del 10.20.0.1/24 dev eth0
    iptables -F kg-forward-kinds
    exits 11 lab plan
    says '~ link-up br-in'
    says '+ address r1/eth0 10.20.0.1/24'
    says '~ filter kg-forward-kinds'
    exits 4 lab status
    exits 0 lab up
    exits 0 lab plan
    iptables-save | grep -c -- '-j kg-forward-kinds' | grep -x 1
    ip netns exec r1 ping -q -c1 -W2 10.20.0.254
END
}

@test "a foreign object in the way: exit 6 with its name and line, and nothing is changed" {
  world <<'END'
    ip netns add r1
    before=$(snapshot)
    exits 6 lab up
    says 'netns r1  (lab.dsl:5: router r1 {)'
    settled "${before}"
    exits 6 lab plan
    says '! netns r1'
    exits 0 lab down
    settled "${before}"
END
}

@test "a port in somebody else's bridge is not stolen" {
  world <<'END'
    exits 0 lab up
    ip link add br-other type bridge
    ip link set r1-eth0 master br-other
    exits 6 lab up
    says 'port br-in r1-eth0'
    ip -o link show r1-eth0 | grep 'master br-other'
END
}

@test "what was right before up is left by down" {
  world <<'END'
    sysctl -q -w net.ipv4.ip_forward=1
    exits 0 lab up
    exits 0 lab down
    sysctl -n net.ipv4.ip_forward | grep -x 1
END
}

@test "down takes back only what is still as the lab left it" {
  world <<'END'
    exits 0 lab up
    sysctl -q -w net.ipv4.ip_forward=0
    iptables -I FORWARD 1 -j DROP
    ip link delete br-in
    ip link add br-in type bridge
    exits 0 lab down
    ip -o link show br-in
    iptables-save | grep -x -- '-A FORWARD -j DROP'
END
}

@test "down works without a journal, by the marks alone" {
  world <<'END'
    before=$(snapshot)
    exits 0 lab up
    rm /run/kvmgen/kinds/journal
    exits 0 lab down
    sysctl -q -w net.ipv4.ip_forward=0
    rm -r /etc/kvmgen-test
    settled "${before}"
END
}

@test "a journal of another boot proves nothing" {
  world <<'END'
    exits 0 lab up
    sed -i '1s/[^ ]*$/00000000-0000-0000-0000-000000000000/' /run/kvmgen/kinds/journal
    exits 0 lab down
    [[ -d /etc/kvmgen-test ]] # a file there bears no mark, so only the journal says whose it is
END
}

@test "a journal that is not integers: up refuses, down goes by the marks" {
  world <<'END'
    exits 0 lab up
    printf '3 2 $(touch /run/canary)\n' >>/run/kvmgen/kinds/journal
    exits 9 lab up
    exits 0 lab down
    [[ ! -e /run/canary ]]
END
}

@test "an edited script is refused" {
  world <<END
    sed 's/10.20.0.254/10.20.0.253/' "${BATS_TEST_TMPDIR}/lab.sh" >/run/edited.sh
    exits 9 bash /run/edited.sh up
    says 'is not as it was generated'
    ! ip link show br-in || exit 1
END
}

@test "a truncated script does nothing" {
  world <<END
    before=\$(snapshot)
    head -n -4 "${BATS_TEST_TMPDIR}/lab.sh" >/etc/cut.sh
    bash /etc/cut.sh up
    settled "\${before}"
END
}

@test "two ups at once: one works, the other exits 7" {
  world <<'END'
    mkdir /run/kvmgen
    exec 8>>/run/kvmgen/kinds.lock
    flock 8
    exits 7 lab up
    says 'another run'
    exec 8>&-
    exits 0 lab up
END
}

@test "a daemon of the lab does not hold its lock" {
  world <<'END'
    exits 0 lab up
    pgrep dnsmasq
    exits 0 lab up
END
}

@test "an operation whose namespace has gone is never run on the host" {
  world <<'END'
    exits 0 lab up
    ip netns delete r1
    before=$(ip -o addr show dev ens33)
    exits 0 lab down
    diff <(echo "${before}") <(ip -o addr show dev ens33)
END
}

@test "a command that fails is told with its line, and all is taken back, for every operation" {
  local n
  for n in {1..17}; do
    fail_at "${n}" false kinds "${BATS_TEST_TMPDIR}/fail-${n}.sh"
  done
  world <<END
    before=\$(snapshot)
    for n in {1..17}; do
      exits 1 bash "${BATS_TEST_TMPDIR}/fail-\${n}.sh" up
      says 'all that this run did is taken back'
      settled "\${before}"
    done
    exits 1 bash "${BATS_TEST_TMPDIR}/fail-3.sh" up
    says 'lab.dsl:3: network br-in routed'
    says 'false'
END
}

@test "a line that fails within a batch is found in it" {
  script kinds "${BATS_TEST_TMPDIR}/lab.sh" '/kg_op 7 /,/kg_probe/s/up$/mtu 1/'
  script kinds "${BATS_TEST_TMPDIR}/other.sh" 's/-A kg-forward-kinds -i br-in -j ACCEPT/-A kg-forward-kinds -i br-in -j NOWHERE/'
  world <<'END'
    before=$(snapshot)
    exits 1 lab up
    says 'link-up r1-eth0 failed:'
    says '  ip link set dev r1-eth0 mtu 1'
    exits 1 other up
    says 'filter kg-forward-kinds failed:'
    says '  iptables -t filter -A kg-forward-kinds -i br-in -j NOWHERE'
    settled "${before}"
END
}

@test "HUP, INT and TERM at any operation take all back" {
  local n signal
  for n in {1..17}; do
    for signal in HUP INT TERM; do
      fail_at "${n}" "bash -c 'kill -${signal} \${PPID}'" kinds "${BATS_TEST_TMPDIR}/${signal}-${n}.sh"
    done
  done
  world <<END
    before=\$(snapshot)
    for n in {1..17}; do
      exits 129 bash "${BATS_TEST_TMPDIR}/HUP-\${n}.sh" up
      exits 130 bash "${BATS_TEST_TMPDIR}/INT-\${n}.sh" up
      exits 143 bash "${BATS_TEST_TMPDIR}/TERM-\${n}.sh" up
      settled "\${before}"
    done
END
}

@test "a signal ends a command that hangs" {
  fail_at 15 'sleep 100' kinds "${BATS_TEST_TMPDIR}/lab.sh"
  world <<'END'
    before=$(snapshot)
    bash "${script}" up >/run/out 2>&1 &
    for ((n = 0; n < 50; n++)); do pgrep -x sleep >/dev/null && break || sleep 0.1; done
    kill -TERM $!
    wait $! && exit 1 || [[ $? -eq 143 ]]
    rm /run/out
    settled "${before}"
END
}

@test "after KILL at any operation down brings the host back, or repair and down do" {
  local n
  for n in {1..17}; do
    fail_at "${n}" "bash -c 'kill -KILL \${PPID}'" kinds "${BATS_TEST_TMPDIR}/${n}.sh"
  done
  world <<END
    before=\$(snapshot)
    for n in {1..17}; do
      exits 137 bash "${BATS_TEST_TMPDIR}/\${n}.sh" up
      bash "${BATS_TEST_TMPDIR}/\${n}.sh" down || {
        [[ \$? -eq 8 ]]
        bash "${BATS_TEST_TMPDIR}/\${n}.sh" repair -y
        bash "${BATS_TEST_TMPDIR}/\${n}.sh" down
      }
      settled "\${before}"
    done
END
}

@test "after KILL up goes on from where it was" {
  fail_at 12 "bash -c 'kill -KILL \${PPID}'" kinds "${BATS_TEST_TMPDIR}/other.sh"
  world <<'END'
    exits 137 other up
    exits 0 lab up
    exits 0 lab status
END
}

@test "what a killed run may have left is not removed without being asked about" {
  world <<'END'
    exits 0 lab up
    exits 0 lab down
    ip link add br-in type bridge
    mkdir -p /run/kvmgen/kinds
    printf '1 %s %s\n1 1 2\n' "$(sed -n 's/^readonly KG_SHA256=//p' "${script}")" "$(cat /proc/sys/kernel/random/boot_id)" \
      >/run/kvmgen/kinds/journal
    exits 8 lab down
    says 'bridge br-in'
    says 'repair'
    ip link show br-in
    lab repair </dev/null
    ip link show br-in
    exits 8 lab down || exits 0 lab down
    ip link show br-in
END
}

@test "--keep leaves a failure as it is, and down takes it back" {
  fail_at 10 false kinds "${BATS_TEST_TMPDIR}/lab.sh"
  world <<'END'
    before=$(snapshot)
    exits 1 lab up --keep
    ip link show br-in
    exits 0 lab down
    settled "${before}"
END
}

@test "--only makes and takes back one part" {
  world <<'END'
    exits 0 lab up --only br-in
    ip link show br-in
    ! ip netns exec r1 true || exit 1
    exits 0 lab down --only br-in
    ! ip link show br-in || exit 1
    exits 2 lab up --only nothing
END
}

@test "a dry run touches nothing, not even the lock" {
  world <<'END'
    before=$(snapshot)
    exits 0 lab -n up
    says '+ bridge br-in'
    settled "${before}"
    exits 0 lab up
    before=$(snapshot)
    exits 0 lab -n down
    says 'ip link delete dev br-in'
    settled "${before}"
END
}

@test "a full disk under the journal: a clear error and nothing is left" {
  world <<'END'
    mount -t tmpfs -o size=4k none /run/kvmgen 2>/dev/null || { mkdir /run/kvmgen && mount -t tmpfs -o size=4k none /run/kvmgen; }
    head -c 4096 /dev/zero >/run/kvmgen/full
    before=$(snapshot)
    exits 1 lab up
    says 'nothing was changed'
    rm -f /run/kvmgen/kinds.lock
    settled "${before}"
END
}

@test "status tells up, down and a part by its exit code, and in JSON" {
  world <<'END'
    exits 3 lab status
    exits 0 lab up
    exits 0 lab status
    ip link set br-in down
    exits 4 lab status
    lab status --json >/run/json || :
    python3 -c 'import json; s = json.load(open("/run/json")); assert s["state"] == "partial" and len(s["objects"]) == 17, s'
END
}

@test "an unknown word or option is refused before anything" {
  world <<'END'
    exits 2 lab upp
    exits 2 lab up now
    exits 2 lab up --fast
    exits 2 lab up --wait soon
    exits 2 lab plan --json
    [[ ! -e /run/kvmgen ]]
END
}

@test "exec and shell go into a namespace of the lab and into no other" {
  world <<'END'
    exits 3 lab exec r1 true
    exits 0 lab up
    exits 0 lab exec r1 ip -o addr show dev eth0
    says '10.20.0.1/24'
    exits 7 lab exec r1 bash -c 'exit 7'
    exits 2 lab exec lan true
    echo 'ip -o link; exit 3' | { lab shell r1 || [[ $? -eq 3 ]]; } | grep eth0
END
}

@test "explain tells line, reason, command and undo" {
  world <<'END'
    exits 0 lab explain br-in
    says 'from   lab.dsl:3: network br-in routed { address 10.20.0.254/24 }'
    says 'why    a switch inside the kernel'
    says 'do     ip link add name br-in type bridge'
    says 'undo   ip link delete dev br-in'
    exits 0 lab explain 5
    says 'goes   with netns r1'
END
}

@test "names that look like shell are only ever compared" {
  world <<'END'
    ip link add '$(reboot)' type bridge
    ip link add 'a[$(reboot)]' type bridge
    ip link set 'a[$(reboot)]' alias '$(touch /run/c)'
    exits 0 lab up
    exits 0 lab status
    exits 0 lab down
    [[ ! -e /run/c ]]
END
}

@test "another build of the lab changes only the difference" {
  script kinds "${BATS_TEST_TMPDIR}/other.sh" 's/10\.20\.0\.1\/24/10.20.0.2\/24/; s/kg_from 3/kg_from 4/'
  world <<'END'
    before=$(snapshot)
    exits 0 lab up
    server=$(pgrep dnsmasq)
    exits 11 other plan
    says '- address r1/eth0 10.20.0.1/24'
    says '+ address r1/eth0 10.20.0.2/24'
    exits 0 other up
    [[ $(pgrep dnsmasq) == "${server}" ]]
    ip -n r1 -o addr show dev eth0 | grep 10.20.0.2/24
    ! ip -n r1 -o addr show dev eth0 | grep 10.20.0.1/24 || exit 1
    exits 0 other up
    says 'nothing to do'
    exits 0 lab down
    settled "${before}"
END
}

@test "another build that fails leaves the older one as it stood" {
  script kinds "${BATS_TEST_TMPDIR}/other.sh" \
    's/10\.20\.0\.1\/24/10.20.0.2\/24/; s/\(kg_do .*\)via 10.20.0.254/\1via 10.99.0.1/; s/default via 10.20.0.254/default via 10.99.0.1/'
  world <<'END'
    exits 0 lab up
    server=$(pgrep dnsmasq)
    before=$(snapshot)
    exits 1 other up
    says 'the older build stands as before'
    settled "${before}"
    [[ $(pgrep dnsmasq) == "${server}" ]]
    exits 0 lab status
END
}
