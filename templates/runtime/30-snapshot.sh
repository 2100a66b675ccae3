# What the host looks like, as a set of facts in the very words of the probes, so that a probe is one look-up.
# It only reads: no table is made by looking into it, no module is loaded.

declare -A KG_IS=()     # fact -> yes; boot, of a bridge that the host's own boot made
declare -A KG_THERE=()  # "NAMESPACE LINK" -> its ifindex, whoever made it; "netns NAME" -> yes
declare -A KG_MASTER=() # "NAMESPACE LINK" -> the bridge that it is a port of
declare -A KG_HOLDER=() # address of the host -> the link that has it
declare -A KG_VALUE=()  # "NAMESPACE KEY" -> value of a sysctl
KG_OUTSIDE=''           # yes: namespaces that the journal knows are not looked into
KG_NEWEST=0             # the highest ifindex on the host

# kg_in NAMESPACE WORD...: runs the command there; `-` is the host itself.
kg_in() {
  local space=$1
  shift
  if [[ ${space} == - ]]; then
    "$@"
  else
    ip netns exec "${space}" "$@"
  fi
}

# kg_wanted NAMESPACE PROBE...: whether an operation has one of these probes there.
kg_wanted() {
  local probes=${KG_WANTED[$1]-} probe
  shift
  for probe in "$@"; do
    [[ ${probes} != *" ${probe} "* ]] || return 0
  done
  return 1
}

# kg_ask NAMESPACE...: prints what the system's own tools say of each. Of a namespace that the journal knows, in brief
# where that is enough: for each link that leads out of a namespace, the long form looks through all others for the name
# of the one where it ends, which takes seconds in a lab of hundreds.
kg_ask() {
  local space asked form name=() keys=() fact brief=() rest=()
  for space in "$@"; do
    if [[ -z ${KG_IS["netns ${space}"]-} ]] || kg_wanted "${space}" mtu port secondary stp chain rule qdisc sysctl; then
      rest+=("${space}")
    else
      brief+=("${space}")
    fi
  done
  if [[ ${#brief[@]} -lt 4 ]] || ! kg_ask_in_brief "${brief[@]}"; then rest+=(${brief[@]+"${brief[@]}"}); fi
  for space in ${rest[@]+"${rest[@]}"}; do
    name=()
    form=-o
    if [[ ${space} != - ]]; then
      name=(-n "${space}")
      if [[ -n ${KG_IS["netns ${space}"]-} ]] && ! kg_wanted "${space}" mtu port secondary; then form=-br; fi
    fi
    asked=$'link show\n'
    if kg_wanted "${space}" address; then asked+=$'addr show\n'; fi
    if kg_wanted "${space}" route; then asked+=$'route show\n'; fi
    printf 'in %s %s\n' "${form}" "${space}"
    ip ${name[@]+"${name[@]}"} "${form}" -batch - <<<"${asked}"
    [[ ${form} == -o ]] || printf 'in -o %s\n' "${space}"
    if kg_wanted "${space}" stp; then ip ${name[@]+"${name[@]}"} -o -d link show type bridge; fi
    if kg_wanted "${space}" chain rule; then kg_in "${space}" iptables-save || printf 'unseen\n'; fi
    if kg_wanted "${space}" qdisc; then kg_in "${space}" tc qdisc show; fi
    if [[ ${space} != - ]] && kg_wanted "${space}" sysctl; then
      keys=()
      for fact in ${KG_ASKED[@]+"${KG_ASKED[@]}"}; do
        if [[ ${fact} == "sysctl ${space} "* ]]; then
          fact=${fact#sysctl * }
          keys+=("${fact%% *}")
        fi
      done
      kg_in "${space}" sysctl -e "${keys[@]}"
    fi
  done 2>/dev/null
}

# kg_ask_in_brief NAMESPACE...: the links, addresses and routes of each, by xargs, which is small and starts programs
# sooner than this shell; its trace tells whose the answers are. Status 1 where that cannot be done.
kg_ask_in_brief() {
  local space padding asked=$'link show\naddr show\n'
  for space in "$@"; do
    if kg_wanted "${space}" route; then
      asked+=$'route show\n'
      break
    fi
  done
  type -P nsenter xargs >/dev/null || return 1
  printf -v padding '%70000s' '' # a here-string is a file only where it would not fit into a pipe
  { exec 8<<<"${asked}#${padding}"; } 2>/dev/null
  [[ -f /proc/self/fd/8 ]] || return 1
  printf 'in -br -\n'
  printf '%s\0' "$@" | xargs -0 -t -I '{}' nsenter --net='/run/netns/{}' ip -br -batch /proc/self/fd/8 2>&1
  exec 8<&-
}

# kg_snapshot: fills the tables above.
kg_snapshot() {
  local space half=no first=(-) second=() said more='' unseen=''
  KG_IS=()
  KG_THERE=()
  KG_MASTER=()
  KG_HOLDER=()
  KG_VALUE=()
  KG_NEWEST=0
  kg_trust_journal
  for space in ${KG_SPACES[@]+"${!KG_SPACES[@]}"}; do
    [[ -e /run/netns/${space} ]] || continue
    KG_THERE["netns ${space}"]=yes
    [[ -z ${KG_OUTSIDE} || -z ${KG_IS["netns ${space}"]-} ]] || continue
    if [[ ${half} == no ]]; then
      second+=("${space}") half=yes
    else
      first+=("${space}") half=no
    fi
  done
  if [[ ${#second[@]} -gt 1 ]]; then # the kernel answers two askers sooner than one
    exec 7< <(kg_ask "${second[@]}" || :)
    said=$(kg_ask "${first[@]}")
    more=$(cat <&7)
    exec 7<&-
  else
    said=$(kg_ask "${first[@]}" ${second[@]+"${second[@]}"})
  fi
  kg_hear "${said}"
  kg_hear "${more}"
  [[ ${#KG_MASTER[@]} -gt 0 ]] || kg_find_ports
  [[ -n ${KG_THERE["- lo"]-} ]] || kg_refuse_blind ip
  [[ -z ${unseen} ]] || kg_refuse_blind iptables-save
  kg_find_booted
  kg_check_asked
  kg_read_files
}

# kg_refuse_blind TOOL: nothing is done on a host that cannot be seen. That a tool is missing is told by the doctor.
kg_refuse_blind() {
  local code=1
  [[ -z ${KG_BACKWARD} ]] || code=8
  ! type -P "$1" >/dev/null || kg_die "${code}" "cannot see what this host has: \`$1\` fails"
}

# kg_trust_journal: a namespace bears its mark only when its own commands have run; the journal knows it by its inode
# as soon as it is made.
kg_trust_journal() {
  local n space of=() paths=() inode path
  for space in ${KG_SPACES[@]+"${!KG_SPACES[@]}"}; do
    n=${KG_SPACES[${space}]}
    [[ ${KG_NOTED[n]-} == 2 && -e /run/netns/${space} ]] || continue
    paths+=("/run/netns/${space}")
    of+=("${n}")
  done
  [[ ${#paths[@]} -gt 0 ]] || return 0
  n=0
  while read -r inode path; do
    [[ ${inode} != "${KG_EXTRA[of[n]]}" ]] || KG_IS["netns ${path##*/}"]=yes
    n=$((n + 1))
  done < <(stat -c '%i %n' -- "${paths[@]}" 2>/dev/null || :)
}

# kg_hear TEXT: turns the answers of `kg_ask` into facts. Names on a live host may be anything (`$(x)` is a
# legal one): they are only ever compared.
kg_hear() {
  local IFS=$'\n' line space='' form='' table='' index rest head link
  set -f
  for line in $1; do
    case ${form}${line} in
      'in -'* | 'brief:in -'*)
        space=${line#in -* }
        form=''
        [[ ${line} != 'in -br '* ]] || form=brief:
        ;;
      brief:*'/run/netns/'*' ip -br -batch '*)
        space=${line##*/run/netns/}
        space=${space%%[\' ]*}
        ;;
      brief:*) kg_hear_brief "${space}" "${line}" ;;
      [0-9]*': '*': <'*)
        index=${line%%:*}
        rest=${line#*: }
        link="${space} ${rest%%[@:]*}"
        KG_THERE[${link}]=${index}
        KG_IS["there ${link}"]=yes
        [[ ${space} != - || ${index} == *[!0-9]* || ${index} -le ${KG_NEWEST} ]] || KG_NEWEST=${index}
        head=${rest%%\\*}
        [[ ${head} != *[\<,]UP[,\>]* ]] || KG_IS["up ${link}"]=yes
        if [[ ${head} == *' mtu '* ]]; then
          index=${head#* mtu }
          KG_IS["mtu ${link} ${index%% *}"]=yes
        fi
        if [[ ${head} == *' master '* ]]; then
          index=${head#* master }
          KG_MASTER[${link}]=${index%% *}
          KG_IS["port ${link} ${index%% *}"]=yes
        fi
        if [[ ${rest} == *'link/ether '* ]]; then
          index=${rest#*link/ether }
          KG_IS["mac ${link} ${index%% *}"]=yes
        fi
        case ${rest} in
          *' stp_state 0 '*) KG_IS["stp ${link} off"]=yes ;;
          *' stp_state '*) KG_IS["stp ${link} on"]=yes ;;
          *) ;;
        esac
        if [[ ${rest} == *"\\    alias kvmgen:${KG_LAB}" ]]; then
          KG_IS["link ${link}"]=yes
          [[ ${link} != *' lo' ]] || KG_IS["netns ${space}"]=yes
        elif [[ ${rest} == *"\\    alias "* ]]; then
          KG_IS["alias ${link}"]=yes
        fi
        ;;
      [0-9]*': '*' inet '* | [0-9]*': '*' inet6 '*)
        rest=${line#*: }
        index=${rest#* inet}
        index=${index#* }
        KG_IS["address ${space} ${rest%% *} ${index%% *}"]=yes
        [[ ${index} != *' secondary '* ]] || KG_IS["secondary ${space} ${rest%% *} ${index%% *}"]=yes
        index=${index%% *}
        [[ ${space} != - ]] || KG_HOLDER[${index%/*}]=${rest%% *}
        ;;
      'qdisc '*)
        rest=${line#qdisc }
        link=${rest#* dev }
        kg_hear_words "qdisc ${space} ${link%% *}" "${rest%% dev *} ${link#* }"
        ;;
      '*'*) table=${line#\*} ;;
      :*)
        rest=${line#:}
        KG_IS["chain ${space} ${table} ${rest%% *}"]=yes
        ;;
      -A*) KG_IS["rule ${space} ${table} ${line}"]=yes ;;
      '#'* | COMMIT) ;;
      unseen) [[ ${space} != - ]] || unseen=yes ;;
      *' = '*)
        KG_VALUE["${space} ${line%% = *}"]=${line#* = }
        KG_IS["sysctl ${space} ${line%% = *} ${line#* = }"]=yes
        ;;
      *) kg_hear_words "route ${space}" "${line}" ;;
    esac
  done
  set +f
}

# kg_hear_brief NAMESPACE LINE: a line of `ip -br`: LINK STATE MAC <FLAGS>, LINK STATE ADDRESS..., or a route.
kg_hear_brief() {
  local IFS=' ' link=${2%%[@ ]*} rest=${2#* } word
  rest=${rest#"${rest%%[! ]*}"}
  case ${rest} in
    [A-Z]*'<'*)
      link="$1 ${link}"
      KG_THERE[${link}]=yes
      KG_IS["there ${link}"]=yes
      [[ ${rest} != *[\<,]UP[,\>]* ]] || KG_IS["up ${link}"]=yes
      for word in ${rest%%<*}; do
        [[ ${word} != *:* ]] || KG_IS["mac ${link} ${word}"]=yes
      done
      ;;
    [A-Z]*)
      for word in ${rest#* }; do KG_IS["address $1 ${link} ${word}"]=yes; done
      ;;
    *) kg_hear_words "route $1" "$2" ;;
  esac
}

# kg_find_ports: the ports of the host's bridges, where `ip` tells of none: that of Linux 2.6.32 does not know them.
kg_find_ports() {
  local path port bridge
  for path in /sys/class/net/*/brif/*; do
    port=${path##*/}
    bridge=${path%/brif/*}
    bridge=${bridge##*/}
    [[ -n ${KG_THERE["- ${port}"]-} && -n ${KG_THERE["- ${bridge}"]-} ]] || continue
    KG_MASTER["- ${port}"]=${bridge}
    KG_IS["port - ${port} ${bridge}"]=yes
  done
}

# kg_hear_words PROBE TEXT: a fact for the text and for each beginning of it that ends with a whole word.
kg_hear_words() {
  local IFS=' ' word fact=$1 skip=''
  for word in $2; do
    if [[ ${skip} == yes || ${word} == refcnt ]]; then # `refcnt 2`, of a qdisc, is the kernel's business
      [[ ${skip} == yes ]] && skip='' || skip=yes
      continue
    fi
    fact+=" ${word}"
    KG_IS[${fact}]=yes
  done
}

# kg_sysctl_path KEY: REPLY is its file. `net.ipv4.conf.vf1/0.forwarding` is sysctl(8)'s way to name vf1.0.
kg_sysctl_path() {
  local key=${1//\//:}
  key=${key//.//}
  REPLY=/proc/sys/${key//:/.}
}

# kg_process PIDFILE: REPLY is the id of the live process whose command line has this path in it; else status 1.
kg_process() {
  local id word
  [[ -r $1 ]] && read -r id <"$1" && [[ ${id} != *[!0-9]* && -n ${id} && -r /proc/${id}/cmdline ]] || return 1
  while IFS= read -r -d '' word; do
    if [[ ${word} == *"$1"* ]]; then
      REPLY=${id}
      return 0
    fi
  done 2>/dev/null <"/proc/${id}/cmdline"
  return 1
}

# kg_check_asked: the probes that need no other program, on the host.
kg_check_asked() {
  local fact rest value
  for fact in ${KG_ASKED[@]+"${KG_ASKED[@]}"}; do
    rest=${fact#* }
    case ${fact} in
      'process '*) if kg_process "${rest}"; then KG_IS[${fact}]=yes; fi ;;
      'bridged '*)
        [[ ${KG_MASTER["- ${rest% *}"]-} != "${rest#* }" || -e ${KG_RUN}/uplink-${rest% *}.moving ]] || KG_IS[${fact}]=yes
        ;;
      'bridge '* | 'brport '*) # LINK FILE VALUE
        value=${rest% *}
        { read -r value <"/sys/class/net/${value% *}/${fact%% *}/${value#* }"; } 2>/dev/null || continue
        [[ ${value} != "${rest##* }" ]] || KG_IS[${fact}]=yes
        ;;
      'exists '*) [[ ! -e ${rest} ]] || KG_IS[${fact}]=yes ;;
      'symlink '*)
        value=$(readlink -- "${rest% *}") || continue
        [[ ${value} != "${rest##* }" ]] || KG_IS[${fact}]=yes
        ;;
      'sysctl - '*)
        rest=${rest#- }
        kg_sysctl_path "${rest%% *}"
        if [[ ${rest} == *.disable_ipv6\ 1 && ! -e /proc/sys/net/ipv6 ]]; then
          value=1 # this kernel has no IPv6 at all
        else
          { read -r value <"${REPLY}"; } 2>/dev/null || continue
        fi
        KG_VALUE["- ${rest%% *}"]=${value}
        KG_IS["sysctl - ${rest%% *} ${value}"]=yes
        ;;
      *) ;;
    esac
  done
}

# kg_read_files: a file is right when its content and its mode are.
kg_read_files() {
  local path mode content n
  [[ ${#KG_PATHS[@]} -gt 0 ]] || return 0
  while read -r mode path; do
    KG_THERE["file ${path}"]=${mode}
    content=''
    IFS= read -r -d '' content 2>/dev/null <"${path}" || :
    n=${KG_PATHS[${path}]}
    [[ ${content} != "${KG_CONTENT[n]}" ]] || KG_IS["file ${path} ${mode}"]=yes
  done < <(stat -c '%a %n' -- "${!KG_PATHS[@]}" 2>/dev/null || :)
}
