# What `doctor` finds on hosts that lack one thing each.

load guests

without_kvm='mkdir /run/dev && mount --rbind /dev /run/dev && mount -t tmpfs none /dev && ln -s /proc/self/fd /dev/fd
  mkdir /dev/net && touch /dev/null /dev/net/tun
  mount --bind /run/dev/null /dev/null && mount --bind /run/dev/net/tun /dev/net/tun'

setup() {
  script=${BATS_TEST_TMPDIR}/setup.sh
}

# on_host PRELUDE COMMAND...: runs `bash setup.sh COMMAND` in a world of its own that PRELUDE has changed, through the
# program that `as` names.
on_host() {
  local prelude=$1
  shift
  [[ -e ${script} ]] || lab_script "${script}"
  run unshare -n -m -p -f --kill-child --propagation private bash -c "
    mount -t proc proc /proc && mount -t tmpfs -o mode=755 none /run && mkdir /run/netns && mount -t tmpfs none /var/lib
    cp '${script}' /run/setup.sh && chmod 644 /run/setup.sh
    ${prelude}
    exec ${as-} bash /run/setup.sh $*"
}

@test "a host that has everything is told so, line by line" {
  KVMGEN_ACCEL=tcg on_host '' doctor
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'ok       root'* ]]
  [[ ${output} == *'ok       ip'* ]]
  [[ ${output} == *'ok       the kernel knows bridge'* ]]
  [[ ${output} == *'ok       /dev/net/tun'* ]]
  [[ ${output} == *'ok       /var/lib/kvmgen/guests may hold scripts that run'* ]]
  [[ ${output} == *guest.qcow2,\ qcow2* ]]
  [[ ${output} == *'as KVMGEN_ACCEL says'* ]]
  [[ ${output} == *'ok       no name of this lab is taken'* ]]
  [[ ${output} != *missing* ]]
}

@test "looking changes nothing" {
  on_host 'look() { find /run /var/lib -printf "%p %m %T@\n"; ip -o link; iptables-save; }
    before=$(look); bash /run/setup.sh doctor >/dev/null; diff <(look) - <<<"${before}" && echo same; exit'
  [[ ${output} == same ]]
}

@test "a program that is not there is named with its package, and the rest is looked at all the same" {
  tool=brctl-of-old on_host '' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  brctl-of-old: install the package the-package'* ]]
  [[ ${output} == *'no name of this lab is taken'* ]]
}

@test "an image that is not there is named with its line" {
  image=/images/none.img on_host '' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  /images/none.img (lab.dsl:7): there is no such file'* ]]
}

@test "a folder is no image" {
  image=/etc on_host '' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  /etc (lab.dsl:7): this is no file and no disk'* ]]
}

@test "a qcow2 image declared raw would show the guest garbage" {
  image_format=raw on_host '' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'as a raw disk (lab.dsl:7): it is qcow2'* ]]
}

@test "a raw image declared qcow2 is not one" {
  read -r _ _ _ image < <(guest_paths)
  on_host '' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'guest.raw as a qcow2 disk (lab.dsl:7): it is not one'* ]]
}

@test "without /dev/net/tun no guest gets a tap" {
  on_host 'mount -t tmpfs none /dev/net' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  /dev/net/tun'* ]]
}

@test "a noexec file system holds no scripts for QEMU" {
  on_host 'mount -o remount,noexec /var/lib' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  the right to run /var/lib/kvmgen/guests/qemu-ifup-br-in: /var/lib is mounted noexec'* ]]
}

@test "a read-only /run is no place for the lab's state" {
  on_host 'mount -o remount,ro /run' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  a place to write /run/kvmgen/guests: /run is read-only'* ]]
}

@test "a read-only /var/lib is found before the first change" {
  on_host 'mount -o remount,ro /var/lib' up
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing: a place to write /var/lib/kvmgen/guests: /var/lib is read-only'* ]]
}

@test "a FIFO in the place of an image holds nobody up" {
  image=/run/image on_host 'mkfifo /run/image' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  /run/image (lab.dsl:7): this is no file and no disk'* ]]
}

@test "a container without the right to change networks is told which right it is" {
  as='setpriv --bounding-set -net_admin --inh-caps -net_admin' on_host '' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  the right to change networks (CAP_NET_ADMIN)'* ]]
}

@test "someone who is not root is told so" {
  chmod 755 "${BATS_TEST_TMPDIR}"
  as='setpriv --reuid 65534 --clear-groups' on_host '' doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  root: '* ]]
}

@test "without /dev/kvm guests are emulated where the target allows it" {
  on_host "${without_kvm}" doctor
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'warn     no KVM: there is no /dev/kvm; guests are emulated'* ]]
}

@test "without /dev/kvm a target that has only KVM lacks it" {
  accel=kvm on_host "${without_kvm}" doctor
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing  KVM: there is no /dev/kvm'* ]]
}

# a_virtual_host TEXT: the prelude of a host that is itself a virtual machine, has a kernel in /boot, and under whose KVM a
# guest says TEXT and no more. A real guest would need the time that doctor gives it, which a busy machine has not.
a_virtual_host() {
  local kernel
  read -r kernel _ < <(guest_paths)
  qemu=${BATS_TEST_TMPDIR}/qemu
  {
    printf '#!/bin/bash\n'
    printf "echo '%s'\nexec sleep 60\n" "$1"
  } >"${qemu}"
  chmod 755 "${qemu}"
  prelude="mkdir /run/dev /run/boot; cp '${kernel}' /run/boot/vmlinuz-\$(uname -r); mount --bind /run/boot /boot
    touch /run/cpuinfo; printf 'flags\t\t: fpu hypervisor lahf_lm\n' >/run/cpuinfo; mount --bind /run/cpuinfo /proc/cpuinfo
    [[ -c /dev/kvm ]] || mknod -m 600 /dev/kvm c 10 232"
}

@test "a KVM under which a kernel speaks is used" {
  [[ -c /dev/kvm ]] || skip 'this machine has no /dev/kvm'
  a_virtual_host '[    0.000000] Linux version 6.1.0'
  on_host "${prelude}" doctor
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'ok       KVM: a guest boots with it'* ]]
}

@test "a KVM under which guests hang is not used" {
  [[ -c /dev/kvm ]] || skip 'this machine has no /dev/kvm'
  a_virtual_host 'SeaBIOS'
  on_host "${prelude}" doctor
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'warn     no KVM: a guest does not boot with it; guests are emulated'* ]]
}

@test "a KVMGEN_ACCEL that QEMU does not know is refused" {
  KVMGEN_ACCEL=warp on_host '' doctor
  [[ ${status} -eq 2 ]]
  [[ ${output} == *'KVMGEN_ACCEL is `warp`'* ]]
}

@test "guests that ask for more memory than is free are said" {
  memory=9000G on_host '' doctor
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'warn     memory: the guests ask for 27648000 MiB, and '* ]]
}

@test "a bridge of someone else is a clash, named with its line" {
  on_host 'ip link add br-in type bridge' doctor
  [[ ${status} -eq 6 ]]
  [[ ${output} == *'clash    bridge br-in (lab.dsl:3): something that this lab did not make is in its way'* ]]
}

@test "what Docker and firewalld do to the network is said" {
  on_host "iptables -P FORWARD DROP; echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
    cp /bin/sleep /run/firewalld; /run/firewalld 30 >/dev/null &" doctor
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'warn     the FORWARD policy is DROP'* ]]
  [[ ${output} == *'warn     bridge-nf-call-iptables is 1'* ]]
  [[ ${output} == *'warn     firewalld runs'* ]]
}

@test "up names what is missing and changes nothing" {
  image=/images/none.img on_host '' up
  [[ ${status} -eq 5 ]]
  [[ ${output} == *'missing: /images/none.img (lab.dsl:7)'* ]]
  [[ ${output} == *'nothing was changed'* ]]
}
