# The host's own NIC as a port of a bridge: everything moves, the host stays reachable, everything moves back.

load engine

setup() {
  script uplink "${BATS_TEST_TMPDIR}/lab.sh"
}

@test "addresses, routes and MAC move to the bridge and back, as they were" {
  world <<'END'
    ip addr add 192.168.9.1/24 dev ens33 label ens33:1
    ip addr add 10.9.0.1/16 dev ens33 noprefixroute metric 50
    ip route add 10.9.0.0/16 dev ens33 proto kernel scope link src 10.9.0.1 metric 50
    ip route add 203.0.113.0/24 via 192.168.0.9 dev ens33
    ip route add 198.51.100.0/24 via 100.64.0.1 dev ens33 onlink mtu lock 1300
    ip -6 addr add 2001:db8::2/64 dev ens33 nodad
    ip -6 route add 2001:db8:1::/48 via 2001:db8::1 dev ens33
    before=$(snapshot; ip -6 route)
    exits 0 lab up
    ip route show default | grep -F 'default via 192.168.0.1 dev br-ex src 192.168.0.163 metric 100 mtu 1400'
    ip -o addr show dev br-ex | grep 'br-ex:1'
    ip -6 route show 2001:db8:1::/48 | grep 'dev br-ex'
    [[ -z $(ip -o addr show dev ens33 scope global) ]]
    ip -o link show br-ex | grep 52:54:00:aa:bb:cc
    ping -q -c1 -W2 192.168.0.1
    exits 0 lab up
    says 'nothing to do'
    exits 0 lab down
    ping -q -c1 -W2 192.168.0.1
    diff <(echo "${before}") <(snapshot; ip -6 route)
END
}

@test "no packet is lost while the uplink moves" {
  world <<'END'
    ping -q -c1 -W2 192.168.0.1
    ping -q -i 0.01 -c 150 -W 1 192.168.0.1 >/run/ping &
    exits 0 lab up
    exits 0 lab down
    wait $!
    grep ' 0% packet loss' /run/ping
END
}

@test "an address from DHCP keeps what is left of its lease" {
  world <<'END'
    ip addr flush dev ens33
    ip addr add 192.168.0.50/16 dev ens33 valid_lft 1000 preferred_lft 900
    exits 5 lab up
    says 'a fixed address on ens33'
    exits 0 lab up -y
    ip -o addr show dev br-ex | grep 'dynamic' | grep -E 'valid_lft (9[0-9]{2}|1000)sec'
    exits 0 lab down
    ip -o addr show dev ens33 | grep 'dynamic' | grep -E 'valid_lft (9[0-9]{2}|1000)sec'
END
}

@test "a route with several next hops cannot be moved whole, so nothing is" {
  world <<'END'
    ip route add 203.0.113.0/24 nexthop via 192.168.0.1 dev ens33 nexthop via 192.168.0.9 dev ens33
    before=$(snapshot)
    exits 5 lab up
    says 'several next hops'
    settled "${before}"
END
}

@test "an uplink in somebody else's bridge is left there" {
  world <<'END'
    ip link add br-other type bridge
    ip link set ens33 master br-other
    before=$(snapshot)
    exits 6 lab up
    says 'uplink ens33'
    settled "${before}"
END
}

@test "a failure or a signal after the move, and KILL within, give the host its own NIC back" {
  fail_at 4 false uplink "${BATS_TEST_TMPDIR}/false.sh"
  fail_at 3 "bash -c 'kill -TERM \${PPID}'" uplink "${BATS_TEST_TMPDIR}/term.sh"
  fail_at 3 "bash -c 'kill -KILL \${PPID}'" uplink "${BATS_TEST_TMPDIR}/kill.sh"
  world <<END
    before=\$(snapshot)
    exits 1 bash "${BATS_TEST_TMPDIR}/false.sh" up
    settled "\${before}"
    exits 143 bash "${BATS_TEST_TMPDIR}/term.sh" up
    settled "\${before}"
    exits 137 bash "${BATS_TEST_TMPDIR}/kill.sh" up
    bash "${BATS_TEST_TMPDIR}/kill.sh" down
    settled "\${before}"
END
}

@test "a half-done move is given back from what the state file says" {
  world <<'END'
    before=$(snapshot)
    exits 0 lab up
    mv /run/kvmgen/uplink/uplink-ens33 /run/kvmgen/uplink/uplink-ens33.moving
    ip addr add 192.168.0.162/16 brd + dev ens33
    ip addr del 192.168.0.163/16 dev br-ex
    exits 0 lab down
    settled "${before}"
END
}

@test "a state file with anything but the grammar in it is not used" {
  world <<'END'
    exits 0 lab up
    echo 'address 4 10.0.0.1/24 $(touch /run/canary)' >>/run/kvmgen/uplink/uplink-ens33
    exits 8 lab down
    [[ ! -e /run/canary ]]
END
}
