# What this host must have for the lab: `doctor` prints all of it, `up` asks before its first change. Nothing is changed
# by looking; what is read of the guests is read from their own commands.

KG_DOCTOR=''          # yes: every finding is printed, not only what is missing
KG_LACKS=''           # yes: something that is required is missing
KG_ACCEL_NOW=''       # what guests are started with where it is not what their commands say
KG_IMAGES=()          # the images that guests need,
KG_IMAGE_FORMAT=()    # their formats where declared,
KG_IMAGE_USE=()       # rw, or ro,
KG_IMAGE_PLACE=()     # and where the DSL asks for them
KG_SCRIPTS=()         # the scripts that QEMU runs for its taps
KG_MEMORY=0           # MiB that guests ask for
declare -A KG_MADE=() # image -> yes: the lab makes it itself
KG_TAPS=()            # number of a guest's operation -> its taps

# kg_find ok|warn|missing|clash TEXT: a finding.
kg_find() {
  local line
  [[ $1 != missing ]] || KG_LACKS=yes
  if [[ -n ${KG_DOCTOR} ]]; then
    printf -v line '%-8s %s' "$1" "$2"
    kg_say "${line}"
  elif [[ $1 == missing ]]; then
    kg_warn "missing: $2"
  fi
}

# kg_doctor: prints all findings; leaves with 5 when something is missing, 6 when a name is taken.
kg_doctor() {
  local n KG_CHOSEN=()
  for ((n = 1; n <= KG_COUNT; n++)); do KG_CHOSEN[n]=yes; done
  KG_DOCTOR=yes
  kg_judge
  kg_check_rights
  kg_check_places
  kg_needs
  kg_check_uplinks
  kg_check_kinds
  kg_check_guests
  kg_check_memory
  kg_check_neighbours
  kg_check_names
  [[ -z ${KG_LACKS} ]] || kg_leave 5
  [[ -z ${REPLY} ]] || kg_leave 6
}

# kg_requirements: leaves with 5 when something is missing that the operations in KG_CHOSEN need.
kg_requirements() {
  KG_DOCTOR=''
  kg_check_rights
  kg_check_places
  kg_needs
  kg_check_uplinks
  kg_check_guests
  [[ -z ${KG_LACKS} ]] || kg_die 5 'nothing was changed' 'setup.sh doctor shows all that this host has and lacks'
}

# kg_examine: what the commands of the operations in KG_CHOSEN say about images, memory and taps.
kg_examine() {
  KG_IMAGES=() KG_IMAGE_FORMAT=() KG_IMAGE_USE=() KG_IMAGE_PLACE=() KG_SCRIPTS=() KG_MADE=() KG_TAPS=()
  KG_MEMORY=0
  kg_pass examine
}

# kg_examine_command WORD...: one command of the operation KG_AT.
kg_examine_command() {
  case ${KG_KIND[KG_AT]}:$1 in
    guest:*) kg_examine_guest "$@" ;;
    *:*qemu-img) kg_examine_overlay "$@" ;;
    *) ;;
  esac
}

kg_examine_guest() {
  local file format use
  while [[ $# -gt 1 ]]; do
    shift
    case $1 in
      -m) kg_examine_memory "${2-}" ;;
      -cdrom | -kernel | -initrd) kg_need_image "${2-}" '' ro ;;
      -drive)
        use=rw
        kg_qemu_option file "${2-}"
        file=${REPLY}
        kg_qemu_option format "${2-}"
        format=${REPLY}
        [[ ,$2, != *,media=cdrom,* && ,$2, != *,readonly=on,* && ,$2, != *,snapshot=on,* ]] || use=ro
        [[ -z ${file} ]] || kg_need_image "${file}" "${format}" "${use}"
        ;;
      -netdev | -net)
        if [[ ${2-} == tap,* ]]; then
          kg_qemu_option ifname "$2"
          KG_TAPS[KG_AT]+="${KG_TAPS[KG_AT]+ }${REPLY}"
          kg_qemu_option script "$2"
          [[ -z ${REPLY} || ${REPLY} == no ]] || KG_SCRIPTS+=("${REPLY}")
        fi
        ;;
      *) ;;
    esac
  done
}

# kg_examine_overlay QEMU-IMG create -f FORMAT -b BASE -F FORMAT IMAGE [SIZE]: IMAGE is made, and BASE has to be there.
kg_examine_overlay() {
  local base='' format='' made=''
  [[ ${2-} == create ]] || return 0
  shift 2
  while [[ $# -gt 0 ]]; do
    case $1 in
      -b) base=${2-} && shift ;;
      -F) format=${2-} && shift ;;
      -f) shift ;;
      -o)
        kg_qemu_option backing_file "${2-}"
        base=${REPLY:-${base}}
        kg_qemu_option backing_fmt "${2-}"
        format=${REPLY:-${format}}
        shift
        ;;
      -*) ;;
      *) made=${made:-$1} ;;
    esac
    [[ $# -eq 0 ]] || shift
  done
  [[ -z ${made} ]] || KG_MADE[${made}]=yes
  [[ -z ${base} ]] || kg_need_image "${base}" "${format}" ro
}

# kg_examine_memory SIZE: QEMU's -m, MiB where it has no unit.
kg_examine_memory() {
  local size=${1#size=}
  size=${size%%,*}
  case ${size} in
    '' | [!0-9]* | *[!0-9]*[!0-9]*) ;;
    *[Gg]) KG_MEMORY=$((KG_MEMORY + ${size%?} * 1024)) ;;
    *[Mm]) KG_MEMORY=$((KG_MEMORY + ${size%?})) ;;
    *[!0-9]) ;;
    *) KG_MEMORY=$((KG_MEMORY + size)) ;;
  esac
}

# kg_qemu_option NAME TEXT: REPLY is its value in `a=b,c=d`, where a comma inside a value is written twice.
kg_qemu_option() {
  local text=,${2//,,/$'\001'}
  REPLY=''
  [[ ${text} == *",$1="* ]] || return 0
  text=${text#*",$1="}
  text=${text%%,*}
  REPLY=${text//$'\001'/,}
}

kg_need_image() {
  KG_IMAGES+=("$1")
  KG_IMAGE_FORMAT+=("$2")
  KG_IMAGE_USE+=("$3")
  KG_IMAGE_PLACE+=("${KG_FILES[KG_AT]}:${KG_LINES[KG_AT]}")
}

kg_check_rights() {
  local value='' rights=0
  # In one go: it is another text at each look, so that a loop over its lines may miss one.
  IFS= read -r -d '' value </proc/self/status || :
  value=${value#*CapEff:?}
  value=${value%%$'\n'*}
  [[ ${value} == *[!0-9a-f]* ]] || rights=$((16#${value: -8}))
  if [[ ${EUID} -ne 0 ]]; then
    kg_find missing 'root: the networks of a host are changed by root only'
  elif [[ $((rights >> 12 & 1)) -eq 0 ]]; then
    kg_find missing 'the right to change networks (CAP_NET_ADMIN): this container was not given it'
  elif [[ ${#KG_SPACES[@]} -gt 0 && $((rights >> 21 & 1)) -eq 0 ]]; then
    kg_find missing 'the right to make network namespaces (CAP_SYS_ADMIN): this container was not given it'
  else
    kg_find ok 'root, with the right to change networks'
  fi
}

kg_check_places() {
  local place there
  for place in "${KG_RUN}" "${KG_VAR}"; do
    there=${place}
    while [[ -n ${there} && ! -e ${there} ]]; do there=${there%/*}; done
    if [[ -d ${there:-/} && -w ${there:-/} ]]; then
      kg_find ok "${place} can be written"
    else
      kg_find missing "a place to write ${place}: ${there:-/} is read-only, or no folder"
    fi
  done
}

# kg_need PLACE tool NAME PACKAGE: a program that the lab's commands use, and the package of this target that brings it.
# kg_need PLACE link NAME: a link that the host has already; PLACE is the file and line of the DSL that ask for it.
# kg_need PLACE image PATH FORMAT: found in the guests' own commands, which also say how it is used.
kg_need() {
  case $2 in
    tool)
      if type -P "$3" >/dev/null; then
        kg_find ok "$3"
      else
        kg_find missing "$3: install the package $4"
      fi
      ;;
    link)
      if [[ -n ${KG_THERE["- $3"]-} ]]; then
        kg_find ok "$3"
      else
        kg_find missing "the link $3 ($1)"
      fi
      ;;
    *) ;;
  esac
}

# kg_check_kinds: whether the kernel knows each kind of link that the lab makes. /sys/module does not show what is built
# in or not loaded yet, so the rest is made once in a network namespace that ends with the command.
kg_check_kinds() {
  local kind said bridge='' veth=''
  for kind in ${KG_KIND[@]+"${KG_KIND[@]}"}; do
    case ${kind} in
      bridge) bridge=bridge ;;
      cable | bridge-join) veth=veth ;;
      *) ;;
    esac
  done
  for kind in ${bridge} ${veth}; do
    said=''
    if [[ ! -d /sys/module/${kind} ]]; then
      said=$(unshare -n ip link add name kg0 type "${kind}" 2>&1 || unshare -n brctl addbr kg0 2>&1) || said=${said:-no}
    fi
    case ${said} in
      '') kg_find ok "the kernel knows ${kind}" ;;
      *'not permitted'*) kg_find warn "whether the kernel knows ${kind} could not be tried" ;;
      *) kg_find missing "${kind} in the kernel: modprobe ${kind} says why" ;;
    esac
  done
}

# kg_check_guests: what the guests among the operations in KG_CHOSEN need.
kg_check_guests() {
  local n guests=''
  for n in "${!KG_CHOSEN[@]}"; do
    [[ ${KG_KIND[n]-} != guest ]] || guests=yes
  done
  [[ -n ${guests} ]] || return 0
  kg_examine
  [[ ${#KG_TAPS[@]} -eq 0 ]] || kg_check_tun
  kg_check_scripts
  for ((n = 0; n < ${#KG_IMAGES[@]}; n++)); do
    [[ -n ${KG_MADE[${KG_IMAGES[n]}]-} && ! -e ${KG_IMAGES[n]} ]] ||
      kg_check_image "${KG_IMAGES[n]}" "${KG_IMAGE_FORMAT[n]}" "${KG_IMAGE_USE[n]}" "${KG_IMAGE_PLACE[n]}"
  done
  kg_choose_accel
}

kg_check_tun() {
  if [[ ! -c /dev/net/tun ]]; then
    kg_find missing '/dev/net/tun, which gives guests their taps: modprobe tun'
  elif { : <>/dev/net/tun; } 2>/dev/null; then
    kg_find ok '/dev/net/tun'
  else
    kg_find missing '/dev/net/tun: it is there and cannot be opened'
  fi
}

# kg_check_scripts: QEMU runs its tap scripts, which a file system mounted noexec does not allow.
kg_check_scripts() {
  local place options script best='' flags=''
  [[ ${#KG_SCRIPTS[@]} -gt 0 ]] || return 0
  script=${KG_SCRIPTS[0]}
  while read -r _ _ _ _ place options _; do
    place=${place%/}
    [[ ${script} == "${place}"/* && ${#place} -ge ${#best} ]] || continue
    best=${place}
    flags=${options}
  done </proc/self/mountinfo
  if [[ ,${flags}, == *,noexec,* ]]; then
    kg_find missing "the right to run ${script}: ${best:-/} is mounted noexec"
  else
    kg_find ok "${script%/*} may hold scripts that run"
  fi
}

# kg_check_image PATH FORMAT ro|rw WHERE: FORMAT is empty where the lab declares none.
kg_check_image() {
  local magic=''
  if [[ -f $1 || -b $1 ]]; then IFS= read -r -d '' -n 4 magic 2>/dev/null <"$1" || :; fi
  if [[ ! -e $1 ]]; then
    kg_find missing "$1 ($4): there is no such file"
  elif [[ ! -f $1 && ! -b $1 ]]; then
    kg_find missing "$1 ($4): this is no file and no disk"
  elif [[ ! -r $1 ]]; then
    kg_find missing "$1 ($4): it cannot be read"
  elif [[ $3 == rw && ! -w $1 ]]; then
    kg_find missing "$1 ($4): it cannot be written; \`overlay on\` leaves it as it is"
  elif [[ $2 == raw && ${magic} == $'QFI\xfb' ]]; then
    kg_find missing "$1 as a raw disk ($4): it is qcow2; write \`format qcow2\`"
  elif [[ $2 == qcow2 && ${magic} != $'QFI\xfb' ]]; then
    kg_find missing "$1 as a qcow2 disk ($4): it is not one; \`qemu-img info\` tells its format"
  else
    kg_find ok "$1${2:+, $2}"
  fi
}

# kg_choose_accel: KG_ACCEL_NOW is what guests are started with: what KVMGEN_ACCEL says, else tcg where KVM is of no
# use, else nothing, which leaves it to their commands. KG_ACCEL is empty for a target whose QEMU takes KVM by itself.
kg_choose_accel() {
  KG_ACCEL_NOW=${KVMGEN_ACCEL-}
  case ${KG_ACCEL_NOW} in
    '') ;;
    kvm | tcg | kvm:tcg)
      kg_find ok "guests run with ${KG_ACCEL_NOW}, as KVMGEN_ACCEL says"
      return
      ;;
    *) kg_die 2 "KVMGEN_ACCEL is \`${KG_ACCEL_NOW}\`" 'it may be kvm, tcg or kvm:tcg' ;;
  esac
  if [[ ${KG_ACCEL} == tcg ]]; then
    return
  elif kg_try_kvm; then
    kg_find ok "KVM: ${REPLY}"
  elif [[ ${KG_ACCEL} == kvm ]]; then
    kg_find missing "KVM: ${REPLY}"
  else
    KG_ACCEL_NOW=tcg
    kg_find warn "no KVM: ${REPLY}; guests are emulated, which is slower"
    [[ -n ${KG_DOCTOR} ]] || kg_warn "guests are emulated, which is slower: ${REPLY}"
  fi
}

# kg_try_kvm: whether KVM is of use here; REPLY is how that is known, or why not. A host that is a virtual machine itself
# may have a /dev/kvm under which guests hang, so there it has to boot the host's own kernel, as far as its first line.
kg_try_kvm() {
  local kernel guest line flags=''
  REPLY='there is no /dev/kvm'
  [[ -c /dev/kvm ]] || return 1
  REPLY='/dev/kvm cannot be opened'
  { : <>/dev/kvm; } 2>/dev/null || return 1
  while IFS=: read -r line flags; do
    [[ ${line} != flags* ]] || break
  done </proc/cpuinfo
  read -r kernel </proc/sys/kernel/osrelease
  kernel=/boot/vmlinuz-${kernel}
  REPLY='/dev/kvm opens'
  [[ " ${flags} " == *' hypervisor '* && -r ${kernel} ]] || return 0
  REPLY='a guest does not boot with it'
  exec 6< <(kg_boot_linux "${kernel}" || :)
  read -r -u 6 guest
  while IFS= read -r -u 6 line; do
    if [[ ${line} == *'Linux version'* ]]; then
      REPLY='a guest boots with it'
      kill "${guest}"
      break
    fi
  done
  exec 6<&-
  [[ ${REPLY} == 'a guest boots with it' ]]
}

# kg_boot_linux KERNEL: prints its own process id, then for 5 seconds at most the console of a guest under KVM.
kg_boot_linux() {
  printf '%s\n' "${BASHPID}"
  exec timeout 5 "${KG_QEMU}" -machine accel=kvm -m 256 -nodefaults -nographic -no-reboot -serial stdio \
    -kernel "$1" -append 'console=ttyS0 earlyprintk=ttyS0 panic=-1' </dev/null 2>&1
}

# kg_accelerate WORD...: KG_WORDS is the command of a guest as it stands, or with KG_ACCEL_NOW. `-cpu host` is KVM's
# alone: without KVM, QEMU would refuse the guest.
kg_accelerate() {
  KG_WORDS=("$@")
  [[ -n ${KG_ACCEL_NOW} ]] || return 0
  KG_WORDS=("$1")
  [[ -n ${KG_ACCEL} ]] || KG_WORDS+=(-machine "accel=${KG_ACCEL_NOW}")
  shift
  while [[ $# -gt 0 ]]; do
    case ${KG_ACCEL_NOW}:$1:${2-} in
      tcg:-cpu:host | tcg:-cpu:host,*) shift ;;
      *:-machine:*)
        KG_WORDS+=("$1" "${2/"accel=${KG_ACCEL}"/"accel=${KG_ACCEL_NOW}"}")
        shift
        ;;
      *) KG_WORDS+=("$1") ;;
    esac
    shift
  done
}

kg_check_memory() {
  local name value free=0
  [[ ${KG_MEMORY} -gt 0 ]] || return 0
  while read -r name value _; do
    case ${name} in
      MemAvailable:) free=${value} && break ;;
      MemFree: | Buffers: | Cached:) free=$((free + value)) ;; # before Linux 3.14
      *) ;;
    esac
  done </proc/meminfo
  free=$((free / 1024))
  if [[ ${KG_MEMORY} -le ${free} ]]; then
    kg_find ok "memory: the guests ask for ${KG_MEMORY} MiB of ${free}"
  else
    kg_find warn "memory: the guests ask for ${KG_MEMORY} MiB, and ${free} MiB are free"
  fi
}

# kg_check_neighbours: what else on this host has a say in networks.
kg_check_neighbours() {
  local value='' process name line table='' names=' '
  { read -r value </proc/sys/net/bridge/bridge-nf-call-iptables; } 2>/dev/null
  case ${value} in
    1) kg_find warn "bridge-nf-call-iptables is 1: bridged frames pass through iptables, so this lab lets its own bridges' through" ;;
    *) kg_find ok 'bridged frames do not pass through iptables' ;;
  esac
  while IFS= read -r line; do
    case ${line} in
      '*'*) table=${line} ;;
      ':FORWARD DROP '*)
        [[ ${table} != '*filter' ]] ||
          kg_find warn 'the FORWARD policy is DROP (Docker sets it so): what this lab forwards is accepted by its own rules, before it'
        ;;
      *) ;;
    esac
  done < <(iptables-save 2>/dev/null || :)
  for process in /proc/[0-9]*/comm; do
    { read -r name <"${process}"; } 2>/dev/null || continue
    names+="${name} "
  done
  [[ ${names} != *' firewalld '* ]] ||
    kg_find warn 'firewalld runs: its reload throws out rules that are not its own; run setup.sh up again after one'
  [[ ${names} != *' NetworkManager '* ]] ||
    kg_find warn 'NetworkManager runs: it may take new interfaces for its own; list them as unmanaged-devices'
}

# kg_check_names: REPLY is yes when something that is not this lab's has a name that the lab needs.
kg_check_names() {
  local n taken=''
  for ((n = 1; n <= KG_COUNT; n++)); do
    if [[ ${KG_STATE[n]} == foreign ]]; then
      taken=yes
      kg_find clash "${KG_KIND[n]} ${KG_OBJECT[n]} (${KG_FILES[n]}:${KG_LINES[n]}): something that this lab did not make is in its way"
    fi
  done
  [[ -n ${taken} ]] || kg_find ok 'no name of this lab is taken'
  REPLY=${taken}
}
