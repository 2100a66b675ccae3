# What the shell scripts of `world` in engine.bash begin with: a host of its own, and what to ask of it.

mount -t tmpfs none /run
mkdir /run/netns
mount -t tmpfs none /var/lib
mkdir /run/etc /run/work
mount -t overlay none -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work /etc
ip link set lo up
ip netns add lan
ip link add ens33 address 52:54:00:aa:bb:cc type veth peer name lan0 netns lan
ip link set ens33 up
ip addr add 192.168.0.162/16 brd + dev ens33
ip addr add 192.168.0.163/16 dev ens33
ip route add default via 192.168.0.1 metric 100 src 192.168.0.163 mtu 1400
ip -n lan addr add 192.168.0.1/16 dev lan0
ip -n lan link set lan0 up

# snapshot: prints all that a lab might change, without counters and without what the kernel numbers by itself.
snapshot() {
  ip -o link | sed 's/^[0-9]*: //; s/@if[0-9]*//; s/ state [A-Z]*//; s/<[^>]*>//' | sort
  ip -o addr | sed 's/^[0-9]*: //; s/[0-9]*sec//g; s/ tentative//' | grep -v ' fe80:' | sort || :
  ip route
  ip netns
  iptables-save | grep '^-\|^:kg-' || : # a table that was looked at stays, empty
  cat /proc/sys/net/ipv4/ip_forward
  find /run /var/lib /etc/kvmgen-test 2>/dev/null | grep -v '^/run/etc\|^/run/work' | sort || :
  ps -eo args= | grep '^dnsmasq' || :
}

# settled EXPECTED: waits until the snapshot is as expected, since the kernel takes its time; else shows the difference.
settled() {
  local n
  for ((n = 0; n < 20; n++)); do
    [[ $(snapshot) != "$1" ]] || return 0
    sleep 0.1
  done
  diff <(printf '%s\n' "$1") <(snapshot)
}

# exits CODE COMMAND...: whether the command exits so. Its output is in ${said}.
exits() {
  local code=0 wanted=$1
  shift
  said=$("$@" 2>&1) || code=$?
  printf '%s\n' "${said}"
  [[ ${code} -eq ${wanted} ]] || {
    printf 'exit %s, not %s\n' "${code}" "${wanted}"
    return 1
  }
}

# says TEXT: whether the last `exits` said so.
says() {
  [[ ${said} == *"$1"* ]] || {
    printf 'does not say: %s\n' "$1"
    return 1
  }
}
