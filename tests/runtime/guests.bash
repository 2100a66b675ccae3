# A lab of three guests for the tests of `vm` and `doctor`: its script, and private worlds to run it in.
# g1 and g2 boot the test guest's kernel, deaf has nothing to boot and so never hears its power button.

repository=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)

# guest_paths: prints where the test guest's kernel, initrd, qcow2 and raw disk are.
guest_paths() {
  cd "${repository}" && PYTHONPATH=. python3 -c \
    'from tests.guest import guest_image, guest_kernel; print(*guest_kernel(), guest_image(), guest_image("raw"))'
}

# lab_script FILE: writes the lab's script. What a test may change first: accel, qemu, console_log, memory, image,
# image_format, tool.
lab_script() {
  local body
  body=$(
    printf '%s\n' 'set -u' 'PATH=/usr/sbin:/usr/bin:/sbin:/bin' 'export PATH LC_ALL=C' 'umask 077' \
      "readonly KG_LAB=guests KG_VERSION=0 KG_PROFILE=debian12 KG_DSL=lab.dsl KG_DSL_SHA256=0 KG_RUNTIME_SHA256=0" \
      'readonly KG_RUN=/run/kvmgen/guests KG_VAR=/var/lib/kvmgen/guests KG_BATCH=yes' \
      "readonly KG_QEMU=${qemu:-/usr/bin/qemu-system-x86_64} KG_ACCEL=${accel-kvm:tcg} KG_CONSOLE_LOG=${console_log:-yes}"
    cat "${repository}"/templates/runtime/*.sh
    lab_part
  )
  printf '#!/bin/bash\nreadonly KG_SHA256=%s\n%s\n' \
    "$(printf '#!/bin/bash\n%s\n' "${body}" | sha256sum | cut -d' ' -f1)" "${body}" >"$1"
}

lab_part() {
  local kernel initrd qcow2 number=4 name
  read -r kernel initrd qcow2 _ < <(guest_paths)
  cat <<END
kg_dsl() { :; }
kg_needs() { kg_need 1 tool ip iproute2; kg_need 1 tool ${tool:-qemu-img} the-package; }
kg_guests() { KG_VMS=([4]=g1 [5]=g2 [6]=deaf); }
kg_operations() {
  kg_from 3 'network br-in isolated'
  kg_op 1 0 bridge br-in 'a switch inside the kernel'
  kg_do ip link add name br-in type bridge
  kg_do ip link set dev br-in alias kvmgen:guests
  kg_undo ip link delete dev br-in
  kg_probe link - br-in
  kg_look ip -d link show dev br-in
  kg_op 2 0 script br-in 'QEMU runs it to put a tap into the bridge'
  kg_do kg_write 755 /var/lib/kvmgen/guests/qemu-ifup-br-in <<'KG_END'
#!/bin/sh
ip link set dev "\$1" master br-in up
KG_END
  kg_look cat /var/lib/kvmgen/guests/qemu-ifup-br-in
  kg_from 7 'disk ${image:-${qcow2}} { overlay on }'
  kg_op 3 0 overlay g1 'a private disk on a shared base'
  kg_do qemu-img create -q -f qcow2 -b '${image:-${qcow2}}' -F ${image_format:-qcow2} /var/lib/kvmgen/guests/g1.qcow2
  kg_undo rm -f /var/lib/kvmgen/guests/g1.qcow2
  kg_probe exists /var/lib/kvmgen/guests/g1.qcow2
  kg_look qemu-img info /var/lib/kvmgen/guests/g1.qcow2
END
  for name in g1 g2 deaf; do
    guest_operation "${number}"
    number=$((number + 1))
  done
  printf '}\n{\n  %s\n  exit\n}\n' "${main:-kg_main \"\$@\"}"
}

guest_operation() {
  local stem=/run/kvmgen/guests/vm/${name} more
  case ${name} in
    g1) more="-cpu host -drive file=/var/lib/kvmgen/guests/g1.qcow2,format=qcow2,if=virtio" ;;
    g2) more='-nodefaults' ;;
    *) more='-nodefaults -boot n' ;;
  esac
  [[ ${name} == deaf ]] || more+=" -kernel ${kernel} -initrd ${initrd} -append 'console=ttyS0 quiet hostname=${name} dhcp=off'"
  cat <<END
  kg_from 1${number} 'vm ${name}'
  kg_op ${number} 0 guest ${name} 'a computer'
  kg_do ${qemu:-/usr/bin/qemu-system-x86_64} -name ${name} -machine accel=${accel:-kvm:tcg} -m ${memory:-128} ${more} \
    -netdev tap,id=n0,ifname=v${name}.0,script=/var/lib/kvmgen/guests/qemu-ifup-br-in,downscript=no \
    -device virtio-net-pci,netdev=n0 -display none \
    -chardev pty,id=console,logfile=${stem}.console -serial chardev:console \
    -chardev pipe,id=qmp,path=${stem}.qmp -mon chardev=qmp,mode=control -pidfile ${stem}.pid -daemonize
  kg_undo kg_stop ${stem}.pid
  kg_probe process ${stem}.pid
  kg_look ps -o pid,args -C qemu-system-x86_64
END
}
