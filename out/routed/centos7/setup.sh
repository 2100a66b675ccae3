#!/bin/bash
# setup.sh of the lab routed, for CentOS 7 (and RHEL 7).
#
#   bash setup.sh plan      what would change; changes nothing
#   bash setup.sh up        build the lab, or bring it back to what is written here
#   bash setup.sh down      take away what this lab made, and nothing else
#   bash setup.sh help      everything else
#
# The commands that run are in the functions kg_section_*, near the end, each with the line of routed.dsl that
# asks for it, its reason, its undo and the facts that show that it is done. The rest is the same in every script.
# kvmgen 0.1.0, profile centos7
# sha256 of routed.dsl: 9e8eab8398b42c54629fa5f475b9e882a0787938f9b3ee5d612c2174d7167b90
# sha256 of the runtime: d9b5a0c7febf52affe14e82111aee91194ebb21842f6522adfd0bbc13d7d04ec

case ${BASH_VERSION:-} in
  '')
    echo 'setup.sh: this is a bash script: run it as: bash setup.sh' >&2
    exit 5
    ;;
  [0-3].* | 4.0.*)
    echo 'setup.sh: needs bash 4.1 or newer' >&2
    exit 5
    ;;
  *) ;;
esac

set -u
umask 077
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
readonly KG_SHA256=ba312b1573102f356527c664469f543303ec9f10e5459353ccc5cd8bccf8f699
readonly KG_LAB=routed
readonly KG_VERSION=0.1.0
readonly KG_PROFILE=centos7
readonly KG_PERSISTENCE=ifcfg
readonly KG_DSL=routed.dsl
readonly KG_DSL_SHA256=9e8eab8398b42c54629fa5f475b9e882a0787938f9b3ee5d612c2174d7167b90
readonly KG_RUNTIME_SHA256=d9b5a0c7febf52affe14e82111aee91194ebb21842f6522adfd0bbc13d7d04ec
readonly KG_RUN=/run/kvmgen/routed
readonly KG_VAR=/var/lib/kvmgen/routed
readonly KG_BATCH=no
readonly KG_QEMU=/usr/libexec/qemu-kvm
readonly KG_ACCEL=''
readonly KG_CONSOLE_LOG=no

# ---- The runtime: the same bytes in every script ----

# Messages for people, and the quoting of words that are shown to them.

KG_LOUDNESS=1 # 0: -q, 1: plain, 2: -v
KG_LOG=''     # the file that keeps what was said and done; empty while nothing may be written

# kg_log TEXT: a line of the lab's log. Its loss never stops the work.
kg_log() {
  [[ -n ${KG_LOG} ]] || return 0
  printf '%s\n' "$1" 2>/dev/null >>"${KG_LOG}" || :
}

# kg_say TEXT: on standard output, unless -q.
kg_say() {
  kg_log "$1"
  [[ ${KG_LOUDNESS} -eq 0 ]] || printf '%s\n' "$1" 2>/dev/null || :
}

# kg_note TEXT: on standard output under -v.
kg_note() {
  kg_log "$1"
  [[ ${KG_LOUDNESS} -lt 2 ]] || printf '%s\n' "$1" 2>/dev/null || :
}

# kg_warn TEXT [MORE]...: on standard error, further lines indented.
kg_warn() {
  local more
  kg_log "$1"
  printf 'setup.sh: %s\n' "$1" >&2 2>/dev/null || :
  shift
  for more in "$@"; do
    kg_log "  ${more}"
    printf '  %s\n' "${more}" >&2 2>/dev/null || :
  done
}

# kg_leave CODE: the end, with the lock given back.
kg_leave() {
  kg_unlock
  exit "$1"
}

# kg_die CODE TEXT [MORE]...: says why and leaves with the exit code.
kg_die() {
  local code=$1
  shift
  kg_warn "$@"
  kg_leave "${code}"
}

# kg_quote WORD...: REPLY is the words as they can be pasted into any shell.
kg_quote() {
  local word line=''
  for word in "$@"; do
    case ${word} in
      '' | *[!A-Za-z0-9_./:=@%+,-]*) line+=" '${word//\'/\'\\\'\'}'" ;;
      *) line+=" ${word}" ;;
    esac
  done
  REPLY=${line# }
}

# kg_json TEXT: REPLY is the text as a JSON string; the texts of a lab hold no control characters.
kg_json() {
  local text=${1//\\/\\\\}
  REPLY="\"${text//\"/\\\"}\""
}

# The statements in which the lab part is written. It holds nothing but calls of these, and every pass over the
# lab calls the whole of it again: `load` keeps what an operation is and should bring about, the other passes
# act on the operations that KG_CHOSEN names. Commands are thus never split or joined: they stay words. A lab of hundreds
# of namespaces makes ten thousand calls a pass, and bash copies a function whenever it calls it: they are short.

KG_PASS=load            # load, make, unmake, print, explain, look, examine, identify
KG_TAKEN=''             # yes: the pass acts on the operation that is being read
KG_AT=0                 # its number
KG_COUNT=0              # the number of operations
KG_LINE=0               # the DSL line that the following operations come from
KG_TEXT=''              # its text
KG_FILE=''              # and its file
KG_CHOSEN=()            # number -> yes
KG_WITHIN=()            # number -> the operation whose undo removes this one too, or 0
KG_KIND=()              # number -> bridge, tap, address ...
KG_OBJECT=()            # number -> what people call it
KG_LINES=()             # number -> DSL line
KG_TEXTS=()             # number -> DSL text
KG_FILES=()             # number -> DSL file
KG_FACTS=()             # number -> its probes, a line each: the facts that hold when it is right
KG_PARTS=()             # number -> how many commands make it; none: a thing that must be there already
KG_UNDOABLE=()          # number -> yes: it has an undo command
KG_KEEPING=''           # yes: `load` keeps the undo commands as well, which spares `down` a pass
KG_KEPT=()              # the words of all undo commands
KG_KEPT_OF=()           # command -> number of its operation
KG_KEPT_AT=()           # command -> where its words begin
KG_CONTENT=()           # number -> the content of the file that it writes
KG_SERVES=()            # number -> yes: it serves names on the host
KG_MANUAL=()            # number -> yes: done on demand only, by `vm start`
KG_ASKED=()             # the probes that are asked one at a time: files, processes, sysctls
declare -A KG_WANTED=() # namespace -> its probes, between blanks: what a snapshot has to look at
declare -A KG_SPACES=() # namespace -> number of the operation that makes it, or 0
declare -A KG_PATHS=()  # file -> number of the operation that writes it

# kg_pass NAME: reads the lab from top to bottom.
kg_pass() {
  KG_PASS=$1
  KG_TAKEN=''
  kg_operations
  KG_TAKEN=''
}

# kg_from LINE TEXT [FILE]: the operations that follow come from this line of the DSL, or of a file that it includes.
kg_from() {
  KG_LINE=$1
  KG_TEXT=$2
  KG_FILE=${3-${KG_DSL}}
}

# kg_op NUMBER WITHIN KIND OBJECT WHY [on-demand]: an operation begins. One that is on demand is not done by `up`.
kg_op() {
  KG_AT=$1
  KG_TAKEN=${KG_CHOSEN[$1]-}
  case ${KG_PASS}${KG_TAKEN} in
    load*)
      KG_TAKEN=''
      KG_COUNT=$1 KG_WITHIN[$1]=$2 KG_KIND[$1]=$3 KG_OBJECT[$1]=$4 KG_FACTS[$1]='' KG_MANUAL[$1]=${6+yes}
      KG_LINES[$1]=${KG_LINE} KG_TEXTS[$1]=${KG_TEXT} KG_FILES[$1]=${KG_FILE}
      ;;
    explainyes) kg_explain_op "$5" ;;
    *) ;;
  esac
}

# kg_do WORD...: a command that makes the object. `kg_do kg_write MODE PATH` writes a file whose content comes on
# standard input; it is undo and probe as well.
kg_do() {
  case ${KG_PASS}${KG_TAKEN} in
    load) KG_PARTS[KG_AT]=$((${KG_PARTS[KG_AT]-0} + 1)) ;;
    makeyes) kg_feed "${KG_AT}" "$@" ;;
    *yes) kg_tell_do "$@" ;;
    *) ;;
  esac
  case $1 in
    kg_write | dnsmasq) kg_also "$@" ;;
    *) ;;
  esac
}

# kg_also WORD...: what else the command means.
kg_also() {
  if [[ $1 == kg_write ]]; then
    [[ ${KG_PASS} != load ]] || kg_take_content "$3"
    kg_undo kg_write_back "$3"
    kg_probe file "$3" "${2#0}"
  elif [[ ${KG_PASS} == load && " $* " != *' --port=0 '* ]]; then
    KG_SERVES[KG_AT]=yes
  fi
}

# kg_tell_do WORD...: the passes that tell of a command.
kg_tell_do() {
  case ${KG_PASS} in
    print) kg_print "$@" ;;
    explain) kg_explain_command 'do' "$@" ;;
    examine) kg_examine_command "$@" ;;
    identify) kg_identify 'do' "$@" ;;
    *) ;;
  esac
}

# kg_take_content PATH, content on standard input.
kg_take_content() {
  local content=''
  IFS= read -r -d '' content || :
  KG_CONTENT[KG_AT]=${content}
  KG_PATHS[$1]=${KG_AT}
}

# kg_undo WORD...: a command that takes it back.
kg_undo() {
  case ${KG_PASS}${KG_KEEPING}${KG_TAKEN} in
    load) KG_UNDOABLE[KG_AT]=yes ;;
    loadyes | unmake*) KG_UNDOABLE[KG_AT]=yes KG_KEPT_OF+=("${KG_AT}") KG_KEPT_AT+=("${#KG_KEPT[@]}") KG_KEPT+=("$@") ;;
    explain*yes) kg_explain_command undo "$@" ;;
    identify*yes) kg_identify undo "$@" ;;
    *) ;;
  esac
}

# kg_probe PROBE WORD...: a fact that holds when the object is right.
kg_probe() {
  [[ ${KG_PASS} == load ]] || return 0
  KG_FACTS[KG_AT]+="$*"$'\n'
  case $1 in
    file) ;;
    process | exists | symlink | bridge | bridged | brport) KG_ASKED+=("$*") ;;
    netns) KG_SPACES[$2]=${KG_AT} ;;
    *)
      [[ ${KG_WANTED[$2]-} == *" $1 "* ]] || kg_want "$@"
      [[ $1 != sysctl ]] || KG_ASKED+=("$*")
      ;;
  esac
}

# kg_want PROBE NAMESPACE...: a snapshot has to look at that there.
kg_want() {
  KG_WANTED[$2]="${KG_WANTED[$2]- }$1 "
  [[ $2 == - ]] || KG_SPACES[$2]=${KG_SPACES[$2]-0}
}

# kg_look WORD...: the command that shows the result.
kg_look() {
  case ${KG_PASS}${KG_TAKEN} in
    explainyes) kg_explain_command look "$@" ;;
    lookyes) kg_show_look "$@" ;;
    *) ;;
  esac
}

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

# What stands of an operation: absent, right, differs (ours, but not as it should be) or foreign (not ours, in the
# way). And which of those a run has to act on.

KG_STATE=() # number -> absent, right, differs, foreign
KG_FOUND=() # number -> yes: its first fact holds
KG_ONLY=''  # --only NAME

# kg_locate: a snapshot, and KG_FOUND of every operation, which is all that taking back asks.
kg_locate() {
  local n
  kg_snapshot
  KG_FOUND=()
  for ((n = 1; n <= KG_COUNT; n++)); do
    [[ -z ${KG_IS[${KG_FACTS[n]%%$'\n'*}]-} ]] || KG_FOUND[n]=yes
  done
}

# kg_judge: the same, and KG_STATE of every operation.
kg_judge() {
  local n fact right absent differs foreign
  kg_snapshot
  KG_STATE=()
  KG_FOUND=()
  local IFS=$'\n'
  for ((n = 1; n <= KG_COUNT; n++)); do
    if [[ -n ${KG_IS[${KG_FACTS[n]%$'\n'}]-} && ${KG_FACTS[n]} != chain* ]]; then # one fact, as most have
      KG_FOUND[n]=yes KG_STATE[n]=right
      continue
    fi
    right='' absent='' differs='' foreign=''
    for fact in ${KG_FACTS[n]}; do
      if [[ -n ${KG_IS[${fact}]-} ]]; then
        [[ -n ${right}${absent}${differs}${foreign} ]] || KG_FOUND[n]=yes
        right=yes
      else
        REPLY=absent
        case ${fact} in
          'there '* | 'address '[!-]* | 'route '*) ;; # at once what kg_miss says of these
          'link '* | 'up '*) [[ -z ${KG_THERE[${fact#* }]-} ]] || kg_miss "${fact}" ;;
          *) kg_miss "${fact}" ;;
        esac
        case ${REPLY} in
          differs) differs=yes ;;
          foreign) foreign=yes ;;
          *) absent=yes ;;
        esac
      fi
    done
    case ${right}/${absent}/${differs}/${foreign} in
      */yes) KG_STATE[n]=foreign ;;
      yes///) KG_STATE[n]=right ;;
      /yes//) KG_STATE[n]=absent ;;
      *) KG_STATE[n]=differs ;;
    esac
    # The rules that are asked for say nothing of others in the chain: one that is being changed is not right before it is made.
    [[ ${KG_NOTED[n]-}:${KG_STATE[n]}:${KG_FACTS[n]} != 1:right:chain* ]] || KG_STATE[n]=differs
    if [[ ${KG_FOUND[n]-}:${KG_FACTS[n]} == yes:chain* && ${KG_STATE[n]} == differs ]] && ! kg_ours "${n}"; then
      KG_STATE[n]=foreign
    fi
  done
}

# kg_miss FACT: REPLY is why a fact of operation n does not hold: absent, differs or foreign.
kg_miss() {
  local rest=${1#* } holder
  REPLY=absent
  case $1 in
    'netns '*) [[ -z ${KG_THERE[$1]-} ]] || REPLY=foreign ;;
    'link '*) [[ -z ${KG_THERE[${rest}]-} ]] || REPLY=foreign ;;
    'port '*) [[ -z ${KG_MASTER[${rest% *}]-} ]] || REPLY=foreign ;;
    'bridged '*)
      if [[ -e ${KG_RUN}/uplink-${rest% *}.moving ]]; then
        REPLY=differs
      elif [[ -n ${KG_MASTER["- ${rest% *}"]-} ]]; then
        REPLY=foreign
      fi
      ;;
    'symlink '*) [[ ! -e ${rest% *} && ! -L ${rest% *} ]] || REPLY=foreign ;;
    'address - '*) # on another link than the lab's own
      rest=${rest#- }
      holder=${rest##* }
      holder=${KG_HOLDER[${holder%/*}]-}
      [[ -z ${holder} || ${holder} == "${rest%% *}" || -n ${KG_IS["link - ${holder}"]-} ]] || REPLY=foreign
      ;;
    'process '*) [[ -z ${KG_SERVES[n]-} ]] || ! kg_names_served || REPLY=foreign ;;
    'up '*) [[ -z ${KG_THERE[${rest}]-} ]] || REPLY=differs ;;
    'secondary '*) [[ -z ${KG_IS["address ${rest}"]-} ]] || REPLY=differs ;;
    'bridge '*) [[ -z ${KG_THERE["- ${rest%% *}"]-} ]] || REPLY=differs ;;
    'mtu '* | 'mac '* | 'stp '*) [[ -z ${KG_THERE[${rest% *}]-} ]] || REPLY=differs ;;
    'brport '*) [[ -z ${KG_MASTER["- ${rest%% *}"]-} ]] || REPLY=differs ;;
    'sysctl '*) [[ -z ${KG_VALUE[${rest% *}]-} ]] || REPLY=differs ;;
    'file '*)
      [[ -n ${KG_THERE["file ${rest% *}"]-} ]] || return 0
      if [[ ${rest} == "${KG_RUN}/"* || ${rest} == "${KG_VAR}/"* || -n ${KG_NOTED[n]-} ]]; then
        REPLY=differs
      else
        REPLY=foreign
      fi
      ;;
    *) ;;
  esac
}

# kg_names_served: whether a server listens for names on all addresses of the host: then no other can on one of them.
kg_names_served() {
  local IFS=' ' file address
  for file in /proc/net/tcp /proc/net/tcp6; do
    while read -r _ address _; do
      [[ ${address} != 0*:0035 || ${address} == *[!0]*:* ]] || return 0
    done 2>/dev/null <"${file}"
  done
  return 1
}

# kg_ours NUMBER: whether this lab made what stands of the operation. The journal of this boot says so, or a mark
# that the object itself bears: the alias of a link, the alias of a namespace's lo, the name of a chain of the
# lab's own, a pid file or a file in the lab's own folder; of a sysctl that labs share, its former value there.
kg_ours() {
  local IFS=$'\n' fact
  if kg_shares "$1"; then
    kg_sysctl_file "${REPLY% *}"
    [[ -e ${REPLY} && -z ${KG_OTHER_BOOT} ]]
    return
  fi
  [[ -z ${KG_NOTED[$1]-} ]] || return 0
  for fact in ${KG_FACTS[$1]}; do
    [[ -n ${KG_IS[${fact}]-} ]] || continue
    case ${fact} in
      'bridged '*) [[ ${KG_IS["link - ${fact##* }"]-} != yes ]] || return 0 ;;
      'link '*) [[ ${KG_IS[${fact}]} != yes ]] || return 0 ;;
      "exists ${KG_VAR}/"* | "symlink "*) return 0 ;;
      'netns '* | 'process '* | "file ${KG_RUN}/"* | "file ${KG_VAR}/"*) return 0 ;;
      'there '*) # in a namespace of the lab's own
        fact=${fact#there }
        [[ -z ${KG_IS["netns ${fact%% *}"]-} ]] || return 0
        ;;
      'rule '*"kvmgen:${KG_LAB}"*) return 0 ;; # the jump to a chain of the lab's own
      *) ;;
    esac
  done
  return 1
}

# kg_shares NUMBER: whether the operation sets a sysctl of the host's own, which other labs may set as well; REPLY is its
# key and value. A sysctl that goes with a bridge is the lab's alone.
kg_shares() {
  [[ ${KG_WITHIN[$1]}:${KG_FACTS[$1]} == '0:sysctl - '* ]] || return 1
  REPLY=${KG_FACTS[$1]#sysctl - }
  REPLY=${REPLY%$'\n'}
}

# kg_stands NUMBER: whether the operation's object is there and this lab's. The first fact is the object itself.
kg_stands() {
  local path
  if [[ -n ${KG_FOUND[$1]-} ]]; then
    [[ -z ${KG_NOTED[$1]-} || ${KG_FACTS[$1]} == sysctl* ]] || return 0 # at once what kg_ours says of most
    if kg_ours "$1"; then return; fi
  fi
  path=${KG_FACTS[$1]#* }
  path=${path% *}
  case ${KG_FACTS[$1]} in
    "file ${KG_RUN}/"* | "file ${KG_VAR}/"*) [[ -n ${KG_THERE["file ${path}"]-} || -e ${path}.kvmgen ]] ;;
    'file '*) [[ -n ${KG_NOTED[$1]-} && -e ${path}.kvmgen ]] ;;
    'bridged '*) [[ -e ${KG_RUN}/uplink-${path} || -e ${KG_RUN}/uplink-${path}.moving ]] ;;
    *) return 1 ;;
  esac
}

# kg_select: KG_CHOSEN becomes the operations that --only names, by number, object or statement, with what goes with
# them; all without it. A name that none has: exit 2.
kg_select() {
  local n rest
  KG_CHOSEN=()
  for ((n = 1; n <= KG_COUNT; n++)); do
    case ${KG_ONLY} in
      '' | "${n}" | "${KG_OBJECT[n]}") KG_CHOSEN[n]=yes ;;
      *)
        rest=${KG_TEXTS[n]#* }
        if [[ ${rest%% *} == "${KG_ONLY}" || -n ${KG_CHOSEN[KG_WITHIN[n]]-} ]]; then KG_CHOSEN[n]=yes; fi
        ;;
    esac
  done
  [[ -z ${KG_ONLY} || ${#KG_CHOSEN[@]} -gt 0 ]] || kg_die 2 "nothing in this lab is called \`${KG_ONLY}\`"
}

# kg_describe NUMBER: REPLY is what it is, and where the DSL asks for it.
kg_describe() {
  kg_place "$1"
  REPLY="${KG_KIND[$1]} ${KG_OBJECT[$1]}  (${REPLY})"
}

# kg_place NUMBER: REPLY is where the DSL asks for it, as `lab.dsl:7: network br-in isolated`.
kg_place() {
  REPLY="${KG_FILES[$1]}:${KG_LINES[$1]}: ${KG_TEXTS[$1]}"
}

# Bridges that the host's own boot makes, since `persist` told it to. `up` takes one for right and mends what goes with it;
# `down` leaves it. It bears no mark of the lab, and gets none: whose it is, is who made it.

declare -A KG_BOOTS=() # bridge -> yes: named by ${KG_VAR}/persist/manifest, or by ${KG_RUN}/boots

# kg_find_booted: KG_IS["link - BRIDGE"]=boot for those that are there. An alias, whoever's, says that somebody else made
# it, and the journal of this boot that the lab did.
kg_find_booted() {
  local n bridge
  kg_read_boots
  [[ ${#KG_BOOTS[@]} -gt 0 ]] || return 0
  for ((n = 1; n <= KG_COUNT; n++)); do
    bridge=${KG_FACTS[n]%%$'\n'*}
    [[ ${bridge} == 'link - '* && -z ${KG_NOTED[n]-} ]] || continue
    bridge=${bridge#link - }
    [[ -n ${KG_BOOTS[${bridge}]-} && -n ${KG_THERE["- ${bridge}"]-} && -d /sys/class/net/${bridge}/bridge ]] || continue
    [[ -n ${KG_IS["link - ${bridge}"]-}${KG_IS["alias - ${bridge}"]-} ]] || KG_IS["link - ${bridge}"]=boot
  done
}

# kg_read_boots: KG_BOOTS. What was named once in this run stays, though `down` or `unpersist` removes the file.
kg_read_boots() {
  local line files=("${KG_VAR}/persist/manifest")
  [[ -n ${KG_OTHER_BOOT} ]] || files+=("${KG_RUN}/boots")
  while IFS= read -r line; do
    if [[ ${line} =~ ^boots\ [A-Za-z0-9_.-]+$ ]]; then KG_BOOTS[${line#boots }]=yes; fi
  done < <(cat -- "${files[@]}" 2>/dev/null || :)
}

# kg_note_booted: ${KG_RUN}/boots keeps the bridges of the boot while the lab is up, for the time after an `unpersist`.
kg_note_booted() {
  local bridge text=''
  for bridge in ${KG_BOOTS[@]+"${!KG_BOOTS[@]}"}; do
    [[ ${KG_IS["link - ${bridge}"]-} != boot ]] || text+="boots ${bridge}"$'\n'
  done
  if [[ -n ${text} ]]; then
    printf '%s' "${text}" >"${KG_RUN}/boots"
  else
    rm -f "${KG_RUN}/boots"
  fi
}

# kg_booted NUMBER: whether what stands of the operation is a bridge of the boot's; REPLY is the bridge.
kg_booted() {
  REPLY=${KG_FACTS[$1]%%$'\n'*}
  [[ ${KG_IS[${REPLY}]-} == boot ]] || return 1
  REPLY=${REPLY#link - }
}

# The lab's state on disk: the lock, and the journal of what was begun, done and undone. A line of the journal is
# three integers, NUMBER PHASE EXTRA, so that nothing on disk is ever executed or evaluated:
#   phase 1  is about to be made  EXTRA: the number of folders to be made for a file; else the host's highest ifindex
#   phase 2  is made              EXTRA: a namespace's inode; else as before
#   phase 4  is taken back
# The first line says the format, which script the numbers belong to (its sha256) and in which boot they were written:
# a journal of another boot proves nothing.

KG_NOTED=()         # number -> phase: what the journal of this boot says
KG_EXTRA=()         # number -> EXTRA
KG_LOCK=''          # the lock file once it is held
KG_SOUND=''         # the sha256 of this file, once it was found as it was generated
KG_OTHER_BOOT=''    # yes: the state was written in another boot
KG_FOREIGN_BUILD='' # the sha256 of the build that owns the state, where it is not this one

# kg_sum FILE: REPLY is the sha256 of a script without the line that holds it; status 1 when it cannot be read.
kg_sum() {
  REPLY=$(
    set -o pipefail
    grep -v '^readonly KG_SHA256=' "$1" 2>/dev/null | sha256sum
  ) || return 1
  REPLY=${REPLY%% *}
}

# kg_integrity: exit 9 unless this file is as it was generated. Status 1 where it is not and kg_die is damaged as well.
kg_integrity() {
  if [[ ${KG_SOUND} == "${KG_SHA256:?}" ]]; then return 0; fi
  [[ -f $0 && -r $0 ]] || kg_die 9 'cannot read its own file' 'copy it to the host and run: bash setup.sh'
  kg_sum "$0" || kg_die 9 "cannot read $0"
  [[ ${REPLY} == "${KG_SHA256}" ]] || kg_die 9 "$0 is not as it was generated" \
    "its sha256 is ${REPLY}, it was ${KG_SHA256}" 'build it again from the lab file'
  [[ ${REPLY} == "${KG_SHA256}" ]] && KG_SOUND=${REPLY}
}

# kg_lock: one run at a time for a lab; exit 7 when another still has it after --wait seconds. The lock is the open file
# 9, which no daemon of the lab inherits.
kg_lock() {
  local tick status
  [[ -z ${KG_LOCK} ]] || return 0
  if [[ /proc/self/fd/9 -ef ${KG_RUN}.lock ]]; then # held by the newer build that called this one
    return 0
  fi
  kg_note_signals
  for ((tick = 0; ; tick++)); do
    kg_open_lock
    flock -n 9
    status=$?
    if [[ ${status} -eq 0 && /proc/self/fd/9 -ef ${KG_RUN}.lock ]]; then
      KG_LOCK=${KG_RUN}.lock
      kg_leave_on_signals
      [[ ${KG_SIGNAL} -eq 0 ]] || kg_leave "$((128 + KG_SIGNAL))"
      return
    elif [[ ${status} -gt 128 ]]; then
      continue # Ctrl-C ended it, and only who has the lock may remove its file
    elif [[ ${status} -gt 1 ]]; then
      rm -f "${KG_RUN}.lock"
      kg_unmake_folder "${KG_RUN%/*}"
      kg_die 5 'flock does not work, without which nobody can tell whether another run is at work'
    elif [[ ${status} -eq 1 ]]; then
      [[ ${KG_SIGNAL} -eq 0 ]] || kg_leave "$((128 + KG_SIGNAL))"
      [[ ${tick} -lt $((${KG_WAIT:-0} * 5)) ]] || kg_die 7 "another run for the lab ${KG_LAB} is at work" \
        "it holds ${KG_RUN}.lock; --wait SECONDS waits for it"
      sleep 0.2
    fi # with 0, the file was removed by its holder while this run opened it
  done
}

# kg_open_lock: the file as 9. Nothing is left where that fails.
kg_open_lock() {
  local tries
  for ((tries = 0; tries < 20; tries++)); do
    if kg_make_folder "${KG_RUN%/*}" && { exec 9>>"${KG_RUN}.lock"; } 2>/dev/null; then return 0; fi
    [[ ! -d ${KG_RUN%/*} && -w ${KG_RUN%/*/*} ]] || break # the run for another lab, in ending, removed the folder
  done
  kg_unmake_folder "${KG_RUN%/*}"
  kg_check_places
  [[ -z ${KG_LACKS} ]] || kg_die 5 'nothing was changed'
  kg_die 1 "cannot write ${KG_RUN}.lock: is the disk full?" 'nothing was changed'
}

# kg_make_folder FOLDER: one that several labs share. Its sticky bit says that kvmgen made it.
kg_make_folder() {
  [[ -d $1 ]] || { mkdir -p "${1%/*}" && mkdir -m 1700 "$1"; } 2>/dev/null || [[ -d $1 ]]
}

# kg_unmake_folder FOLDER: removes it where kvmgen made it and nothing is in it.
kg_unmake_folder() {
  [[ ! -k $1 ]] || rmdir "$1" 2>/dev/null || :
}

# kg_leave_on_signals: HUP, INT and TERM end a run that has not changed anything yet.
kg_leave_on_signals() {
  trap 'kg_leave 129' HUP
  trap 'kg_leave 130' INT
  trap 'kg_leave 143' TERM
}

# kg_note_signals: they are noted in KG_SIGNAL, for a run that has something to take back.
kg_note_signals() {
  trap 'KG_SIGNAL=1' HUP
  trap 'KG_SIGNAL=2' INT
  trap 'KG_SIGNAL=15' TERM
}

# kg_unlock: gives the lock back and leaves no file of it.
kg_unlock() {
  [[ -n ${KG_LOCK} ]] || return 0
  [[ -d ${KG_RUN} ]] || rm -f "${KG_LOCK}"
  exec 9>&-
  [[ -d ${KG_RUN} ]] || kg_unmake_folder "${KG_RUN%/*}"
  KG_LOCK=''
}

# kg_read_journal [BUILD]: KG_NOTED and KG_EXTRA; KG_FOREIGN_BUILD where the numbers are those of another script than
# BUILD (this one), and are therefore not read. A last line that a crash cut short does not count; any other line that
# is not three integers: status 1.
kg_read_journal() {
  local line boot build format n phase extra wanted=${1-${KG_SHA256}}
  KG_NOTED=()
  KG_EXTRA=()
  KG_FOREIGN_BUILD=''
  [[ -r ${KG_RUN}/journal ]] || return 0
  read -r boot </proc/sys/kernel/random/boot_id
  {
    read -r format build line || return 1
    [[ ${format} == 1 && ${build} =~ ^[0-9a-f]{64}$ ]] || return 1
    if [[ ${line} != "${boot}" ]]; then
      KG_OTHER_BOOT=yes
      return 0
    fi
    if [[ ${build} != "${wanted}" ]]; then
      KG_FOREIGN_BUILD=${build}
      return 0
    fi
    while IFS=' ' read -r n phase extra; do
      case ${n}/${phase}/${extra} in
        *[!0-9/]* | *//* | /* | */ | 0* | ????????*/*/* | */*/???????????????????*) return 1 ;;
        */[12]/*)
          KG_NOTED[n]=${phase}
          KG_EXTRA[n]=${extra}
          ;;
        */4/*) unset "KG_NOTED[${n}]" "KG_EXTRA[${n}]" ;;
        *) return 1 ;;
      esac
    done
  } <"${KG_RUN}/journal"
}

# kg_open_journal: makes the folders and files, or leaves with nothing left.
kg_open_journal() {
  local fresh=''
  [[ -e ${KG_RUN}/journal ]] || fresh=yes
  if ! { mkdir -p "${KG_RUN}" && kg_make_folder "${KG_VAR%/*}" && kg_make_folder "${KG_VAR}" &&
    kg_write_journal "${KG_SHA256}" && kg_note_booted && cp -- "$0" "${KG_VAR}/setup.sh.new"; } 2>/dev/null; then
    [[ -z ${fresh} ]] || kg_forget
    [[ ${KG_SIGNAL} -eq 0 ]] || kg_leave "$((128 + KG_SIGNAL))"
    kg_die 1 "cannot keep the lab's state in ${KG_RUN} and ${KG_VAR}" 'nothing was changed'
  fi
  [[ -z ${KG_OTHER_BOOT} ]] || rm -f "${KG_RUN}"/sysctl-*
  KG_LOG=${KG_RUN}/log
}

# kg_write_journal BUILD: the journal anew, with what is known to be made, in BUILD's numbers.
kg_write_journal() {
  local n text boot
  read -r boot </proc/sys/kernel/random/boot_id
  text="1 $1 ${boot}"$'\n'
  for n in ${KG_NOTED[@]+"${!KG_NOTED[@]}"}; do
    text+="${n} ${KG_NOTED[n]} ${KG_EXTRA[n]-0}"$'\n'
  done
  printf '%s' "${text}" >"${KG_RUN}/journal.new" && mv -f "${KG_RUN}/journal.new" "${KG_RUN}/journal"
}

# kg_journal PHASE NUMBER...: one write for all. Status 1 when it cannot be written.
kg_journal() {
  local phase=$1 n lines=() folder
  shift
  for n in "$@"; do
    case ${phase}${KG_FACTS[n]} in
      '1file '*)
        KG_NOTED[n]=1 KG_EXTRA[n]=0
        folder=${KG_FACTS[n]#file }
        while folder=${folder%/*} && [[ ! -d ${folder:-/} ]]; do KG_EXTRA[n]=$((KG_EXTRA[n] + 1)); done
        ;;
      1*) KG_NOTED[n]=1 KG_EXTRA[n]=${KG_NEWEST} ;;
      2*) KG_NOTED[n]=2 ;;
      *) ;;
    esac
    lines+=("${n} ${phase} ${KG_EXTRA[n]-0}")
    [[ ${phase} != 4 ]] || unset "KG_NOTED[${n}]" "KG_EXTRA[${n}]"
  done
  printf '%s\n' "${lines[@]}" >>"${KG_RUN}/journal"
}

# kg_forget: removes the lab's own folders, save what is not its own in them (disks, a user's files). The journal goes
# last: while it is there, `down` has not ended.
kg_forget() {
  KG_LOG=''
  rm -f -- "${KG_VAR:?}/setup.sh" "${KG_VAR:?}/setup.sh.new"
  kg_unmake_folder "${KG_VAR}"
  kg_unmake_folder "${KG_VAR%/*}"
  rm -rf -- "${KG_RUN:?}"
}

# Runs the commands of operations. A process for each is what makes a lab slow, so commands of `ip` and iptables
# are collected into batches, one for the host and one for each namespace and table, until a command comes that no
# batch takes. Then, and at the end, they run, the host's first: what happens inside a namespace is not seen outside
# it, so it can wait, save for commands that move or remove a link, which run in their turn.

KG_SLOW=''                  # yes: --slow, a process for each command
KG_BACKWARD=''              # yes while taking back: then a failing command does not stop the others
KG_KEY=''                   # what kg_encode found: "ip NAMESPACE" or "iptables NAMESPACE TABLE"
KG_ENCODED=''               # and the command's line in that batch
KG_KEYS=()                  # the open batches in the order in which they run
declare -A KG_LINES_OF=()   # open batch -> its lines
declare -A KG_NUMBERS_OF=() # open batch -> the number of each line's operation
KG_TAIL_OF=''               # the batch that is being filled,
KG_TAIL=''                  # its last lines, since to append to a long text is to copy it,
KG_TAIL_NUMBERS=''          # and their operations
KG_FED=()                   # number -> how many commands of it there were so far
KG_RAN=()                   # number -> how many of them ran
KG_STANDS=()                # number -> yes: its object was there before this run, only not as it should be
KG_BEGUN=()                 # number -> yes: the journal has it as begun by this run
KG_OPEN=()                  # the operations that are begun and not yet made
KG_STARTING=()              # "PROCESS NUMBER" of each guest and DHCP server that is starting
KG_STOPPING=()              # the pid files of processes that are to be stopped together
KG_LITTER=()                # and the files that they leave
KG_GONE=()                  # the guests among them
KG_FAILED=''                # the operation that failed
KG_FAILURE=()               # its command, and what the tool said
KG_SAID=''                  # what the last command said
KG_SIGNAL=0                 # the signal that asks this run to end

# kg_going: whether there is reason to go on.
kg_going() {
  [[ -n ${KG_BACKWARD} || (-z ${KG_FAILED} && ${KG_SIGNAL} -eq 0) ]]
}

# kg_encode WORD...: KG_KEY and KG_ENCODED, or status 1 for a command that no batch takes.
kg_encode() {
  local IFS=$'\n' space=- table=filter
  if [[ $1 == ip && $2 == netns && $3 == exec ]]; then
    space=$4
    shift 4
  fi
  case $1 in
    ip)
      shift
      [[ $1 != -* && ($1 != netns || ${KG_BATCH} == yes) ]] || return 1
      KG_KEY="ip ${space}"
      ;;
    iptables)
      shift
      if [[ $1 == -t ]]; then
        table=$2
        shift 2
      fi
      KG_KEY="iptables ${space} ${table}"
      ;;
    *) return 1 ;;
  esac
  KG_ENCODED="$*"
  case ${KG_ENCODED} in
    '' | $'\n'* | *$'\n\n'* | *$'\n' | *[!A-Za-z0-9_./:=@%+,!$'\n'-]*) return 1 ;;
    *)
      IFS=' '
      KG_ENCODED="$*"
      ;;
  esac
}

# kg_feed NUMBER WORD...: the next command of the operation.
kg_feed() {
  local n=$1
  shift
  [[ ${KG_SIGNAL}${KG_FAILED} == 0 ]] || kg_going || return 0
  KG_FED[n]=$((${KG_FED[n]-0} + 1))
  if [[ -n ${KG_STANDS[n]-} && -z ${KG_BACKWARD} ]]; then
    kg_mend "${n}" "$@"
    set -- ${KG_WORDS[@]+"${KG_WORDS[@]}"}
  fi
  if [[ $# -eq 0 ]]; then
    KG_RAN[n]=$((${KG_RAN[n]-0} + 1))
  elif [[ -n ${KG_SLOW} ]] || ! kg_encode "$@"; then
    kg_flush
    kg_execute "${n}" "$@"
  else
    [[ ${#KG_STARTING[@]}${#KG_STOPPING[@]} == 00 ]] || kg_wait_for_others
    case ${KG_KEY}:${KG_ENCODED} in
      'ip -:'*) kg_collect "${n}" ;;
      'ip '*:*' netns '* | 'ip '*:'link del'*)
        kg_flush
        kg_collect "${n}"
        kg_flush
        ;;
      *) kg_collect "${n}" ;;
    esac
  fi
}

# kg_mend NUMBER WORD...: KG_WORDS is what to run instead of the command, where the object stands already: nothing for
# its creation. A chain is emptied and filled again in one go, so that no packet meets half of it.
kg_mend() {
  local word jump=${KG_FACTS[$1]%$'\n'}
  jump=${jump##*$'\n'}
  KG_WORDS=()
  case ${KG_FACTS[$1]}:${KG_FED[$1]} in
    chain*)
      [[ " $* " != *' -I '* || -z ${KG_IS[${jump}]-} ]] || return 0
      shift
      for word in "$@"; do
        [[ ${word} != -N ]] || word=-F
        KG_WORDS+=("${word}")
      done
      ;;
    link*:1 | netns*:1) ;;
    *) KG_WORDS=("${@:2}") ;;
  esac
}

# kg_collect NUMBER: puts the line into its batch.
kg_collect() {
  [[ ${KG_KEY} == "${KG_TAIL_OF}" && ${#KG_TAIL} -lt 4000 ]] || kg_fill "${KG_KEY}"
  KG_TAIL+="${KG_ENCODED}"$'\n' KG_TAIL_NUMBERS+="$1 "
}

# kg_fill BATCH: the batch that is to be filled from here on, or '' for none.
kg_fill() {
  if [[ -n ${KG_TAIL} ]]; then
    KG_LINES_OF[${KG_TAIL_OF}]+=${KG_TAIL}
    KG_NUMBERS_OF[${KG_TAIL_OF}]+=${KG_TAIL_NUMBERS}
  fi
  KG_TAIL_OF=$1 KG_TAIL='' KG_TAIL_NUMBERS=''
  if [[ -n $1 && -z ${KG_NUMBERS_OF[${1:-none}]-} ]]; then
    if [[ $1 == 'ip -' ]]; then
      KG_KEYS=("$1" ${KG_KEYS[@]+"${KG_KEYS[@]}"})
    else
      KG_KEYS+=("$1")
    fi
  fi
}

# kg_flush: runs the open batches.
kg_flush() {
  local key spaces=()
  [[ ${#KG_KEYS[@]} -gt 0 ]] || return 0
  kg_fill ''
  if kg_going && kg_begin "${KG_KEYS[@]}"; then
    for key in "${KG_KEYS[@]}"; do
      kg_going || break
      case ${key} in
        'ip -' | iptables*) kg_run_batch "${key}" ;;
        *) spaces+=("${key#ip }") ;;
      esac
    done
    [[ ${#spaces[@]} -eq 0 ]] || ! kg_going || kg_run_spaces "${spaces[@]}"
  fi
  KG_KEYS=()
  KG_LINES_OF=()
  KG_NUMBERS_OF=()
  kg_made
}

# kg_begin BATCH|NUMBER...: the journal has what is about to be made before it is.
kg_begin() {
  local key n begun=()
  [[ -z ${KG_BACKWARD} ]] || return 0
  for key in "$@"; do
    for n in ${KG_NUMBERS_OF[${key}]-${key}}; do
      [[ -n ${KG_BEGUN[n]-} ]] || begun+=("${n}")
      KG_BEGUN[n]=yes
    done
  done
  [[ ${#begun[@]} -gt 0 ]] || return 0
  if ! kg_journal 1 "${begun[@]}"; then
    kg_fail "${begun[0]}" "the journal ${KG_RUN}/journal cannot be written"
    return 1
  fi
  KG_OPEN+=("${begun[@]}")
}

# kg_made: writes into the journal which operations are made: all their commands ran. The last one may have
# commands that are not read yet, so it is made when a later one is read, or at the end.
kg_made() {
  local n open=() made=() spaces=()
  [[ -z ${KG_BACKWARD} ]] || return 0
  for n in ${KG_OPEN[@]+"${KG_OPEN[@]}"}; do
    if [[ ${KG_RAN[n]-0} -eq ${KG_FED[n]} && ${n} -ne ${KG_AT} ]]; then
      made+=("${n}")
      [[ ${KG_KIND[n]} != netns ]] || spaces+=("${n}")
      [[ ${KG_LOUDNESS} -lt 2 ]] || kg_note "+ ${KG_KIND[n]} ${KG_OBJECT[n]}"
    else
      open+=("${n}")
    fi
  done
  KG_OPEN=(${open[@]+"${open[@]}"})
  kg_note_inodes ${spaces[@]+"${spaces[@]}"}
  [[ ${#made[@]} -eq 0 ]] || kg_journal 2 "${made[@]}" ||
    kg_fail "${made[0]}" "the journal ${KG_RUN}/journal cannot be written"
}

# kg_note_inodes NUMBER...: for the journal, which namespaces these are.
kg_note_inodes() {
  local n of=("$@") k=0 paths=() inode
  for n in "$@"; do paths+=("/run/netns/${KG_OBJECT[n]}"); done
  [[ ${#paths[@]} -gt 0 ]] || return 0
  while read -r inode; do
    KG_EXTRA[of[k]]=${inode}
    k=$((k + 1))
  done < <(stat -c %i -- "${paths[@]}" 2>/dev/null || :)
}

# kg_finish: runs what is still open.
kg_finish() {
  kg_flush
  KG_AT=0
  kg_wait_for_others
  kg_made
}

# kg_fail NUMBER COMMAND SAID: the first failure ends the run, and is the one that is told.
kg_fail() {
  if [[ -n ${KG_BACKWARD} ]]; then
    kg_note "cannot take back ${KG_KIND[$1]} ${KG_OBJECT[$1]}: $2: $3"
  elif [[ -z ${KG_FAILED} ]]; then
    KG_FAILED=$1
    KG_FAILURE=("$2" "$3")
  fi
}

# kg_plain BATCH LINE: REPLY is the command that the line of the batch stands for.
kg_plain() {
  local space=${1#* }
  REPLY="ip $2"
  [[ $1 != iptables* ]] || REPLY="iptables -t ${space#* } $2"
  space=${space% *}
  [[ ${space} == - ]] || REPLY="ip netns exec ${space} ${REPLY}"
}

# kg_run_batch KEY: one process for all its lines. It is short and does not see HUP, INT and TERM, so it is always
# known which of its lines ran. A table of rules is all or nothing: where it is refused, its lines are run one at a
# time, which finds the line, and takes back what can be taken back.
kg_run_batch() {
  local line left=${KG_NUMBERS_OF[$1]} n said
  if [[ -n ${KG_BACKWARD} && $1 == 'ip '* ]]; then
    kg_run_backward "$1"
  elif kg_run_lines "$1" "${KG_LINES_OF[$1]}"; then
    kg_count "$1" ''
  elif [[ $1 == 'ip '* ]]; then
    kg_count "$1" "${REPLY}" -
  else
    while IFS= read -r line; do
      n=${left%% *}
      left=${left#* }
      if kg_run_lines "$1" "${line}"$'\n'; then
        KG_RAN[n]=$((${KG_RAN[n]-0} + 1))
      else
        said=${REPLY}
        kg_plain "$1" "${line}"
        kg_fail "${n}" "${REPLY}" "${said}"
        kg_going || break
      fi
    done < <(printf '%s' "${KG_LINES_OF[$1]}")
  fi
}

# kg_run_backward KEY: its lines, and where one fails, the others. Many namespaces in a row are deleted two at a time:
# `ip` waits long for the kernel with each.
kg_run_backward() {
  local line before='' half='' other='' after='' count=0
  while IFS= read -r line; do
    if [[ ${line} != 'netns delete '* ]]; then
      if [[ ${count} -eq 0 ]]; then before+=${line}$'\n'; else after+=${line}$'\n'; fi
    elif [[ -n ${after} ]]; then
      count=0
      break
    else
      count=$((count + 1))
      if [[ $((count % 2)) -eq 0 ]]; then half+=${line}$'\n'; else other+=${line}$'\n'; fi
    fi
  done < <(printf '%s' "${KG_LINES_OF[$1]}")
  if [[ ${count} -lt 8 ]]; then
    kg_run_lines "$1" "${KG_LINES_OF[$1]}" -force || kg_note "${REPLY}"
    return
  fi
  [[ -z ${before} ]] || kg_run_lines "$1" "${before}" -force || kg_note "${REPLY}"
  kg_log "ip -force -batch -, by two"$'\n'"${half}${other%$'\n'}"
  REPLY=$(
    trap '' HUP INT TERM
    printf '%s' "${half}" 2>/dev/null | ip -force -batch - 2>&1 &
    printf '%s' "${other}" 2>/dev/null | ip -force -batch - 2>&1
    wait
  )
  [[ -z ${REPLY} ]] || kg_note "${REPLY}"
  [[ -z ${after} ]] || kg_run_lines "$1" "${after}" -force || kg_note "${REPLY}"
}

# kg_count BATCH SAID [FILE]: which lines of an `ip` batch ran: all, or those before the one that SAID names, as
# `Command failed FILE:3`. Where it names none, `ip` could not so much as begin.
kg_count() {
  local failed=0 row=0 line n said
  if [[ -n $2 ]]; then
    failed=1
    if [[ $2 == *"Command failed $3:"* ]]; then
      failed=${2##*"Command failed $3:"}
      failed=${failed%%[!0-9]*}
    fi
  fi
  for n in ${KG_NUMBERS_OF[$1]}; do
    row=$((row + 1))
    [[ ${row} -ne ${failed} ]] || break
    KG_RAN[n]=$((${KG_RAN[n]-0} + 1))
  done
  [[ ${failed} -gt 0 ]] || return 0
  row=0
  while IFS= read -r line; do
    row=$((row + 1))
    [[ ${row} -lt ${failed} ]] || break
  done < <(printf '%s' "${KG_LINES_OF[$1]}")
  said=${2%%$'\n'"Command failed"*}
  kg_plain "$1" "${line}"
  kg_fail "${n}" "${REPLY}" "${said}"
}

# kg_run_spaces NAMESPACE...: the `ip` batches of namespaces, which do not see each other: xargs, which is small, starts
# them sooner than this shell could, two at a time. nsenter, where there is one, is sooner inside than `ip -n`, which
# copies the table of mounts, with one for each namespace in it.
kg_run_spaces() {
  local space files=() status=0 told='' said enter=(ip -n '{}')
  ! type -P nsenter >/dev/null || enter=(nsenter --net='/run/netns/{}' ip)
  if [[ $# -gt 3 && -z ${KG_BACKWARD} ]]; then
    for space in "$@"; do
      files+=("${KG_RUN}/batch.${space}")
      kg_log "ip -n ${space} -batch -"$'\n'"${KG_LINES_OF["ip ${space}"]%$'\n'}"
      { printf '%s' "${KG_LINES_OF["ip ${space}"]}" >"${KG_RUN}/batch.${space}"; } 2>/dev/null || status=1
    done
    if [[ ${status} -eq 0 ]]; then
      REPLY=$(
        trap '' HUP INT TERM
        printf '%s\0' "$@" | xargs -0 -P 2 -I '{}' "${enter[@]}" -batch "${KG_RUN}/batch.{}" 2>&1
      ) || {
        status=1
        kg_log "${REPLY}"
      }
      said=${REPLY}
      for space in "$@"; do
        case ${said} in
          *"Command failed ${KG_RUN}/batch.${space}:"* | *"\"${space}\""* | *"/run/netns/${space}: "*)
            kg_count "ip ${space}" "${said}" "${KG_RUN}/batch.${space}"
            told=yes
            ;;
          *) kg_count "ip ${space}" '' ;; # at most: what did not run is taken back in vain
        esac
      done
      [[ ${status} -eq 0 || -n ${told} ]] ||
        kg_fail "${KG_NUMBERS_OF["ip $1"]%% *}" "ip -n NAMESPACE -batch ${KG_RUN}/batch.NAMESPACE, for $*" "${said}"
      rm -f "${files[@]}"
      return
    fi
    rm -f "${files[@]}"
  fi
  for space in "$@"; do
    kg_going || break
    kg_run_batch "ip ${space}"
  done
}

# kg_run_lines BATCH LINES [-force]: gives the lines to the batch's tool; REPLY is what it says, status 1 when it
# is not content. The tool holds the lock as well, so that nobody undoes what it still makes after this shell was killed.
kg_run_lines() {
  local space=${1#* } text=$2 tool=() status=0
  case $1 in
    'ip -') tool=(ip ${3+"$3"} -batch -) ;;
    'ip '*) tool=(ip -n "${space}" ${3+"$3"} -batch -) ;;
    *)
      text="*${space#* }"$'\n'"$2"$'COMMIT\n'
      tool=(iptables-restore --noflush)
      [[ ${space} == '- '* ]] || tool=(ip netns exec "${space% *}" "${tool[@]}")
      ;;
  esac
  kg_log "${tool[*]}"$'\n'"${text%$'\n'}"
  if { printf '%s' "${text}" >"${KG_RUN}/batch"; } 2>/dev/null; then
    REPLY=$(
      trap '' HUP INT TERM
      exec "${tool[@]}" 2>&1 <"${KG_RUN}/batch"
    ) || status=1
  else # a full disk stops no undo
    REPLY=$(
      trap '' HUP INT TERM
      printf '%s' "${text}" 2>/dev/null | "${tool[@]}" 2>&1
    ) || status=1
  fi
  [[ -z ${REPLY} ]] || kg_log "${REPLY}"
  return "${status}"
}

# kg_execute NUMBER WORD...: a command of its own.
kg_execute() {
  local n=$1 status=0 plain
  shift
  kg_going || return 0
  [[ ${KG_KIND[n]}:$1 != guest:kg_stop ]] || KG_GONE+=("${KG_OBJECT[n]}")
  if [[ $1 == kg_stop ]]; then
    KG_STOPPING+=("$2")
    KG_LITTER+=("${@:3}")
    return 0
  fi
  [[ ${#KG_STOPPING[@]} -eq 0 || $1 == kg_write_back ]] || kg_wait_for_others
  kg_begin "${n}" || return 0
  case ${KG_KIND[n]}:${KG_BACKWARD} in
    guest: | dhcp:)
      kg_start "${n}" "$@"
      return 0
      ;;
    *) ;;
  esac
  [[ ${#KG_STARTING[@]} -eq 0 ]] || kg_wait_for_others
  kg_going || return 0
  kg_quote "$@"
  plain=${REPLY}
  kg_log "${plain}"
  KG_SAID=''
  if [[ $1 == kg_* ]]; then
    kg_verb "$@" || status=$?
  else
    if [[ ${KG_FACTS[n]} == 'process '* ]]; then # a daemon: the lock would never be free again
      "$@" </dev/null >"${KG_RUN}/said" 2>&1 9>&- &
    else
      "$@" </dev/null >"${KG_RUN}/said" 2>&1 &
    fi
    kg_await "$!" "${KG_RUN}/said" || status=$?
  fi
  if [[ ${status} -eq 0 || ${status} -gt 128 ]]; then # a command that was killed may have done its work
    KG_RAN[n]=$((${KG_RAN[n]-0} + 1))
  fi
  [[ ${status} -eq 0 || ${KG_SIGNAL} -ne 0 ]] || kg_fail "${n}" "${plain}" "${KG_SAID}"
  kg_made
}

# kg_verb VERB WORD...: what lab parts use where no command of the system's own would do.
kg_verb() {
  local verb=$1
  shift
  case ${verb} in
    kg_write) kg_write "$@" ;;
    kg_write_back) kg_write_back "$@" ;;
    kg_sysctl) kg_sysctl "$@" ;;
    kg_sysctl_back) kg_sysctl_back "$@" ;;
    kg_uplink) kg_uplink "$@" ;;
    kg_uplink_back) kg_uplink_back "$@" ;;
    *)
      KG_SAID="there is no verb ${verb}"
      return 1
      ;;
  esac
}

# kg_await PROCESS FILE: its status, and KG_SAID from the file it wrote. A command runs in the background and is
# waited for, since a signal is not heard while bash waits for one in the foreground; then the command ends too.
kg_await() {
  local status
  while :; do
    # Also where the signal came earlier, while another command was waited for.
    [[ ${KG_SIGNAL} -eq 0 || -n ${KG_BACKWARD} ]] || kill -TERM "$1" 2>/dev/null || :
    wait "$1"
    status=$?
    kill -0 "$1" 2>/dev/null || break
  done
  KG_SAID=''
  IFS= read -r -d '' KG_SAID 2>/dev/null <"$2" || :
  KG_SAID=${KG_SAID%$'\n'}
  [[ -z ${KG_SAID} ]] || kg_log "${KG_SAID}"
  rm -f "$2"
  return "${status}"
}

# kg_start NUMBER WORD...: guests and DHCP servers start side by side; kg_wait_for_others waits for them. A guest that
# runs already only gets its taps back into their bridges.
kg_start() {
  local n=$1 name=${KG_OBJECT[$1]}
  shift
  KG_RAN[n]=1 # also where it fails: what it leaves is cleaned up
  KG_WORDS=("$@")
  if [[ ${KG_KIND[n]} == guest ]]; then
    if [[ -n ${KG_STANDS[n]-} ]]; then
      kg_plug "${n}"
      return
    fi
    if ! kg_guest_prepare "${name}"; then
      kg_fail "${n}" "mkfifo ${KG_RUN}/vm/${name}.qmp.in" 'it cannot be made'
      return
    fi
    kg_accelerate "$@"
  fi
  kg_quote ${KG_WORDS[@]+"${KG_WORDS[@]}"}
  kg_log "${REPLY}"
  ${KG_WORDS[@]+"${KG_WORDS[@]}"} </dev/null >"${KG_RUN}/said.${n}" 2>&1 9>&- &
  KG_STARTING+=("$! ${n}")
}

# kg_plug NUMBER: puts the taps of a guest that runs back into their bridges, with the script that QEMU calls at its start.
kg_plug() {
  local IFS=$'\n' fact tap
  for fact in ${KG_FACTS[$1]}; do
    [[ ${fact} == 'port - '* ]] || continue
    tap=${fact#port - }
    kg_log "${KG_VAR}/qemu-ifup-${tap#* } ${tap% *}"
    KG_SAID=$("${KG_VAR}/qemu-ifup-${tap#* }" "${tap% *}" 2>&1 9>&-) ||
      kg_fail "$1" "${KG_VAR}/qemu-ifup-${tap#* } ${tap% *}" "${KG_SAID}"
  done
}

# kg_wait_for_others: until what is starting has started, and the processes that are to end have ended.
kg_wait_for_others() {
  local started n name
  for started in ${KG_STARTING[@]+"${KG_STARTING[@]}"}; do
    n=${started#* }
    kg_await "${started% *}" "${KG_RUN}/said.${n}" || [[ ${KG_SIGNAL} -ne 0 ]] ||
      kg_fail "${n}" "the start of the ${KG_KIND[n]} ${KG_OBJECT[n]}" "${KG_SAID}"
  done
  KG_STARTING=()
  [[ ${#KG_STOPPING[@]} -eq 0 ]] || kg_stop "${KG_STOPPING[@]}"
  [[ ${#KG_LITTER[@]} -eq 0 ]] || rm -f -- "${KG_LITTER[@]}"
  KG_STOPPING=()
  KG_LITTER=()
  for name in ${KG_GONE[@]+"${KG_GONE[@]}"}; do kg_guest_clean "${name}"; done
  KG_GONE=()
}

# kg_run_one NUMBER: the one operation, and what goes with it, for `vm start`. Exit 1 when it fails; what it left is
# taken back.
kg_run_one() {
  local n
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal"
  kg_judge
  if [[ ${KG_STATE[$1]} == foreign ]]; then
    kg_place "$1"
    kg_die 6 'a link that this lab did not make has the name of a tap of the guest; nothing was changed' "${REPLY}"
  fi
  KG_CHOSEN=()
  KG_CHOSEN[$1]=yes
  for n in "${!KG_WITHIN[@]}"; do
    [[ ${KG_WITHIN[n]} -ne $1 ]] || KG_CHOSEN[n]=yes
  done
  kg_requirements
  kg_make
}

# The verbs that lab parts use as commands where one of the system's own would not do: files, sysctls, and the end
# of processes. Each is one operation's; `KG_AT` is its number, KG_SAID what to tell when it fails.

declare -A KG_DAEMONS=() # pid file of this lab's -> the process that was told to write it

# kg_write MODE PATH: the content that came with the operation, whole or not at all. The journal has the number of
# folders that are made for it.
kg_write() {
  KG_SAID="cannot write $2"
  mkdir -p "${2%/*}" && printf '%s' "${KG_CONTENT[KG_AT]}" 2>/dev/null >"$2.kvmgen" && chmod "$1" "$2.kvmgen" &&
    mv -f "$2.kvmgen" "$2" && return
  rm -f "$2.kvmgen"
  return 1
}

# kg_write_back PATH: and the folders that were made for it, where they are empty.
kg_write_back() {
  local folder=${1%/*} depth=${KG_EXTRA[KG_AT]-0}
  KG_SAID="cannot remove $1"
  rm -f "$1" "$1.kvmgen" || return 1
  while [[ ${depth} -gt 0 ]] && rmdir "${folder}" 2>/dev/null; do
    folder=${folder%/*}
    depth=$((depth - 1))
  done
}

# kg_sysctl_file KEY: REPLY is the file with its value from before the lab. While it is there, the lab needs the sysctl.
kg_sysctl_file() {
  REPLY=${KG_RUN}/sysctl-${1//\//:}
}

# kg_former KEY: REPLY is that value; status 1 where it is not known.
kg_former() {
  local value=''
  kg_sysctl_file "$1"
  { read -r value <"${REPLY}"; } 2>/dev/null
  REPLY=${value}
  [[ -n ${value} && ${value} != *[!0-9]* ]]
}

# kg_sysctl KEY VALUE: sets it, and keeps the former value. Labs do this one at a time, since they share sysctls.
kg_sysctl() {
  local file former
  kg_sysctl_file "$1"
  file=${REPLY}
  kg_sysctl_path "$1"
  KG_SAID="cannot set $1 to $2"
  {
    flock 8
    if [[ ! -e ${file} ]] && ! { read -r former <"${REPLY}" && printf '%s\n' "${former}" >"${file}"; } 2>/dev/null; then
      rm -f "${file}"
      return 1
    fi
    { printf '%s\n' "$2" >"${REPLY}"; } 2>/dev/null
  } 8<"${KG_RUN%/*}"
}

# kg_sysctl_back KEY: the former value. It is called only where the value is still the lab's. Where another lab needs it
# as well it stays, and the former value goes to a lab that found it as this one had set it.
kg_sysctl_back() {
  local file former='' value='' other theirs heir=''
  kg_sysctl_file "$1"
  file=${REPLY}
  KG_SAID="the former value of $1 is not known"
  {
    flock 8
    kg_former "$1" || return 1
    former=${REPLY}
    kg_sysctl_path "$1"
    { read -r value <"${REPLY}"; } 2>/dev/null
    for other in "${KG_RUN%/*}"/*/"${file##*/}"; do
      [[ -e ${other} && ! ${other} -ef ${file} ]] || continue
      heir=${other}
      { read -r theirs <"${other}"; } 2>/dev/null
      [[ ${theirs} != "${value}" ]] || break
    done
    KG_SAID="cannot set $1 to ${former}"
    if [[ -z ${heir} ]]; then
      { printf '%s\n' "${former}" >"${REPLY}"; } 2>/dev/null || return 1
    elif [[ ${theirs} == "${value}" ]]; then
      { printf '%s\n' "${former}" >"${heir}"; } 2>/dev/null || return 1
    fi
    rm -f "${file}"
  } 8<"${KG_RUN%/*}"
}

# kg_find_daemons: a daemon or guest whose pid file is lost gets it again. One that was about to start when the run ended
# has 10 seconds to write its own.
kg_find_daemons() {
  local n file tick waiting lost=()
  for n in "${!KG_FACTS[@]}"; do
    [[ ${KG_FACTS[n]} == 'process '* ]] || continue
    file=${KG_FACTS[n]#process }
    file=${file%%$'\n'*}
    kg_process "${file}" || lost[n]=${file}
  done
  [[ ${#lost[@]} -gt 0 ]] || return 0
  for ((tick = 0; tick < 100; tick++)); do
    kg_list_daemons
    waiting=''
    for n in "${!lost[@]}"; do
      file=${lost[n]}
      case ${KG_NOTED[n]-0}:${KG_SIGNAL} in
        0:* | 2:0) continue ;;
        *) ;;
      esac
      # A daemon forks twice as it starts, and may so slip through two looks.
      [[ ${tick} -ge 2 && -z ${KG_DAEMONS[${file}]-} ]] || kg_process "${file}" || waiting=yes
    done
    [[ -n ${waiting} ]] || break
    sleep 0.1
  done
  for file in "${lost[@]}"; do
    if [[ -n ${KG_DAEMONS[${file}]-} ]] && ! kg_process "${file}"; then
      { mkdir -p "${file%/*}" && printf '%s\n' "${KG_DAEMONS[${file}]}" >"${file}"; } 2>/dev/null
    fi
  done
}

# kg_list_daemons: KG_DAEMONS, from the command lines of all processes.
kg_list_daemons() {
  local process word last
  KG_DAEMONS=()
  for process in /proc/[0-9]*; do
    last=''
    while IFS= read -r -d '' word; do
      [[ ${last} != -pidfile ]] || word="--pid-file=${word}"
      [[ ${word} != "--pid-file=${KG_RUN}/"* ]] || KG_DAEMONS[${word#*=}]=${process#/proc/}
      last=${word}
    done 2>/dev/null <"${process}/cmdline"
  done
}

# kg_stop PIDFILE...: asks all these processes to end, waits up to 5 seconds, and ends those that have not.
kg_stop() {
  local file tick left
  for file in "$@"; do
    if kg_process "${file}"; then kill -TERM "${REPLY}" 2>/dev/null || :; fi
  done
  for ((tick = 0; tick < 110; tick++)); do
    left=''
    for file in "$@"; do
      if kg_process "${file}"; then
        left=yes
        [[ ${tick} -ne 100 ]] || kill -KILL "${REPLY}" 2>/dev/null || :
      fi
    done
    [[ -n ${left} ]] || break
    sleep 0.05
  done
  rm -f "$@"
  [[ -z ${left} ]]
}

# The host's own NIC as a port of a bridge. Its addresses and routes move to the bridge, and back, in one `ip -batch`
# in which each address is on the host at every moment and each route is replaced, never missing. What they were is
# kept in ${KG_RUN}/uplink-NAME (with .moving while the move is not done), a line each, read by a fixed grammar only.

KG_MOVED=()   # "address FAMILY WORDS" and "route FAMILY WORDS", in the words of `ip`, without the link; "mac MAC"
KG_ROUTES=()  # family -> all routes of the host
KG_BATCHES=() # family -> lines for `ip -FAMILY -batch`
KG_LEASED=''  # yes: an IPv4 address has a limited life, so a DHCP client looks after it

# kg_uplink UPLINK BRIDGE: the move. When it fails, what was moved is moved back.
kg_uplink() {
  local file=${KG_RUN}/uplink-$1 said
  [[ ! -e ${file} && ! -e ${file}.moving ]] || kg_uplink_back "$1" "$2" || return 1
  kg_uplink_lines "$1" "$2" || return 1
  KG_SAID="cannot write ${file}"
  { printf '%s\n' ${KG_MOVED[@]+"${KG_MOVED[@]}"} >"${file}.moving"; } 2>/dev/null || return 1
  if kg_move && mv -f "${file}.moving" "${file}"; then
    return
  fi
  said=${KG_SAID}
  kg_uplink_back "$1" "$2" || :
  KG_SAID=${said}
  return 1
}

# kg_uplink_back UPLINK BRIDGE: gives all of it back, from any half-way state.
kg_uplink_back() {
  kg_uplink_back_lines "$1" "$2" || return 1
  kg_move -force || kg_note "${KG_SAID}"
  rm -f "${KG_RUN}/uplink-$1" "${KG_RUN}/uplink-$1.moving"
}

# kg_uplink_back_lines UPLINK BRIDGE: KG_BATCHES is the move back, of what the state file says; without one, of all
# that the bridge has.
kg_uplink_back_lines() {
  local entry file=${KG_RUN}/uplink-$1
  [[ ! -e ${file}.moving ]] || file+=.moving
  if [[ -e ${file} ]]; then
    kg_read_moved "${file}" || return 1
    kg_refresh_leases "$2"
  else
    kg_capture "$2" || return 1
  fi
  KG_BATCHES=()
  kg_lines 'addr add' "$1"
  KG_BATCHES[4]+="link set dev $1 nomaster"$'\n'
  kg_lines 'route replace' "$1"
  kg_lines 'addr del' "$2"
  for entry in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
    [[ ${entry} != 'mac '* ]] || KG_BATCHES[4]+="link set dev $2 address ${entry#mac }"$'\n'
  done
}

# kg_uplink_lines UPLINK BRIDGE: KG_BATCHES is the move, worked out from the live host.
kg_uplink_lines() {
  local mac bridge
  kg_capture_uplink "$1" || return 1
  KG_SAID="there is no link $1"
  mac=$(ip -o link show dev "$1" 2>/dev/null) || return 1
  mac=${mac#*link/ether }
  KG_BATCHES=()
  # Somebody else's bridge gets its own MAC back.
  if [[ ${KG_FACTS[*]-} != *"link - $2"$'\n'* || ${KG_IS["link - $2"]-} == boot ]]; then
    KG_SAID="there is no link $2"
    bridge=$(ip -o link show dev "$2" 2>/dev/null) || return 1
    bridge=${bridge#*link/ether }
    KG_MOVED+=("mac ${bridge%% *}")
  fi
  # With its port's MAC the bridge keeps the host's address at the LAN's DHCP server and in its neighbours' tables.
  [[ ${KG_FACTS[*]-} == *"mac - $2 "* ]] || KG_BATCHES[4]="link set dev $2 address ${mac%% *}"$'\n'
  KG_BATCHES[4]+="link set dev $2 up"$'\n'
  kg_lines 'addr add' "$2" nodad
  KG_BATCHES[4]+="link set dev $1 master $2"$'\n'
  kg_lines 'route replace' "$2"
  kg_lines 'addr del' "$1"
}

# kg_lines VERB LINK [nodad]: adds a line to KG_BATCHES for each address or route in KG_MOVED. Routes to the link itself come
# before those through a gateway, and a primary address goes after its secondary ones, which would go with it.
kg_lines() {
  local entry family head late=()
  for entry in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
    family=${entry#* }
    family=${family%% *}
    head=${entry#* * }
    case $1:${entry} in
      'addr add:address '*)
        head=${head/ label @/ label "$2"}
        [[ ${family} == 4 || ${head} == *nodad* ]] || head+=${3+" $3"}
        KG_BATCHES[family]+="addr add ${head} dev $2"$'\n'
        ;;
      'addr del:address '*)
        if [[ ${head} == *' peer '* ]]; then
          late=("${family} addr del ${head%% *} peer $(kg_word_after peer "${head}") dev $2" ${late[@]+"${late[@]}"})
        else
          late=("${family} addr del ${head%% *} dev $2" ${late[@]+"${late[@]}"})
        fi
        ;;
      'route replace:route '*' via '*) late+=("${family} route replace ${head} dev $2") ;;
      'route replace:route '*) KG_BATCHES[family]+="route replace ${head} dev $2"$'\n' ;;
      *) ;;
    esac
  done
  for entry in ${late[@]+"${late[@]}"}; do
    family=${entry%% *}
    KG_BATCHES[family]+="${entry#* }"$'\n'
  done
}

# kg_word_after WORD TEXT: prints the word that follows.
kg_word_after() {
  local rest=${2#*" $1 "}
  printf '%s' "${rest%% *}"
}

# kg_move [-force]: runs KG_BATCHES.
kg_move() {
  local family status=0
  for family in "${!KG_BATCHES[@]}"; do
    kg_log "ip -${family} -batch -"$'\n'"${KG_BATCHES[family]}"
    KG_SAID=$(
      trap '' HUP INT TERM
      printf '%s' "${KG_BATCHES[family]}" 2>/dev/null | ip "-${family}" ${1+"$1"} -batch - 2>&1
    ) || status=1
    [[ ${status} -eq 0 || -n ${1-} ]] || return 1
  done
  return "${status}"
}

# kg_capture_uplink LINK: kg_capture, and status 1 also for what would go wrong when its routes are replaced by others:
# `ip route replace` finds a route by its network, table and metric, and a rule for the NIC does not hold for the bridge.
kg_capture_uplink() {
  local line family entry rules
  local -A seen=()
  kg_capture "$1" || return 1
  for family in "${!KG_ROUTES[@]}"; do
    KG_SAID="cannot see the routing rules of $1"
    rules=$(ip "-${family}" rule show 2>/dev/null) || return 1
    while IFS= read -r line; do
      KG_SAID="a routing rule names $1: ${line}"
      [[ " ${line} " != *" "[io]"if $1 "* ]] || return 1
    done < <(printf '%s\n' "${rules}")
    while IFS= read -r line; do
      kg_route_key "${line}"
      seen["${family} ${REPLY}"]+=.
    done < <(printf '%s\n' "${KG_ROUTES[family]}")
  done
  for entry in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
    [[ ${entry} == 'route '* ]] || continue
    kg_route_key "${entry#route ? }"
    KG_SAID="a route by $1 has another of the same network and metric beside it: ${entry#route ? }"
    family=${entry#route }
    [[ ${seen["${family%% *} ${REPLY}"]-} == . ]] || return 1
  done
}

# kg_route_key ROUTE: REPLY is its network, table and metric.
kg_route_key() {
  local line=" ${1%%\\*} " table=main metric=0
  if [[ ${line} == *' table '* ]]; then
    table=${line#* table }
    table=${table%% *}
  fi
  if [[ ${line} == *' metric '* ]]; then
    metric=${line#* metric }
    metric=${metric%% *}
  fi
  REPLY="${1%% *} ${table} ${metric}"
}

# kg_moves NUMBER: whether the operation moves an uplink; REPLY is "UPLINK BRIDGE".
kg_moves() {
  [[ ${KG_FACTS[$1]} == 'bridged '* ]] || return 1
  REPLY=${KG_FACTS[$1]#bridged }
  REPLY=${REPLY%%$'\n'*}
}

# kg_find_dhcp_client LINK: whether a process looks after the lease of LINK's address. Not every one tells the kernel
# of the lease.
kg_find_dhcp_client() {
  local file name word
  for file in /proc/[0-9]*/comm; do
    { read -r name <"${file}"; } 2>/dev/null || continue
    case ${name} in
      dhclient | dhcpcd | udhcpc) ;;
      *) continue ;;
    esac
    while IFS= read -r -d '' word; do
      [[ ${word} != "$1" ]] || return 0
    done 2>/dev/null <"${file%comm}cmdline"
  done
  return 1
}

# kg_check_uplinks: finds whether the uplinks among the operations in KG_CHOSEN can move whole.
kg_check_uplinks() {
  local n uplink bridge
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    if [[ ${KG_STATE[n]} == right || ${KG_FACTS[n]} != bridged* ]] || ! kg_moves "${n}"; then continue; fi
    uplink=${REPLY% *} bridge=${REPLY#* }
    if ! kg_capture_uplink "${uplink}"; then
      kg_find missing "a way to move ${uplink} whole: ${KG_SAID}"
    elif [[ -z ${KG_LEASED} ]] && ! kg_find_dhcp_client "${uplink}"; then
      kg_find ok "the addresses and routes of ${uplink} can move to ${bridge}"
    elif [[ -n ${KG_YES} ]]; then
      kg_find warn "${uplink} has its address from DHCP: on ${bridge} nobody renews it, and it ends with its lease"
    else
      kg_find missing "a fixed address on ${uplink}: on ${bridge} nobody renews one from DHCP; \`up -y\` moves it until its lease ends"
    fi
  done
}

# kg_capture LINK: KG_MOVED is what LINK has: its global addresses, and the routes that leave by it, in any table.
# Status 1 for what cannot be moved whole, with the reason in KG_SAID.
kg_capture() {
  local line family said
  KG_MOVED=()
  KG_ROUTES=()
  KG_LEASED=''
  for family in 4 6; do
    [[ ${family} == 4 || -e /proc/net/if_inet6 ]] || continue
    KG_SAID="cannot see the addresses and routes of $1"
    said=$(ip "-${family}" -o addr show dev "$1" scope global 2>/dev/null) || return 1
    while IFS= read -r line; do
      [[ -z ${line} ]] || kg_capture_address "$1" "${family}" "${line}" || return 1
    done < <(printf '%s\n' "${said}")
    KG_ROUTES[family]=$(ip "-${family}" -o route show table all 2>/dev/null) || return 1
    while IFS= read -r line; do
      [[ " ${line} " != *" dev $1 "* ]] || kg_capture_route "$1" "${family}" "${line}" || return 1
    done < <(printf '%s\n' "${KG_ROUTES[family]}")
  done
}

# kg_capture_address LINK FAMILY LINE, such as
# `2: ens33    inet 10.0.0.2/24 brd 10.0.0.255 scope global dynamic ens33\ valid_lft 9sec preferred_lft 9sec`
kg_capture_address() {
  local rest=${3#* inet} word words='' option=''
  rest=${rest#6}
  rest=${rest//\\/ }
  for word in ${rest}; do
    if [[ -n ${option} ]]; then
      [[ $2:${option} != 4:*_lft || ${word} == forever ]] || KG_LEASED=yes
      [[ ${option} == proto ]] || words+=" ${option} ${word%sec}"
      option=''
    elif [[ -z ${words} ]]; then
      words=" ${word}"
    else
      case ${word} in
        peer | brd | any | metric | scope | proto | valid_lft | preferred_lft) option=${word} ;;
        noprefixroute | mngtmpaddr | home | nodad) words+=" ${word}" ;;
        temporary) return 0 ;; # the kernel makes it anew from the address that it belongs to
        dynamic | secondary | deprecated | tentative | permanent | "$1") ;;
        "$1":*) words+=" label @${word#"$1"}" ;;
        *)
          KG_SAID="an address of $1 has the word ${word}, which cannot be moved: $3"
          return 1
          ;;
      esac
    fi
  done
  KG_MOVED+=("address $2${words}")
}

# kg_capture_route LINK FAMILY LINE. Routes that the kernel makes of an address come with the address.
kg_capture_route() {
  local line=${3%%\\*} word words='' option='' address
  KG_SAID="a route by $1 has several next hops, which cannot be moved: ${line}"
  [[ $3 != *nexthop* ]] || return 1
  [[ " ${line} " != *' table local '* ]] || return 0
  case $2:${line} in
    4:*' proto kernel '*)
      address=$(kg_word_after src "${line}")
      kg_has_own_route "${address}" || return 0
      ;;
    6:*' proto kernel '* | 6:*' proto ra '* | 6:fe80:* | 6:ff00:*) return 0 ;;
    *) ;;
  esac
  for word in ${line}; do
    if [[ -n ${option} ]]; then
      case ${option}:${word} in
        dev:* | expires:* | pref:*) option='' ;;
        mtu:lock) option='mtu lock' ;;
        *)
          words+=" ${option} ${word}"
          option=''
          ;;
      esac
    elif [[ -z ${words} ]]; then
      words=" ${word}"
    else
      case ${word} in
        table | dev | via | src | metric | proto | scope | expires | pref) option=${word} ;;
        mtu | advmss | hoplimit | initcwnd | initrwnd | window) option=${word} ;;
        onlink) words+=" ${word}" ;;
        linkdown | dead) ;;
        *)
          KG_SAID="a route by $1 has the word ${word}, which cannot be moved: $3"
          return 1
          ;;
      esac
    fi
  done
  KG_MOVED+=("route $2${words}")
}

# kg_has_own_route ADDRESS: whether the kernel makes no route of this address (NetworkManager wants it so), so that the
# route to its network is somebody's own.
kg_has_own_route() {
  local moved
  for moved in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
    [[ ${moved} != "address 4 $1/"*noprefixroute* ]] || return 0
  done
  return 1
}

# kg_read_moved FILE: KG_MOVED from it; status 1 when a line is not in the grammar that kg_uplink writes.
kg_read_moved() {
  local line word='[A-Za-z0-9@.:/_-]+' address route mac='^mac [0-9a-f:]{17}$'
  address="^address [46] [0-9a-f.:/]+( (peer|brd|any|metric|scope|label|valid_lft|preferred_lft) ${word}| (noprefixroute|mngtmpaddr|home|nodad))*$"
  route="^route [46] [a-z0-9.:/]+( (table|via|src|metric|proto|scope|mtu|mtu lock|advmss|hoplimit|initcwnd|initrwnd|window) ${word}| onlink)*$"
  KG_MOVED=()
  while IFS= read -r line; do
    KG_SAID="a line of $1 is not one that this script wrote: ${line}"
    [[ -z ${line} ]] && continue
    [[ ${line} =~ ${address} || ${line} =~ ${route} || ${line} =~ ${mac} ]] || return 1
    KG_MOVED+=("${line}")
  done <"$1"
}

# kg_refresh_leases LINK: addresses with a limited life get the life that LINK now has of them.
kg_refresh_leases() {
  local n moved live
  local had=(${KG_MOVED[@]+"${KG_MOVED[@]}"})
  [[ " ${had[*]-} " == *_lft\ [0-9]* ]] || return 0
  kg_capture "$1" || return 0
  for n in "${!had[@]}"; do
    moved=${had[n]}
    [[ ${moved} == *_lft\ [0-9]* ]] || continue
    for live in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
      if [[ ${live%% valid_lft*} == "${moved%% valid_lft*}" ]]; then had[n]=${live}; fi
    done
  done
  KG_MOVED=("${had[@]}")
}

# The guard of the host's own NIC. The move of its address may cut off the very one who asked for it, so a process in a
# session of its own, the watchdog, takes the whole lab back unless `confirm` comes from a new login in time, or once a
# gateway that answered before the move has gone silent. The watchdog is this script, read whole when it starts.
#   ${KG_RUN}/guard     there until it is confirmed; its process number, and on a second line the integers of KG_GUARDED:
#                       the uptime when it acts, the seconds given, process, session and terminal of `up`, the newest
#                       login then, and the uptime then in hundredths
#   ${KG_RUN}/reverted  there after it acted; why (1: nobody confirmed, 2: a gateway is silent) and the seconds given

KG_GUARD=120           # --guard SECONDS; 0: --no-guard
KG_GUARDED=()          # what the guard file says
KG_GATEWAYS=()         # the gateways that answered before the move,
KG_ANSWERED=()         # whether a ping or only the neighbour table (ARP) told so,
KG_MISSED=()           # and how often in a row each has not answered since
KG_GATEWAY=''          # the one that has gone silent
KG_NO_LOGIN=4294967295 # what /proc/PID/sessionid says where nobody logged in, or nobody counts

# kg_uptime: REPLY is the seconds since the host started.
kg_uptime() {
  read -r REPLY _ </proc/uptime
  REPLY=${REPLY%%.*}
}

# kg_session PROCESS: REPLY is its parent, its session, its terminal, and the uptime in hundredths when it began.
kg_session() {
  local line='' fields
  REPLY='0 0 0 0'
  { IFS= read -r -d '' line <"/proc/$1/stat"; } 2>/dev/null || [[ -n ${line} ]] || return 1
  read -r -a fields <<<"${line##*') '}"
  REPLY="${fields[1]} ${fields[3]} ${fields[4]} ${fields[19]}"
}

# kg_login PROCESS: REPLY is the number of its login, which the kernel counts upwards; KG_NO_LOGIN where it has none.
kg_login() {
  REPLY=''
  { read -r REPLY <"/proc/$1/sessionid"; } 2>/dev/null || :
  [[ -n ${REPLY} && ${REPLY} != *[!0-9]* ]] || REPLY=${KG_NO_LOGIN}
}

# kg_newest_login: REPLY is the newest login of any process, 0 where there is none.
kg_newest_login() {
  local process newest=0
  for process in /proc/[0-9]*; do
    kg_login "${process#/proc/}"
    [[ ${REPLY} -eq ${KG_NO_LOGIN} || ${REPLY} -le ${newest} ]] || newest=${REPLY}
  done
  REPLY=${newest}
}

# kg_read_guard: KG_GUARDED; status 1 when the guard file is not there, or not as it was written.
kg_read_guard() {
  local watchdog line pattern='^[0-9]{1,18}( [0-9]{1,18}){6}$'
  { { read -r watchdog && IFS= read -r line; } <"${KG_RUN}/guard"; } 2>/dev/null || return 1
  [[ ${watchdog} != *[!0-9]* && ${line} =~ ${pattern} ]] || return 1
  read -r -a KG_GUARDED <<<"${line}"
}

# kg_write_guard WATCHDOG: the guard file, from KG_GUARDED.
kg_write_guard() {
  printf '%s\n%s\n' "$1" "${KG_GUARDED[*]-}" >"${KG_RUN}/guard.new" && mv -f "${KG_RUN}/guard.new" "${KG_RUN}/guard"
}

# kg_renew_guard: the time to confirm begins anew.
kg_renew_guard() {
  kg_process "${KG_RUN}/guard" && kg_read_guard && [[ ${KG_GUARDED[2]} -eq $$ ]] || return 0
  local watchdog=${REPLY}
  kg_uptime
  KG_GUARDED[0]=$((REPLY + KG_GUARDED[1]))
  kg_write_guard "${watchdog}"
}

# kg_begin_guard: starts the watchdog, if an operation in KG_CHOSEN is to move the host's own address. Status 1 when it does
# not start; that is a failure of the operation.
kg_begin_guard() {
  local n moves='' watchdog gateways session terminal
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    kg_moves "${n}" || continue
    [[ -z ${KG_MASTER["- ${REPLY% *}"]-} ]] || moves=${n} # it is in an older build's bridge
    REPLY=$(ip -o addr show dev "${REPLY% *}" scope global 2>/dev/null)
    [[ -z ${REPLY} ]] || moves=${n}
  done
  [[ -n ${moves} && ${KG_GUARD} -gt 0 ]] || return 0
  kg_session "$$"
  read -r _ session terminal _ <<<"${REPLY}"
  if kg_process "${KG_RUN}/guard" && kg_read_guard; then
    watchdog=${REPLY}
    KG_GUARDED[2]=$$ KG_GUARDED[3]=${session} KG_GUARDED[4]=${terminal}
    kg_write_guard "${watchdog}"
    kg_renew_guard
    return
  fi
  exec 7< <(exec setsid /bin/bash "$0" guard-watch "${KG_RUN}/guard" "${KG_GUARD}" "$$" "${session}" "${terminal}" \
    9>&- 2>/dev/null </dev/null || :)
  read -r -t 20 -u 7 watchdog gateways
  exec 7<&-
  if ! kg_process "${KG_RUN}/guard" || [[ ${REPLY} != "${watchdog-}" ]]; then
    kg_fail "${moves}" "setsid bash $0 guard-watch" 'the guard of the uplink does not start; --no-guard goes without it'
    return 1
  fi
  kg_say "the host's own address moves; all is taken back unless it is confirmed within ${KG_GUARD} s of the end of this run"
  [[ -z ${gateways} ]] || kg_say "or as soon as the gateway ${gateways} stops answering"
}

# kg_watch GUARD-FILE SECONDS UP SESSION TERMINAL: the watchdog. It prints its process number and the gateways that
# answer, and then has no open file of its starter's.
kg_watch() {
  local fd
  kg_integrity || exit 9
  kg_load
  cd / || exit 1
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    [[ ${fd} -le 2 || ${fd} -eq 255 ]] || exec {fd}>&- # bash has this script open as 255
  done
  exec 8<> <(: || :) # a pipe that nobody writes to: `read` waits there without a process
  kg_find_gateways
  kg_newest_login
  KG_GUARDED=(0 "$2" "$3" "$4" "$5" "${REPLY}" 0)
  read -r REPLY _ </proc/uptime
  KG_GUARDED[0]=$((${REPLY%.*} + $2)) KG_GUARDED[6]=${REPLY/./}
  kg_write_guard "$$" || exit 1
  printf '%s %s\n' "$$" "${KG_GATEWAYS[*]-}"
  exec >/dev/null
  trap exit TERM
  while kg_is_watched; do
    kg_uptime
    if [[ ${REPLY} -ge ${KG_GUARDED[0]} ]]; then
      kg_take_lab_back 1
    elif kg_gateway_silent; then
      kg_take_lab_back 2
    fi
    read -r -t 1 -u 8 _ || :
  done
  exit
}

# kg_is_watched: whether the guard file is still this watchdog's.
kg_is_watched() {
  kg_read_guard && kg_process "${KG_RUN}/guard" && [[ ${REPLY} -eq $$ ]]
}

# kg_find_gateways: KG_GATEWAYS: the IPv4 gateways by which default routes leave through a NIC that is to move.
kg_find_gateways() {
  local line link gateway n
  while IFS= read -r line; do
    [[ ${line} == 'default via '*' dev '* ]] || continue
    gateway=${line#default via }
    gateway=${gateway%% *}
    [[ ${gateway} != *[!0-9.]* ]] || continue # `via inet6 ...`
    link=${line#* dev }
    link=${link%% *}
    for ((n = 1; n <= KG_COUNT; n++)); do
      kg_moves "${n}" && [[ ${link} == "${REPLY% *}" || -e /sys/class/net/${link}/brif/${REPLY% *} ]] || continue
      if kg_answers "${gateway}" ping; then
        KG_ANSWERED+=(ping)
      elif kg_answers "${gateway}" neighbour; then
        KG_ANSWERED+=(neighbour)
      else
        continue
      fi
      KG_GATEWAYS+=("${gateway}")
      KG_MISSED+=(0)
    done
  done < <(ip -4 route show table main 2>/dev/null || :)
}

# kg_answers GATEWAY ping|neighbour: whether it answers within a second: a ping, or the kernel's own ARP probe.
kg_answers() {
  local link tick neighbour
  if [[ $2 == ping ]]; then
    ping -n -q -c 1 -W 1 "$1" >/dev/null 2>&1
    return
  fi
  link=$(ip -4 -o route get "$1" 2>/dev/null) || return 1
  link=${link#* dev }
  link=${link%% *}
  { printf . >"/dev/udp/$1/9"; } 2>/dev/null || : # a packet makes the kernel look for it
  neighbour=$(ip -4 neigh show to "$1" dev "${link}" 2>/dev/null)
  if [[ ${neighbour} == *' lladdr '* ]]; then # and to ask it whether it is still there
    neighbour=${neighbour#* lladdr }
    ip -4 neigh change "$1" lladdr "${neighbour%% *}" nud probe dev "${link}" 2>/dev/null || :
  fi
  for ((tick = 0; tick < 10; tick++)); do
    neighbour=$(ip -4 neigh show to "$1" dev "${link}" 2>/dev/null)
    [[ ${neighbour} != *REACHABLE* ]] || return 0
    read -r -t 0.1 -u 8 _ || :
  done
  return 1
}

# kg_gateway_silent: whether one of KG_GATEWAYS has not answered five times running: KG_GATEWAY.
kg_gateway_silent() {
  local n
  for n in ${KG_GATEWAYS[@]+"${!KG_GATEWAYS[@]}"}; do
    if kg_answers "${KG_GATEWAYS[n]}" "${KG_ANSWERED[n]}"; then
      KG_MISSED[n]=0
    else
      KG_MISSED[n]=$((KG_MISSED[n] + 1))
    fi
    KG_GATEWAY=${KG_GATEWAYS[n]}
    [[ ${KG_MISSED[n]} -lt 5 ]] || return 0
  done
  return 1
}

# kg_why_reverted WHY SECONDS: REPLY is it in words.
kg_why_reverted() {
  REPLY="nobody confirmed within $2 s"
  [[ $1 != 2 ]] || REPLY="the gateway${KG_GATEWAY:+ ${KG_GATEWAY}} stopped answering"
}

# kg_take_lab_back WHY: what `down` does, the host's own NIC first. An `up` that is still at work is asked to take back
# what it did itself and, since its terminal may hang, is ended after 10 seconds. It returns where the time was renewed.
kg_take_lab_back() {
  local tick asked='' n
  exec 6<>"${KG_RUN}/log" 9>>"${KG_RUN}.lock" || return 0
  for ((tick = 0; ; tick++)); do
    if flock -n 9; then
      [[ /proc/self/fd/9 -ef ${KG_RUN}.lock ]] && break
      kg_make_folder "${KG_RUN%/*}" # who held the lock has removed it
      exec 9>>"${KG_RUN}.lock" || exit 1
    elif [[ ! /proc/${KG_GUARDED[2]}/fd/9 -ef ${KG_RUN}.lock ]]; then
      read -r -t 0.5 -u 8 _ || :
    elif [[ -z ${asked} ]]; then
      asked=${tick}
      trap '' TERM
      printf '%s\n' "$1 ${KG_GUARDED[1]}" >"${KG_RUN}/reverted"
      kill -TERM "${KG_GUARDED[2]}" || :
    else
      [[ $((tick - asked)) -ne 20 ]] || kill -KILL "${KG_GUARDED[2]}" || :
      read -r -t 0.5 -u 8 _ || :
    fi
  done
  trap '' TERM
  if kg_is_watched; then
    kg_uptime
    if [[ -z ${asked} && $1 == 1 && ${REPLY} -lt ${KG_GUARDED[0]} ]]; then
      exec 6>&- 9>&-
      trap exit TERM
      return
    fi
  elif [[ -z ${asked} || -e ${KG_RUN}/journal ]]; then
    KG_LOCK=${KG_RUN}.lock
    kg_leave 0
  fi
  if kg_is_watched; then
    rm -f "${KG_RUN}/guard"
    KG_LOG=${KG_RUN}/log
    kg_why_reverted "$1" "${KG_GUARDED[1]}"
    kg_log "${REPLY}: the guard takes all of it back"
    if kg_read_journal && [[ -z ${KG_FOREIGN_BUILD} ]]; then
      kg_locate
      KG_CHOSEN=()
      for ((n = 1; n <= KG_COUNT; n++)); do
        if kg_moves "${n}" && kg_stands "${n}"; then KG_CHOSEN[n]=yes; fi
      done
      kg_take_back
    fi
    (kg_down)
  fi
  kg_make_folder "${KG_RUN%/*}" && mkdir -p "${KG_RUN}"
  [[ -e ${KG_RUN}/log ]] || cat "/proc/$$/fd/6" >"${KG_RUN}/log" # `down` removed it, and 6 has it still
  printf '%s\n' "$1 ${KG_GUARDED[1]}" >"${KG_RUN}/reverted"
  exit
}

# kg_settle_guard: at the end of a run: without a moved uplink there is nothing to guard.
kg_settle_guard() {
  local file
  for file in "${KG_RUN}"/uplink-*; do
    [[ ! -e ${file} ]] || return 0
  done
  [[ ! -e ${KG_RUN}/guard || -e ${KG_RUN}/reverted ]] || kg_stop "${KG_RUN}/guard" || :
}

# kg_tell_guard: what the guard waits for, or did.
kg_tell_guard() {
  local why seconds left
  if kg_process "${KG_RUN}/guard" && kg_read_guard; then
    kg_uptime
    left=$((KG_GUARDED[0] > REPLY ? KG_GUARDED[0] - REPLY : 0))
    kg_say "not confirmed yet: within ${left} s, log in anew and run: bash ${KG_VAR}/setup.sh confirm"
    kg_say 'else all of it is taken back; setup.sh revert does so at once'
  elif [[ -e ${KG_RUN}/guard ]]; then
    kg_say 'not confirmed, and the guard has been ended: setup.sh confirm keeps it, setup.sh revert takes it back'
  elif { read -r why seconds <"${KG_RUN}/reverted"; } 2>/dev/null; then
    kg_why_reverted "${why}" "${seconds}"
    kg_say "${REPLY}, so the guard took it back; setup.sh log tells the rest"
  fi
}

# kg_confirm: ends the guard, if this is run from a login that is newer than the move. Exit 10 when it has acted.
kg_confirm() {
  local why seconds
  kg_prepare
  if [[ ! -e ${KG_RUN}/guard ]]; then
    if { read -r why seconds <"${KG_RUN}/reverted"; } 2>/dev/null; then
      kg_why_reverted "${why}" "${seconds}"
      kg_die 10 "${REPLY}, so the guard took it back" 'setup.sh log tells the rest'
    fi
    kg_say 'nothing waits to be confirmed'
    return
  fi
  kg_prove_login || kg_die 5 "this is not from a new login: ${KG_SAID}" \
    'log in anew and confirm there: that proves that one can'
  if [[ -n ${KG_DRY} ]]; then
    kg_say "would end the guard: ${KG_SAID}"
    return
  fi
  kg_stop "${KG_RUN}/guard" || kg_die 1 'the guard does not end'
  KG_LOG=${KG_RUN}/log
  kg_say "confirmed: ${KG_LAB} stays as it is (${KG_SAID})"
}

# kg_prove_login: whether this process is of a login newer than the move; KG_SAID is how that is known, or why not. The
# kernel numbers logins. Where it does not (a container, no pam_loginuid), a session begun since stands for one, if no
# process that it comes from is of the session of the move, or has a terminal that was there before.
kg_prove_login() {
  local process=$$ parent session terminal begun leader=0
  KG_SAID="${KG_RUN}/guard cannot be read; setup.sh revert takes all back"
  kg_read_guard || return 1
  kg_login "$$"
  if [[ ${REPLY} -ne ${KG_NO_LOGIN} ]]; then
    KG_SAID="login ${REPLY} was there before the move"
    [[ ${REPLY} -gt ${KG_GUARDED[5]} ]] || return 1
    KG_SAID="login ${REPLY} is newer than the move"
    return
  elif [[ ${KG_GUARDED[5]} -ne 0 ]]; then
    KG_SAID='nobody logged in for this process'
    return 1
  fi
  while [[ ${process} -gt 1 ]]; do
    kg_session "${process}" || break
    read -r parent session terminal begun <<<"${REPLY}"
    [[ ${process} -ne $$ ]] || leader=${session}
    KG_SAID='it comes from the session, or the terminal, that the move was started from'
    [[ ${session} -ne ${KG_GUARDED[3]} && (${terminal} -eq 0 || ${terminal} -ne ${KG_GUARDED[4]}) ]] || return 1
    KG_SAID='it comes from a terminal that was there before the move'
    [[ ${terminal} -eq 0 || ${begun} -ge ${KG_GUARDED[6]} ]] || return 1
    process=${parent}
  done
  KG_SAID='when its session began cannot be seen from here'
  kg_session "${leader}" || return 1
  read -r _ _ _ begun <<<"${REPLY}"
  KG_SAID='its session began before the move'
  [[ ${begun} -ge ${KG_GUARDED[6]} ]] || return 1
  KG_SAID='this host does not number logins: a newer session stands for one'
}

# kg_revert: what the guard would do, at once.
kg_revert() {
  kg_prepare
  if [[ -e ${KG_RUN}/guard ]]; then
    kg_down
  else
    kg_say 'nothing waits to be confirmed; setup.sh down takes back the lab'
  fi
}

# Takes back: `down` all that stands, a failed `up` what it did. In reverse order, and only what is still as the lab
# made it; what goes with something else (an address with its bridge, all of a namespace with it) is not undone apart.

KG_LEFT=()     # the operations whose objects are still there
KG_SUSPECTS=() # those that the journal says were begun, and whose objects are there without the lab's mark

# kg_spare: takes out of KG_CHOSEN what goes with another that is in it. What is half made is undone apart: it may not
# be yet where it belongs.
kg_spare() {
  local n doomed=()
  for ((n = 1; n <= KG_COUNT; n++)); do
    if [[ -n ${doomed[KG_WITHIN[n]]-} ]]; then
      doomed[n]=yes
      [[ ${KG_NOTED[n]-} == 1 ]] || unset "KG_CHOSEN[${n}]"
    else
      doomed[n]=${KG_CHOSEN[n]-}
    fi
  done
}

# kg_in_reverse feed|print: runs or prints each undo command of KG_CHOSEN, the last operation first. The leases of a
# server that another build has otherwise outlive it.
kg_in_reverse() {
  local first last k at end words
  [[ ${#KG_KEPT_OF[@]} -gt 0 ]] || kg_pass unmake
  last=$((${#KG_KEPT_OF[@]} - 1))
  while [[ ${last} -ge 0 ]]; do
    first=${last}
    KG_AT=${KG_KEPT_OF[last]}
    while [[ ${first} -gt 0 && ${KG_KEPT_OF[first - 1]} -eq ${KG_AT} ]]; do first=$((first - 1)); done
    for ((k = first; k <= last; k++)); do
      [[ -n ${KG_CHOSEN[KG_AT]-} ]] || break
      end=${KG_KEPT_AT[k + 1]-${#KG_KEPT[@]}}
      words=()
      for ((at = KG_KEPT_AT[k]; at < end; at++)); do words+=("${KG_KEPT[at]}"); done
      [[ ${words[0]}:${KG_AGAIN[KG_AT]-} != kg_stop:yes ]] || words=(kg_stop "${words[1]}")
      if [[ $1 == feed ]]; then
        kg_feed "${KG_AT}" "${words[@]}"
      else
        kg_print "${words[@]}"
      fi
    done
    last=$((first - 1))
  done
}

# kg_take_back: undoes KG_CHOSEN, waits until the kernel is done with it, and puts what is left into KG_LEFT.
kg_take_back() {
  local n tick chosen=()
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do chosen+=("${n}"); done
  [[ ${#chosen[@]} -gt 0 ]] || return 0
  kg_spare
  KG_BACKWARD=yes
  kg_in_reverse feed
  kg_finish
  for ((tick = 0; tick < 50; tick++)); do # `ip netns delete` returns before the kernel is done
    kg_locate
    KG_LEFT=()
    for n in "${chosen[@]}"; do
      case ${KG_UNDOABLE[n]-}:${KG_FOUND[n]-}:${KG_RAN[n]-}:${KG_FACTS[n]} in
        :* | yes:::[!fb]*) ;; # most have gone, and only of a file or a moved uplink can a part be left
        *) if kg_remains "${n}"; then KG_LEFT+=("${n}"); fi ;;
      esac
    done
    [[ ${#KG_LEFT[@]} -gt 0 ]] || break
    sleep 0.1
  done
  KG_BACKWARD=''
  if [[ -d ${KG_RUN} ]]; then kg_journal 4 "${chosen[@]}" || :; fi
}

# kg_remains NUMBER: whether the object is there after all: with its mark, or without it where this run made it.
kg_remains() {
  local name=${KG_FACTS[$1]%%$'\n'*}
  case ${KG_RAN[$1]-0}:${name} in
    [1-9]*:'link '*) [[ -n ${KG_THERE[${name#link }]-} ]] ;;
    [1-9]*:'netns '*) [[ -n ${KG_THERE[${name}]-} ]] ;;
    *) kg_stands "$1" ;;
  esac
}

# kg_tell_left: on standard error, what is left; exit code 8 is the caller's.
kg_tell_left() {
  local n lines=()
  for n in "$@"; do
    kg_describe "${n}"
    lines+=("${REPLY}")
  done
  kg_warn 'not all could be taken back; this is left:' "${lines[@]}"
}

# kg_suspect: KG_SUSPECTS: those of KG_CHOSEN that are links and namespaces without a mark, which a run was about to make
# when it was killed. It may have made them, or somebody else since.
kg_suspect() {
  local n name
  KG_SUSPECTS=()
  for n in ${KG_NOTED[@]+"${!KG_NOTED[@]}"}; do
    [[ ${KG_NOTED[n]} == 1 && -z ${KG_FOUND[n]-} && -n ${KG_CHOSEN[n]-} ]] || continue
    name=${KG_FACTS[n]%%$'\n'*}
    case ${name} in
      'link '*) [[ -z ${KG_THERE[${name#link }]-} ]] || KG_SUSPECTS+=("${n}") ;;
      'netns '*) [[ -z ${KG_THERE[${name}]-} ]] || KG_SUSPECTS+=("${n}") ;;
      *) ;;
    esac
  done
}

# kg_down: takes back all that stands of the lab.
kg_down() {
  local n guests='' count line stays=()
  KG_KEEPING=yes
  kg_prepare
  if [[ -n ${KG_UNIT} && -z ${KG_DRY} ]] && kg_host_stops; then # an uplink that moved back would cut off what is still stopping
    kg_power_down_all "${KG_WAIT:-10}"
    kg_say "this host is shutting down, and ${KG_LAB} ends with it"
    return
  fi
  if ! kg_read_journal; then
    kg_warn "cannot read ${KG_RUN}/journal: only what bears the lab's mark is taken back"
    KG_NOTED=()
  fi
  if [[ -n ${KG_FOREIGN_BUILD} ]] && kg_find_copy; then
    kg_older_down
    return
  fi
  [[ -z ${KG_FOREIGN_BUILD} ]] ||
    kg_warn "another build made the lab, and its script is gone: only what bears the lab's mark is taken back"
  [[ -n ${KG_ONLY} ]] || KG_OUTSIDE=yes
  [[ -n ${KG_DRY} ]] || kg_find_daemons
  kg_locate
  kg_select
  kg_suspect
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    if kg_stands "${n}"; then
      [[ ${KG_KIND[n]} != guest ]] || guests=yes
    else
      ! kg_booted "${n}" || stays+=("bridge ${REPLY} stays: the host's boot made it (setup.sh unpersist)")
      unset "KG_CHOSEN[${n}]"
    fi
  done
  count=${#KG_CHOSEN[@]}
  if [[ -n ${KG_DRY} ]]; then
    kg_spare
    kg_in_reverse print
    return
  fi
  for line in ${stays[@]+"${stays[@]}"}; do kg_say "${line}"; done
  if [[ ${count} -eq 0 && ${#KG_SUSPECTS[@]} -eq 0 && ! -d ${KG_RUN} ]]; then
    kg_say "${KG_LAB} is down already"
    return
  fi
  kg_own_folder
  if [[ ${#KG_SUSPECTS[@]} -gt 0 && (-n ${KG_YES} || -t 0) ]]; then kg_ask_about_suspects; fi
  trap '' HUP INT TERM
  trap : PIPE
  [[ -z ${guests} || -n ${KG_ONLY} ]] || kg_power_down_all "${KG_WAIT:-10}"
  kg_take_back
  if [[ ${#KG_LEFT[@]} -gt 0 ]]; then
    kg_tell_left "${KG_LEFT[@]}"
    kg_leave 8
  fi
  if [[ ${#KG_SUSPECTS[@]} -gt 0 ]]; then # those that did not go with something else
    kg_select
    kg_suspect
  fi
  if [[ ${#KG_SUSPECTS[@]} -gt 0 ]]; then
    kg_tell_left "${KG_SUSPECTS[@]}"
    kg_warn 'a run that was killed may have made these, or somebody else: setup.sh repair asks about each, down -y removes them'
    kg_leave 8
  fi
  kg_settle_guard
  [[ -n ${KG_ONLY} ]] || kg_forget
  KG_OUTSIDE=''
  kg_say "${KG_ONLY:+${KG_ONLY} of }${KG_LAB} is down: nothing of it is left"
}

# kg_host_stops: whether this host is shutting down.
kg_host_stops() {
  local state
  if [[ -d /run/systemd/system ]]; then
    state=$(systemctl is-system-running 2>/dev/null)
    [[ ${state} == stopping ]]
  else
    state=$(runlevel 2>/dev/null) # such as `3 6`
    [[ ${state} == *' '[06] ]]
  fi
}

# kg_repair: what a killed run began and did not mark is taken for the lab's own, if the answer is yes; then `up` or
# `down` goes on from there.
kg_repair() {
  local n
  kg_prepare
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal" "setup.sh down takes back what bears the lab's mark"
  kg_locate
  kg_select
  kg_suspect
  if [[ ${#KG_SUSPECTS[@]} -eq 0 ]]; then
    kg_say 'nothing is in doubt'
    return
  elif [[ -n ${KG_DRY} ]]; then
    for n in ${KG_SUSPECTS[@]+"${KG_SUSPECTS[@]}"}; do
      kg_describe "${n}"
      kg_say "would ask about ${REPLY}"
    done
    return
  fi
  kg_own_folder
  KG_CHOSEN=()
  kg_ask_about_suspects
  trap '' HUP INT TERM
  kg_take_back
  kg_say "${#KG_CHOSEN[@]} removed; setup.sh up or setup.sh down goes on from here"
}

# kg_ask_about_suspects: those that the lab made, by the answers, are added to KG_CHOSEN; the others are none of its business.
kg_ask_about_suspects() {
  local n answer others=()
  for n in ${KG_SUSPECTS[@]+"${KG_SUSPECTS[@]}"}; do
    kg_place "${n}"
    printf '%s %s (%s)\n  was about to be made when a run was killed, and is there without a mark. Remove it? [y/N] ' \
      "${KG_KIND[n]}" "${KG_OBJECT[n]}" "${REPLY}"
    answer=${KG_YES}
    if [[ -n ${KG_YES} ]]; then printf 'yes\n'; else read -r answer || :; fi
    if [[ ${answer} == [yY]* ]]; then
      KG_CHOSEN[n]=yes
      KG_RAN[n]=1
    else
      others+=("${n}")
    fi
  done
  KG_SUSPECTS=()
  [[ ${#others[@]} -eq 0 ]] || kg_journal 4 "${others[@]}" || :
}

# Makes what is missing, all or nothing.

KG_MADE=0  # how many operations this run did
KG_RIGHT=0 # how many of the operations that were asked for are right

# kg_up: preflight, then every operation that is not right.
kg_up() {
  kg_prepare
  [[ -z ${KG_UNIT} ]] || kg_leave_guests
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal" "setup.sh down takes back what bears the lab's mark"
  if [[ -n ${KG_FOREIGN_BUILD} ]]; then
    [[ -z ${KG_ONLY} ]] || kg_die 2 "another build of ${KG_LAB} is up, and \`--only\` cannot go over to this one" \
      'setup.sh up does'
    kg_compare
  fi
  kg_judge
  kg_forecast
  kg_select
  kg_pending
  if [[ ${#KG_CHOSEN[@]} -eq 0 && -z ${KG_COPY} && (-d ${KG_RUN} || ${KG_COUNT} -eq 0) ]]; then
    kg_say "${KG_ONLY:+${KG_ONLY} of }${KG_LAB} is up: nothing to do"
    kg_tell_guard
  elif [[ -n ${KG_DRY} ]]; then
    kg_show_plan
  else
    kg_requirements
    [[ -z ${KG_STEP} ]] || kg_step_older
    kg_make
    kg_say "${KG_ONLY:+${KG_ONLY} of }${KG_LAB} is up: ${KG_MADE} made, ${KG_RIGHT} were right"
    kg_tell_guard
  fi
}

# kg_pending: takes out of KG_CHOSEN what is right. What must be there and is not: exit 5. What is in the way: exit 6.
kg_pending() {
  local n foreign=() missing=()
  KG_RIGHT=0
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    if [[ ${KG_STATE[n]} == right || (-n ${KG_MANUAL[n]-} && -z ${KG_FOUND[n]-}) ]]; then
      [[ ${KG_STATE[n]} != right ]] || KG_RIGHT=$((KG_RIGHT + 1))
      unset "KG_CHOSEN[${n}]"
      continue
    fi
    if [[ ${KG_STATE[n]} == foreign ]]; then
      kg_describe "${n}"
      foreign+=("${REPLY}")
    elif [[ ${KG_PARTS[n]-0} -eq 0 ]]; then
      kg_describe "${n}"
      missing+=("${REPLY}")
    fi
  done
  if [[ ${#foreign[@]} -gt 0 ]]; then
    kg_restore_older
    kg_die 6 'something that this lab did not make is in the way; nothing was changed' "${foreign[@]}"
  elif [[ ${#missing[@]} -gt 0 ]]; then
    kg_restore_older
    kg_die 5 'something that must be there is not; nothing was changed' "${missing[@]}"
  fi
}

# kg_make: the operations in KG_CHOSEN, all or nothing.
kg_make() {
  local n again=()
  kg_note_signals
  trap : PIPE
  [[ ! -e ${KG_RUN}/reverted ]] || rm -f "${KG_RUN}/reverted"
  if [[ -n ${KG_COPY} ]]; then
    [[ -n ${KG_STEP} ]] || kg_begin_guard || kg_roll_back
    kg_replace_older
    kg_judge
    kg_select
    kg_pending
  fi
  kg_open_journal
  kg_claim_sysctls
  [[ -n ${KG_STEP} ]] || kg_begin_guard || kg_roll_back
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    [[ ${KG_STATE[n]} == differs && -n ${KG_FOUND[n]-} ]] || continue
    case ${KG_FACTS[n]} in
      'link '* | 'netns '* | 'chain '* | 'process '*) KG_STANDS[n]=yes ;; # mended, not made
      'address '*) again+=("${n}") ;;                                     # the kernel takes the first of a subnet for the primary one
      *) ;;
    esac
  done
  if [[ ${#again[@]} -gt 0 ]]; then
    KG_CHOSEN=()
    for n in "${again[@]}"; do KG_CHOSEN[n]=yes; done
    kg_take_back
    kg_judge
    kg_select
    kg_pending
  fi
  KG_MADE=${#KG_CHOSEN[@]}
  if [[ -n ${KG_STEP} ]]; then
    kg_step_through
  else
    kg_pass make
    kg_finish
  fi
  if [[ -n ${KG_FAILED}${KG_QUIT} || ${KG_SIGNAL} -ne 0 ]] || ! mv -f "${KG_VAR}/setup.sh.new" "${KG_VAR}/setup.sh"; then
    kg_roll_back
  fi
  trap '' HUP INT TERM # from here on it is done, and the exit code is to say so
  kg_settle_guard
  kg_renew_guard
  [[ ${KG_COUNT} -gt 0 ]] || kg_forget # this build has nothing, and now the host has nothing of the lab
}

# kg_claim_sysctls: a sysctl that is right already may be so for another lab, which must not take it back before this one.
kg_claim_sysctls() {
  local n rest
  for ((n = 1; n <= KG_COUNT; n++)); do
    if [[ ${KG_STATE[n]} != right ]] || ! kg_shares "${n}"; then continue; fi
    rest=${REPLY}
    kg_sysctl "${rest%% *}" "${rest#* }" || kg_fail "${n}" "sysctl -w ${rest/ /=}" "${KG_SAID}"
  done
}

# kg_roll_back: tells why, takes back what this run did, and leaves with the exit code.
kg_roll_back() {
  local n line lines=() why=''
  trap '' HUP INT TERM
  if { read -r why line <"${KG_RUN}/reverted"; } 2>/dev/null; then
    kg_why_reverted "${why}" "${line}"
    kg_warn "${REPLY}: the guard has what this run did taken back"
  elif [[ ${KG_SIGNAL} -ne 0 ]]; then
    kg_warn "signal ${KG_SIGNAL}: taking back what this run did"
  elif [[ -n ${KG_FAILED} ]]; then
    kg_place "${KG_FAILED}"
    lines=("${REPLY}" "${KG_FAILURE[0]}")
    while IFS= read -r line; do
      [[ -z ${line} ]] || lines+=("${line}")
    done < <(printf '%s\n' "${KG_FAILURE[1]}")
    kg_warn "${KG_KIND[KG_FAILED]} ${KG_OBJECT[KG_FAILED]} failed:" "${lines[@]}"
  elif [[ -n ${KG_QUIT} ]]; then
    kg_warn 'taking back what this run did'
  else
    kg_warn "cannot write ${KG_VAR}/setup.sh"
  fi
  if [[ -n ${KG_KEEP} && ${KG_SIGNAL} -eq 0 && -z ${KG_QUIT} ]]; then
    kg_renew_guard
    kg_tell_guard
    mv -f "${KG_VAR}/setup.sh.new" "${KG_VAR}/setup.sh"
    kg_die 1 'what was made is kept, as --keep says: setup.sh down takes it back'
  fi
  KG_CHOSEN=()
  for n in ${KG_RAN[@]+"${!KG_RAN[@]}"}; do
    [[ ${KG_RAN[n]} -eq 0 || -n ${KG_STANDS[n]-} ]] || KG_CHOSEN[n]=yes
  done
  kg_find_daemons
  kg_take_back
  rm -f "${KG_VAR}/setup.sh.new"
  if [[ ${#KG_LEFT[@]} -gt 0 ]]; then
    kg_tell_left "${KG_LEFT[@]}"
    kg_leave 8
  fi
  for n in ${KG_NOTED[@]+"${!KG_NOTED[@]}"}; do # begun, but not a command of it ran
    [[ ${KG_NOTED[n]} == 2 ]] || kg_journal 4 "${n}" || :
  done
  kg_settle_guard
  [[ ${#KG_NOTED[@]} -gt 0 || -e ${KG_VAR}/setup.sh ]] || kg_forget
  kg_warn 'all that this run did is taken back'
  kg_restore_older
  [[ -z ${why} ]] || kg_leave 10
  [[ ${KG_SIGNAL} -eq 0 ]] || kg_leave "$((128 + KG_SIGNAL))"
  kg_leave 1
}

# `step`: what `up --slow` does, with a question at the terminal before each operation.

KG_STEP=''        # yes: step, or --step
KG_TERMINAL_AT='' # the terminal
KG_QUIT=''        # yes: the answer was to quit
KG_STEPS=()       # the operations, in their order
KG_STEPPED=0      # how many of them have run
KG_BEFORE=()      # number -> what its look command said before it ran

# kg_prepare_step COMMAND: finds the terminal, or leaves with 2.
kg_prepare_step() {
  case $1 in
    up | step | restart) ;;
    *) kg_die 2 "\`--step\` is an option of \`up\` and \`restart\`" ;;
  esac
  KG_SLOW=yes
  [[ -z ${KG_DRY} ]] || return 0
  if { : <>/dev/tty; } 2>/dev/null; then
    KG_TERMINAL_AT=/dev/tty
  elif [[ -t 0 ]]; then
    KG_TERMINAL_AT=/proc/self/fd/0
  else
    kg_die 2 "\`step\` asks at a terminal, and there is none" 'setup.sh up --slow does the same without questions'
  fi
}

# kg_step_older: what an older build has and this one has not, or has otherwise, is taken back before the first step.
kg_step_older() {
  [[ ${#KG_DROPPED[@]} -gt 0 ]] || return 0
  KG_STEPS=("${!KG_CHOSEN[@]}")
  { kg_show_plan >"${KG_TERMINAL_AT}"; } 2>/dev/null || :
  kg_tell_terminal 'what an older build has otherwise is taken back first'
  kg_ask_step '[Enter] do so, '
  [[ -z ${REPLY} ]] || kg_die 1 'nothing was changed'
}

# kg_step_through: the operations in KG_CHOSEN, as the answers say.
kg_step_through() {
  local n
  KG_STEPS=("${!KG_CHOSEN[@]}")
  KG_STEPPED=0
  while kg_going; do
    if [[ ${KG_STEPPED} -lt ${#KG_STEPS[@]} ]]; then
      n=${KG_STEPS[KG_STEPPED]}
      kg_show_step "${n}"
      kg_ask_step '[Enter] run, '
    else
      kg_ask_step '[Enter] finish, '
      [[ -n ${REPLY} ]] || break
    fi
    case ${REPLY} in
      '') kg_run_steps "${n}" ;;
      l | look) kg_step_look ;;
      b | before | after) kg_step_compare ;;
      u | undo) kg_step_back ;;
      c | continue)
        kg_run_steps "${KG_STEPS[@]:KG_STEPPED}"
        break
        ;;
      q | quit)
        KG_QUIT=yes
        break
        ;;
      *) kg_tell_terminal "there is no answer \`${REPLY}\`" ;;
    esac
  done
}

# kg_tell_terminal TEXT: a line on the terminal.
kg_tell_terminal() {
  { printf '%s\n' "$1" >"${KG_TERMINAL_AT}"; } 2>/dev/null || :
}

# kg_show_step NUMBER: what the operation is for, and its commands.
kg_show_step() {
  KG_CHOSEN=()
  KG_CHOSEN[$1]=yes
  KG_EXPLAINED=$'\n'
  { kg_pass explain >"${KG_TERMINAL_AT}"; } 2>/dev/null || :
}

# kg_ask_step FIRST: REPLY is the answer; q when the terminal has no more, or has gone. A signal is heard within a second.
kg_ask_step() {
  local status=129 answer=''
  { printf '%s of %s have run: %s[l]ook, [b]efore/after, [u]ndo last, [c]ontinue, [q]uit and roll back: ' \
    "${KG_STEPPED}" "${#KG_STEPS[@]}" "$1" >"${KG_TERMINAL_AT}"; } 2>/dev/null || :
  while kg_going && [[ ${status} -gt 128 ]]; do
    { IFS= read -r -t 1 answer <"${KG_TERMINAL_AT}"; } 2>/dev/null
    status=$?
  done
  [[ ${status} -eq 0 ]] || answer=q
  kg_renew_guard
  REPLY=${answer}
}

# kg_run_steps NUMBER...: runs them as one part of the whole.
kg_run_steps() {
  local n
  KG_CHOSEN=()
  for n in "$@"; do KG_CHOSEN[n]=yes; done
  kg_begin_guard || return 0
  [[ $# -gt 1 ]] || KG_BEFORE[$1]=$(kg_look_at "$1")
  kg_pass make
  kg_finish
  KG_STEPPED=$((KG_STEPPED + $#))
}

# kg_look_at NUMBER: prints what the operation's look command says.
kg_look_at() {
  KG_CHOSEN=()
  KG_CHOSEN[$1]=yes
  kg_pass look
}

# kg_show_look WORD...: runs a look command.
kg_show_look() {
  kg_quote "$@"
  printf '# %s\n' "${REPLY}"
  "$@" </dev/null 2>&1 9>&- || :
}

# kg_step_look: what the last operation brought about; before the first, what is there now.
kg_step_look() {
  local n=${KG_STEPS[KG_STEPPED > 0 ? KG_STEPPED - 1 : 0]} said
  said=$(kg_look_at "${n}")
  kg_tell_terminal "${said}"
}

# kg_step_compare: the same before and after the last operation: - was, + is.
kg_step_compare() {
  local n line said before after text=''
  if [[ ${KG_STEPPED} -eq 0 ]]; then
    kg_tell_terminal 'nothing has run yet'
    return
  fi
  n=${KG_STEPS[KG_STEPPED - 1]}
  said=$(kg_look_at "${n}")
  before=$'\n'${KG_BEFORE[n]}$'\n'
  after=$'\n'${said}$'\n'
  while IFS= read -r line; do
    [[ ${after} == *$'\n'"${line}"$'\n'* ]] || text+="- ${line}"$'\n'
  done < <(printf '%s\n' "${KG_BEFORE[n]}")
  while IFS= read -r line; do
    if [[ ${before} == *$'\n'"${line}"$'\n'* ]]; then
      text+="  ${line}"$'\n'
    else
      text+="+ ${line}"$'\n'
    fi
  done < <(printf '%s\n' "${said}")
  kg_tell_terminal "${text%$'\n'}"
}

# kg_step_back: takes back the last operation. One without an undo of its own goes with what it is within, and
# all since then.
kg_step_back() {
  local n first=$((KG_STEPPED - 1))
  if [[ ${first} -lt 0 ]]; then
    kg_tell_terminal 'nothing has run yet'
    return
  fi
  n=${KG_STEPS[first]}
  while [[ -z ${KG_UNDOABLE[n]-} && ${KG_WITHIN[n]} -ne 0 ]]; do n=${KG_WITHIN[n]}; done
  while [[ ${first} -ge 0 && ${KG_STEPS[first]} -ne ${n} ]]; do first=$((first - 1)); done
  if [[ ${first} -lt 0 || -z ${KG_UNDOABLE[n]-} || -n ${KG_STANDS[n]-} ]]; then
    kg_tell_terminal "${KG_KIND[n]} ${KG_OBJECT[n]} stood before, so it stays"
    return
  fi
  KG_CHOSEN=()
  for n in ${KG_STEPS[@]+"${KG_STEPS[@]:first:KG_STEPPED-first}"}; do
    [[ -z ${KG_STANDS[n]-} ]] || continue # it was only mended
    KG_CHOSEN[n]=yes
    kg_tell_terminal "taken back: ${KG_KIND[n]} ${KG_OBJECT[n]}"
  done
  kg_take_back
  [[ ${#KG_LEFT[@]} -eq 0 ]] || kg_tell_left "${KG_LEFT[@]}"
  for n in ${KG_STEPS[@]+"${KG_STEPS[@]:first:KG_STEPPED-first}"}; do
    unset "KG_FED[${n}]" "KG_RAN[${n}]" "KG_BEGUN[${n}]"
  done
  kg_settle_guard
  KG_STEPPED=${first}
}

# `up` over an older build of the same lab, and `down` of another build: the script that made what stands is kept in
# ${KG_VAR}, so each build takes back its own work. An operation that reads the same in both builds is kept as it
# runs, and its line of the journal goes over into the new build's numbers. What reads otherwise is taken back in its old
# form and made in the new one, save for what can be changed in place: a chain of rules, the bridge of a running guest.

KG_COPY=''               # the script whose numbers the journal has
KG_OLD_BUILD=''          # its sha256
KG_OLD_NAME=()           # its operations by its own numbers: kind and object
KG_OLD_WITHIN=()         # as KG_WITHIN
KG_OLD_UNDOABLE=()       # yes or no
KG_OLD_FACTS=()          # as KG_FACTS
KG_OLD_IDENTITY=()       # as KG_IDENTITY
KG_OLD_NOTED=()          # what its journal says of what is kept
KG_OLD_EXTRA=()          # likewise
KG_IDENTITY=()           # number -> what it is within, its content and its commands, on one line
KG_BECOMES=()            # the older build's number -> this one's, of what is kept or changed in place
KG_CHANGED=()            # the older build's numbers of what is changed in place -> yes
KG_DROPPED=()            # the older build's numbers of the others -> yes
KG_AGAIN=()              # number -> yes: what it makes is taken back in the form that another build gave it
KG_REPLACED=''           # yes: what is gone has been taken back, so a failure has to bring it again
declare -A KG_NUMBER=()  # kind and object -> number
declare -A KG_DECIDED=() # what a fact is about, without its value -> yes, for all facts
declare -A KG_LOST=()    # facts of the older build that go with what is taken back, with and without value -> yes

# kg_identify do|undo WORD...: adds the command to the operation's identity.
kg_identify() {
  kg_quote "$@"
  KG_IDENTITY[KG_AT]+=" ${REPLY//$'\n'/\\n}"
}

# kg_identities: KG_IDENTITY and KG_NUMBER.
kg_identities() {
  local n content
  KG_CHOSEN=()
  for ((n = 1; n <= KG_COUNT; n++)); do
    KG_CHOSEN[n]=yes
    content=${KG_CONTENT[n]-}
    content=${content//\\/\\\\}
    KG_IDENTITY[n]="${KG_OBJECT[KG_WITHIN[n]]-}: ${content//$'\n'/\\n}"
    KG_NUMBER["${KG_KIND[n]} ${KG_OBJECT[n]}"]=${n}
  done
  kg_pass identify
}

# kg_about FACT: REPLY is what the fact is about, without the value that it has to have.
kg_about() {
  case $1 in
    'port '* | 'mtu '* | 'mac '* | 'stp '* | 'sysctl '* | 'file '* | 'symlink '* | 'bridge '* | 'brport '* | 'bridged '*) REPLY=${1% *} ;;
    *) REPLY=$1 ;;
  esac
}

# kg_list: for a newer build, a line for each operation.
kg_list() {
  local n
  kg_load
  kg_identities
  for ((n = 1; n <= KG_COUNT; n++)); do
    printf '%s\t' "${n}" "${KG_KIND[n]} ${KG_OBJECT[n]}" "${KG_WITHIN[n]}" "${KG_UNDOABLE[n]-no}" \
      "${KG_FACTS[n]//$'\n'/$'\037'}"
    printf '%s\n' "${KG_IDENTITY[n]}"
  done
}

# kg_undo_these NUMBER[:again]...: for a newer build, which has those with `again` in another form: takes these back.
kg_undo_these() {
  local n running=() dead=()
  kg_prepare
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal"
  kg_locate
  KG_CHOSEN=()
  for n in "$@"; do
    [[ ${n} != *:again ]] || KG_AGAIN[${n%:again}]=yes
    n=${n%:again}
    if kg_stands "${n}"; then
      KG_CHOSEN[n]=yes
      [[ ${KG_KIND[n]} != guest ]] || running+=("${KG_OBJECT[n]}")
    elif [[ ${KG_KIND[n]} == guest ]]; then
      dead+=("${KG_OBJECT[n]}")
    fi
  done
  KG_LOG=${KG_RUN}/log
  trap '' HUP INT TERM
  [[ ${#running[@]} -eq 0 ]] || kg_power_down "${KG_WAIT:-10}" "${running[@]}"
  kg_take_back
  for n in ${dead[@]+"${dead[@]}"}; do kg_guest_clean "${n}"; done
  [[ ${#KG_LEFT[@]} -eq 0 ]] && return
  kg_tell_left "${KG_LEFT[@]}"
  kg_leave 8
}

# kg_find_copy: KG_COPY is the stored script that the journal's numbers belong to; status 1 when there is none, or when
# it is not as it was generated.
kg_find_copy() {
  for KG_COPY in "${KG_VAR}/setup.sh" "${KG_VAR}/setup.sh.new"; do
    if kg_sum "${KG_COPY}" && [[ ${REPLY} == "${KG_FOREIGN_BUILD}" ]]; then return; fi
  done
  KG_COPY=''
  return 1
}

# kg_older_down: the older build takes back its own work.
kg_older_down() {
  local words=(--wait "${KG_WAIT:-10}")
  [[ -z ${KG_DRY} ]] || words+=(-n)
  [[ -z ${KG_ONLY} ]] || words+=(--only "${KG_ONLY}")
  case ${KG_LOUDNESS} in
    0) words+=(-q) ;;
    2) words+=(-v) ;;
    *) ;;
  esac
  kg_older down "${words[@]}" || kg_leave "$?"
  KG_FOREIGN_BUILD=''
  KG_COPY=''
}

# kg_compare: what the older build has and this one has not, and what both have, with the journal in this one's numbers.
kg_compare() {
  local o n
  kg_find_copy || kg_die 9 "another build of ${KG_LAB} is up, and the copy of its script is gone or was edited" \
    'setup.sh down takes back what bears the mark of the lab; then setup.sh up makes this build'
  KG_OLD_BUILD=${KG_FOREIGN_BUILD}
  kg_read_older
  kg_identities
  for o in "${!KG_OLD_NAME[@]}"; do
    n=${KG_NUMBER[${KG_OLD_NAME[o]}]-}
    if [[ -n ${n} ]] && kg_same "${o}" "${n}"; then
      KG_BECOMES[o]=${n}
    else
      KG_DROPPED[o]=yes
    fi
  done
  while kg_spread; do :; done
  kg_count_lost
  kg_translate
}

# kg_count_lost: KG_LOST and KG_AGAIN.
kg_count_lost() {
  local IFS=$'\n' o n fact
  for o in ${KG_DROPPED[@]+"${!KG_DROPPED[@]}"}; do
    n=${KG_NUMBER[${KG_OLD_NAME[o]}]-}
    [[ -z ${n} ]] || KG_AGAIN[n]=yes
    [[ ${KG_OLD_UNDOABLE[o]}${KG_DROPPED[KG_OLD_WITHIN[o]]-} != no ]] || continue
    for fact in ${KG_OLD_FACTS[o]}; do
      kg_about "${fact}"
      KG_LOST[${fact}]=yes
      KG_LOST[${REPLY}]=yes
    done
  done
}

# kg_read_older: asks the older build for its operations.
kg_read_older() {
  local o name within undoable facts identity
  while IFS=$'\t' read -r o name within undoable facts identity; do
    KG_OLD_NAME[o]=${name}
    KG_OLD_WITHIN[o]=${within}
    KG_OLD_UNDOABLE[o]=${undoable}
    KG_OLD_FACTS[o]=${facts//$'\037'/$'\n'}
    KG_OLD_IDENTITY[o]=${identity}
  done < <(/bin/bash "${KG_COPY}" list-operations 9>&- || :)
  [[ ${#KG_OLD_NAME[@]} -gt 0 ]] || kg_die 9 "${KG_COPY} does not say what it made"
}

# kg_same OLDER NUMBER: whether what the older build made stays, as it is or changed in place.
kg_same() {
  local first=${KG_FACTS[$2]%%$'\n'*} equal=''
  [[ ${KG_OLD_IDENTITY[$1]} != "${KG_IDENTITY[$2]}" ]] || equal=yes
  [[ -z ${equal} || ${KG_OLD_FACTS[$1]} != "${KG_FACTS[$2]}" ]] || return 0
  case ${KG_KIND[$2]}:${equal}:${first} in
    *:chain*) [[ ${KG_OLD_FACTS[$1]%%$'\n'*} == "${first}" ]] || return 1 ;;
    guest:yes:*) kg_decides "$1" || return 1 ;;
    *) return 1 ;;
  esac
  KG_CHANGED[$1]=yes
}

# kg_decides OLDER: whether this build gives a value to all that the older one's operation did, so that nothing of it
# has to be taken back first.
kg_decides() {
  local IFS=$'\n' fact facts
  facts="${KG_FACTS[*]-}"
  if [[ ${#KG_DECIDED[@]} -eq 0 ]]; then
    for fact in ${facts}; do
      kg_about "${fact}"
      KG_DECIDED[${REPLY}]=yes
    done
  fi
  for fact in ${KG_OLD_FACTS[$1]}; do
    kg_about "${fact}"
    [[ -n ${KG_DECIDED[${REPLY}]-} ]] || return 1
  done
}

# kg_spread: drops what cannot stay without what is dropped already; status 1 when there is nothing more.
kg_spread() {
  local IFS=$'\n' o fact rest name within falls more=''
  local -A gone=() addressed=()
  for o in ${KG_DROPPED[@]+"${!KG_DROPPED[@]}"}; do
    within=${KG_OLD_WITHIN[o]}
    for fact in ${KG_OLD_FACTS[o]}; do
      gone["${fact/#there /link }"]=yes
      [[ ${fact} != 'address '* ]] || gone["addresses of ${within}"]=yes
      [[ ${fact} != 'address '* || ${KG_OLD_FACTS[o]} == *$'\nsecondary '* ]] || gone["${fact% *}"]=yes
    done
    # A MAC cannot be taken back: where this build gives none, the link has to be another one.
    if [[ ${KG_OLD_NAME[o]} == 'mac '* && -n ${KG_BECOMES[within]-} ]] && ! kg_decides "${o}"; then
      kg_drop "${within}"
      more=yes
    fi
  done
  for o in ${KG_BECOMES[@]+"${!KG_BECOMES[@]}"}; do
    [[ ${KG_OLD_FACTS[o]} != 'address '* ]] || addressed["${KG_OLD_WITHIN[o]}"]=yes
  done
  for o in ${KG_BECOMES[@]+"${!KG_BECOMES[@]}"}; do
    within=${KG_OLD_WITHIN[o]}
    name=${KG_OLD_NAME[o]}
    falls=${KG_DROPPED[within]-}
    for fact in ${KG_OLD_FACTS[o]}; do
      rest=${fact#* }
      case ${fact}:${name} in
        'port '*:'guest '*) ;; # a guest runs on, and is plugged in again
        'port '*) falls+=${gone["link ${rest%% *} ${rest##* }"]-} ;;
        'bridged '*) falls+=${gone["link - ${rest##* }"]-} ;;
        'secondary '*) falls+=${gone["address ${rest% *}"]-} ;; # the kernel removes it with its primary one
        'route '*)                                              # and a route with the last address of its link
          [[ ${KG_OLD_FACTS[within]-netns} == netns* || -n ${addressed[${within}]-} ]] || falls+=${gone["addresses of ${within}"]-}
          ;;
        'process '*:'dhcp '*/*)
          rest=${name#dhcp }
          falls+=${gone["netns ${rest%/*}"]-}${gone["link ${rest/\// }"]-}
          ;;
        'process '*:'dhcp '*) falls+=${gone["link - ${name#dhcp }"]-} ;;
        'process '*:'guest '*)
          for rest in ${gone[@]+"${!gone[@]}"}; do
            [[ ${rest} != 'exists '* || ${KG_OLD_IDENTITY[o]} != *"=${rest#exists },"* ]] || falls=yes
          done
          ;;
        *) ;;
      esac
    done
    if [[ -n ${falls} ]]; then
      kg_drop "${o}"
      more=yes
    fi
  done
  [[ -n ${more} ]]
}

# kg_drop OLDER: what seemed to stay is taken back after all.
kg_drop() {
  unset "KG_BECOMES[$1]" "KG_CHANGED[$1]"
  KG_DROPPED[$1]=yes
}

# kg_forecast: what stands now and will not when the older build has taken back its part; what is in the way may be the
# older build's (a port in another bridge).
kg_forecast() {
  local IFS=$'\n' n fact goes kept=()
  [[ -n ${KG_COPY} && -z ${KG_REPLACED} ]] || return 0
  for n in ${KG_BECOMES[@]+"${KG_BECOMES[@]}"}; do kept[n]=yes; done
  for ((n = 1; n <= KG_COUNT; n++)); do
    goes=''
    for fact in ${KG_FACTS[n]}; do
      case ${KG_KIND[n]}:${kept[n]-}:${fact} in
        guest:yes:'port '*) [[ -z ${KG_LOST["link - ${fact##* }"]-} ]] || KG_STATE[n]=differs ;;
        *:yes:*) ;;
        *:'link '* | *:'netns '*) [[ ${KG_STATE[n]} == foreign ]] || goes+=${KG_LOST[${fact}]-} ;;
        *)
          kg_about "${fact}"
          goes+=${KG_LOST[${fact}]-}${KG_LOST[${REPLY}]-}
          ;;
      esac
    done
    if [[ -n ${goes} ]]; then
      [[ -z ${KG_FOUND[n]-} ]] || unset "KG_MANUAL[${n}]" # a guest that runs is started again, though not by itself
      KG_STATE[n]=absent
    fi
    [[ ${KG_STATE[n]}:${KG_AGAIN[n]-}:${KG_MANUAL[n]-} != absent:yes: ]] || KG_STATE[n]=differs
  done
}

# kg_translate: the older build's journal, in this one's numbers. What is changed in place is begun, but not yet made.
kg_translate() {
  local o n noted=() extra=()
  kg_read_journal "${KG_OLD_BUILD}" || kg_die 9 "cannot read ${KG_RUN}/journal"
  KG_OLD_NOTED=()
  KG_OLD_EXTRA=()
  for o in ${KG_NOTED[@]+"${!KG_NOTED[@]}"}; do
    KG_OLD_NOTED[o]=${KG_NOTED[o]}
    KG_OLD_EXTRA[o]=${KG_EXTRA[o]}
    [[ -z ${KG_CHANGED[o]-} ]] || KG_OLD_NOTED[o]=1
    n=${KG_BECOMES[o]-}
    [[ -n ${n} ]] || continue
    noted[n]=${KG_OLD_NOTED[o]}
    extra[n]=${KG_EXTRA[o]}
  done
  KG_NOTED=()
  KG_EXTRA=()
  for n in ${noted[@]+"${!noted[@]}"}; do
    KG_NOTED[n]=${noted[n]}
    KG_EXTRA[n]=${extra[n]}
  done
}

# kg_older WORD...: the older build's script, which works under this one's lock and hears no signal.
kg_older() (
  trap '' HUP INT TERM
  exec /bin/bash "${KG_COPY}" "$@"
)

# kg_replace_older: takes back what this build has no more, or not in that form.
kg_replace_older() {
  local o words=()
  KG_REPLACED=yes
  if [[ ${KG_COPY} == *.new ]]; then # of a run that was killed; this build writes a file of that name
    mv -f "${KG_COPY}" "${KG_VAR}/setup.sh" || kg_die 1 "cannot write ${KG_VAR}/setup.sh" 'nothing was changed'
    KG_COPY=${KG_VAR}/setup.sh
  fi
  for o in ${KG_DROPPED[@]+"${!KG_DROPPED[@]}"}; do
    words+=("${o}${KG_NUMBER[${KG_OLD_NAME[o]}]+:again}")
  done
  if [[ ${#words[@]} -gt 0 ]] && ! kg_older -q --wait "${KG_WAIT:-10}" undo-operations "${words[@]}"; then
    kg_restore_older
    kg_leave 8
  fi
  kg_translate
}

# kg_restore_older: the older build as it stood, after a failure.
kg_restore_older() {
  local o
  [[ -n ${KG_REPLACED} ]] || return 0
  KG_REPLACED=''
  KG_NOTED=()
  KG_EXTRA=()
  for o in ${KG_OLD_NOTED[@]+"${!KG_OLD_NOTED[@]}"}; do
    KG_NOTED[o]=${KG_OLD_NOTED[o]}
    KG_EXTRA[o]=${KG_OLD_EXTRA[o]}
  done
  if kg_write_journal "${KG_OLD_BUILD}" && kg_older -q up; then
    kg_warn 'the older build stands as before'
  else
    kg_warn "the older build does not stand whole: bash ${KG_COPY} up says why"
  fi
}

# Guests: what `vm` and the engine do to a QEMU that runs. Its monitor (QMP) is two FIFOs in ${KG_RUN}/vm, NAME.qmp.in
# and NAME.qmp.out; its console is a pty that QMP names. Whether a guest runs is always asked of the kernel.

KG_VMS=()      # number of the operation that starts it -> name of a guest
KG_AWAKE=()    # the guests that kg_power_down could not bring to an end
KG_TERMINAL='' # the terminal's settings while a console has changed them
KG_CARRIERS=() # the processes that carry a console's bytes

# kg_guest_pid NAME: REPLY is the guest's process; fails when it does not run.
kg_guest_pid() {
  kg_process "${KG_RUN}/vm/$1.pid"
}

# kg_guest_prepare NAME: makes what QEMU expects to find, before the guest is started.
kg_guest_prepare() {
  local fifo=${KG_RUN}/vm/$1.qmp
  mkdir -p "${KG_RUN}/vm" || return
  [[ -p ${fifo}.in && -p ${fifo}.out ]] || mkfifo "${fifo}.in" "${fifo}.out"
}

# kg_guest_clean NAME: takes it away again, when the guest has gone. The console log is kept to be read.
kg_guest_clean() {
  local stem=${KG_RUN}/vm/$1
  rm -f "${stem}.qmp.in" "${stem}.qmp.out" "${stem}.pid"
}

# kg_qmp NAME COMMAND: KG_ANSWER is what the guest's QEMU answers, a line of JSON; fails when it refuses, or says
# nothing for 3 seconds. QEMU takes qmp_capabilities once a life and calls every later one an error, which carries
# no id and is passed over. The FIFOs are opened for reading and writing: else one whose QEMU has died blocks for ever.
kg_qmp() {
  local line deadline id=kg-$$-${RANDOM} fifo=${KG_RUN}/vm/$1.qmp
  KG_ANSWER=''
  kg_guest_pid "$1" && [[ -p ${fifo}.in && -p ${fifo}.out ]] || return 1
  exec 7<>"${fifo}.in" 8<>"${fifo}.out"
  if flock -w 3 7; then # two readers would take each other's answers
    printf '{"execute":"qmp_capabilities"}\n{"execute":"%s","id":"%s"}\n' "$2" "${id}" >&7
    deadline=$((SECONDS + 3))
    while [[ ${SECONDS} -le ${deadline} ]] && IFS= read -r -t 3 -u 8 line; do
      if [[ ${line} == *"\"${id}\""* ]]; then
        KG_ANSWER=${line}
        break
      fi
    done
  fi
  exec 7>&- 8>&-
  [[ ${KG_ANSWER} == *'"return"'* ]]
}

# kg_press NAME: the guest's power button. Waits for no answer, so that many can be pressed at once.
kg_press() {
  local fifo=${KG_RUN}/vm/$1.qmp.in
  [[ -p ${fifo} ]] || return 0
  printf '{"execute":"qmp_capabilities"}\n{"execute":"system_powerdown"}\n' 1<>"${fifo}"
}

# kg_power_down SECONDS NAME...: presses the power button of all these guests and waits until they have gone; KG_AWAKE
# is those that have not when the time is over. A guest that is still booting misses it, hence again every 3 seconds.
kg_power_down() {
  local name tick=0 ticks=$(($1 * 10))
  shift
  while :; do
    KG_AWAKE=()
    for name in "$@"; do
      if kg_guest_pid "${name}"; then
        KG_AWAKE+=("${name}")
        [[ $((tick % 30)) -ne 0 ]] || kg_press "${name}"
      fi
    done
    [[ ${#KG_AWAKE[@]} -gt 0 && ${tick} -lt ${ticks} ]] || break
    sleep 0.1
    tick=$((tick + 1))
  done
}

# kg_power_down_all SECONDS: the same for every guest of the lab.
kg_power_down_all() {
  kg_guests
  kg_power_down "$1" ${KG_VMS[@]+"${KG_VMS[@]}"}
}

# kg_leave_guests: from here on a guest and what goes with it is done on demand only.
kg_leave_guests() {
  local n
  kg_guests
  for n in ${KG_WITHIN[@]+"${!KG_WITHIN[@]}"}; do
    [[ -z ${KG_VMS[n]-}${KG_VMS[KG_WITHIN[n]]-} ]] || KG_MANUAL[n]=yes
  done
}

# kg_guest_pty NAME: REPLY is the terminal of the guest's console.
kg_guest_pty() {
  local device rest
  REPLY=''
  kg_qmp "$1" query-chardev || return 1
  rest=${KG_ANSWER}
  while [[ ${rest} == *'}'* ]]; do
    device=${rest%%\}*}
    rest=${rest#*\}}
    if [[ ${device} == *'"label": "console"'* && ${device} == *'"pty:/dev/pts/'* ]]; then
      device=${device#*\"pty:}
      REPLY=${device%%\"*}
      return 0
    fi
  done
  return 1
}

# kg_vm list | start|stop|kill|console NAME | log [-f] NAME
kg_vm() {
  local number=0 follow='' verb=${1-} name=${2-}
  if [[ ${verb} == log && $# -eq 3 && " $2 $3 " == *' -f '* ]]; then
    [[ $2 != -f ]] || name=$3
    follow=yes
    set -- log "${name}"
  fi
  case ${verb}:$# in
    list:1 | start:2 | stop:2 | kill:2 | console:2 | log:2) ;;
    *) kg_vm_usage "$@" ;;
  esac
  [[ ${EUID} -eq 0 ]] || kg_die 5 "the guests of a lab are root's"
  kg_guests
  if [[ ${verb} != list ]]; then
    for number in ${KG_VMS[@]+"${!KG_VMS[@]}"}; do
      [[ ${KG_VMS[number]} != "${name}" ]] || break
    done
    [[ ${KG_VMS[number]-} == "${name}" ]] ||
      kg_die 2 "this lab has no guest \`${name}\`" "it has ${KG_VMS[*]-none}"
  fi
  case ${verb} in
    list) kg_vm_list ;;
    start) kg_vm_start "${name}" "${number}" ;;
    stop) kg_vm_stop "${name}" ;;
    kill) kg_vm_kill "${name}" ;;
    console) kg_vm_console "${name}" ;;
    *) kg_vm_log "${name}" "${follow}" ;;
  esac
}

kg_vm_usage() {
  kg_die 2 "\`vm${1+ $*}\` is not a command" 'vm list, vm start|stop|kill|console NAME, vm log [-f] NAME'
}

kg_vm_list() {
  local n state pid pty KG_CHOSEN=()
  for n in ${KG_VMS[@]+"${!KG_VMS[@]}"}; do KG_CHOSEN[n]=yes; done
  kg_examine
  printf '%-15s %-8s %-8s %-12s %s\n' guest state pid console taps
  for n in ${KG_VMS[@]+"${!KG_VMS[@]}"}; do
    state=stopped pid=- pty=-
    if kg_guest_pid "${KG_VMS[n]}"; then
      state=running pid=${REPLY}
      ! kg_guest_pty "${KG_VMS[n]}" || pty=${REPLY}
    fi
    printf '%-15s %-8s %-8s %-12s %s\n' "${KG_VMS[n]}" "${state}" "${pid}" "${pty}" "${KG_TAPS[n]--}"
  done
}

# kg_vm_start NAME NUMBER: the guest's operation alone.
kg_vm_start() {
  local KG_CHOSEN=()
  kg_prepare
  if kg_guest_pid "$1"; then
    kg_say "$1 is running"
  elif [[ -n ${KG_DRY} ]]; then
    KG_CHOSEN[$2]=yes
    kg_pass print
  elif kg_read_journal && [[ -n ${KG_FOREIGN_BUILD} ]]; then
    kg_die 1 "another build of ${KG_LAB} is up" 'setup.sh up goes over to this one'
  elif [[ ! -e ${KG_RUN}/journal ]]; then
    kg_die 1 "${KG_LAB} is down" 'setup.sh up builds it'
  else
    kg_run_one "$2"
    kg_guest_pid "$1" || kg_die 1 "$1 was started and has ended"
    kg_say "$1 is running, process ${REPLY}"
  fi
}

# kg_vm_stop NAME: the guest's power button; exit 1 when it is still there after --wait seconds, 30 without.
kg_vm_stop() {
  local seconds=${KG_WAIT:-30}
  kg_prepare
  if ! kg_guest_pid "$1"; then
    kg_say "$1 is not running"
  elif [[ -n ${KG_DRY} ]]; then
    kg_say "would press the power button of $1, process ${REPLY}, and wait for ${seconds} seconds"
  else
    kg_unlock # guests that are stopped together go off together
    kg_power_down "${seconds}" "$1"
    KG_WAIT=${seconds}
    kg_lock
    [[ ${#KG_AWAKE[@]} -eq 0 ]] || kg_die 1 "$1 has not gone off in ${seconds} seconds" \
      'a guest without ACPI does not hear its power button' "setup.sh vm kill $1 pulls the plug"
    kg_guest_clean "$1"
    kg_say "$1 is off"
  fi
}

# kg_vm_kill NAME: pulls the plug.
kg_vm_kill() {
  kg_prepare
  if ! kg_guest_pid "$1"; then
    kg_say "$1 is not running"
  elif [[ -n ${KG_DRY} ]]; then
    kg_say "would end $1, process ${REPLY}"
  else
    kg_qmp "$1" quit || :
    kg_stop "${KG_RUN}/vm/$1.pid" || kg_die 1 "$1 does not end: its process hangs in the kernel"
    kg_guest_clean "$1"
    kg_say "$1 is off"
  fi
}

# kg_vm_log NAME FOLLOW: what the guest wrote on its console since it was started.
kg_vm_log() {
  local file=${KG_RUN}/vm/$1.console
  [[ ${KG_CONSOLE_LOG} == yes ]] || kg_die 1 "this target's QEMU keeps no console log" \
    'it needs QEMU 2.6' "setup.sh vm console $1 shows the console itself"
  [[ -r ${file} ]] || kg_die 1 "$1 has written nothing: it was not started yet"
  if [[ -n $2 ]]; then
    tail -n +1 -f "${file}"
  else
    cat "${file}"
  fi
}

# kg_vm_console NAME: the guest's serial console, until Ctrl-]. Where standard input is no terminal, its bytes go to the
# guest, and what comes back is printed until the input has ended and the guest has been silent for --wait seconds (1).
kg_vm_console() {
  kg_guest_pid "$1" || kg_die 1 "$1 is not running" "setup.sh vm start $1"
  kg_guest_pty "$1" || kg_die 1 "$1 has no console to connect to" 'its QEMU does not name one, or is busy'
  if [[ -n ${KG_DRY} ]]; then
    kg_say "would join this terminal with ${REPLY}, the console of $1"
    return
  fi
  exec 5<>"${REPLY}" 6<&0
  flock -n 5 || kg_die 7 "the console of $1 is open in another terminal"
  trap kg_leave_console EXIT
  if [[ -t 6 ]]; then
    kg_say "the console of $1, ${REPLY}: leave it with Ctrl-]"
    kg_join_terminal
  else
    kg_join_stream "${KG_WAIT:-1}"
  fi
}

# kg_leave_console: the terminal as it was.
kg_leave_console() {
  [[ ${#KG_CARRIERS[@]} -eq 0 ]] || kill "${KG_CARRIERS[@]}" 2>/dev/null
  [[ -z ${KG_TERMINAL} ]] || stty "${KG_TERMINAL}" <&6
}

# kg_join_stream SECONDS: joins the pty on 5 with a file or pipe on 6.
kg_join_stream() {
  local line status
  cat <&6 >&5 &
  KG_CARRIERS=("$!")
  while :; do
    IFS= read -r -t "$1" -u 5 line
    status=$?
    if [[ ${status} -eq 0 ]]; then
      printf '%s\n' "${line%$'\r'}"
    elif [[ ${status} -le 128 ]]; then # the guest has gone
      break
    elif [[ -n ${line} ]]; then # a prompt
      printf '%s' "${line}"
    elif ! kill -0 "${KG_CARRIERS[0]}" 2>/dev/null; then
      break
    fi
  done
}

# kg_join_terminal: joins the pty on 5 with the terminal on 6. The terminal is read by cat: bash's own `read -n` would
# switch Ctrl-C and Ctrl-Z on again, which are the guest's here.
kg_join_terminal() {
  local reader key
  KG_TERMINAL=$(stty -g <&6)
  stty raw -echo <&6
  exec 4< <(kg_read_terminal || :)
  read -r -u 4 reader
  kg_show_screen "${reader}" &
  KG_CARRIERS=("${reader}" "$!")
  while IFS= read -r -d '' -n 1 -u 4 key && [[ ${key} != $'\x1d' ]]; do
    if [[ -n ${key} ]]; then
      printf '%s' "${key}" >&5
    else # Ctrl-@
      printf '\0' >&5
    fi
  done
  kg_leave_console
  KG_TERMINAL=''
  printf '\n'
}

# kg_read_terminal: prints its own process id, then the keys as they come.
kg_read_terminal() {
  printf '%s\n' "${BASHPID}"
  exec cat <&6
}

# kg_show_screen READER: prints what the guest writes. When the guest goes, it ends READER, and so the console.
kg_show_screen() {
  local screen
  cat <&5 2>/dev/null &
  screen=$!
  trap 'kill "${screen}"; exit' TERM
  wait "${screen}"
  kill "$1"
}

# Files of the host's own, replaced all or none: what `persist` and `unpersist` write with. ${KG_STORE}/intent says what a
# run is about to do, before it does anything: a line `made - - FOLDER` for a folder that it makes, `NUMBER OLD NEW FILE`
# for a file, with the fingerprints before and after, `spare - - FOLDER` for one that it may remove in the end. In the
# folder of the file, the new one and a link to the old one wait under names that begin with a dot, which no boot reads, so
# that doing and taking back are renames and need no room. The run is done once the intent is renamed to `done`.

KG_ROOT=''         # --root FOLDER: all paths are below it
KG_STORE=''        # where all of this is kept
KG_CHANGE_PATH=()  # number -> the file that changes
KG_CHANGE_OLD=()   # number -> its fingerprint now
KG_CHANGE_NEW=()   # number -> and what it will be
KG_CHANGE_FROM=()  # number -> `text`, `part` (a text that keeps the owner), `link`, `gone`, or the file whose copy it becomes
KG_CHANGE_TEXT=()  # number -> the text, or what the link leads to
KG_BACKUPS=()      # number of a backup -> the file that is copied there first
KG_MAKE_FOLDERS=() # the folders that have to be made, outer ones first
KG_SPARE=()        # the folders that may go if nothing is in them, outer ones first
KG_FILE_TEXT=''    # what kg_read_file read

# kg_fingerprint FILE: REPLY is absent, SHA256:MODE, link:TARGET, other, or unread where it cannot be seen.
kg_fingerprint() {
  local sum mode
  if [[ -L $1 ]]; then
    REPLY=$(readlink -- "$1")
    REPLY=link:${REPLY//[[:space:]]/?}
  elif [[ ! -e $1 ]]; then
    REPLY=absent
  elif [[ ! -f $1 ]]; then
    REPLY=other
  elif { sum=$(sha256sum <"$1") && mode=$(stat -c %a -- "$1"); } 2>/dev/null; then
    REPLY=${sum%% *}:${mode}
  else
    REPLY=unread
  fi
}

# kg_fingerprint_text TEXT MODE: REPLY is that of a file with this text.
kg_fingerprint_text() {
  REPLY=$(printf '%s' "$1" | sha256sum)
  REPLY=${REPLY%% *}
  [[ ${#REPLY} -eq 64 ]] || kg_die 1 'sha256sum does not work, by which files are told apart'
  REPLY+=:${2#0}
}

# kg_read_file FILE: KG_FILE_TEXT. Status 1 for what bash cannot hold: a file with a NUL in it.
kg_read_file() {
  local size
  KG_FILE_TEXT=''
  [[ -e $1 ]] || return 0
  { IFS= read -r -d '' KG_FILE_TEXT <"$1" || :; } 2>/dev/null
  size=$(stat -c %s -L -- "$1" 2>/dev/null) && [[ ${size} -eq ${#KG_FILE_TEXT} ]]
}

# kg_change PATH OLD NEW FROM [TEXT]: the file is to change.
kg_change() {
  KG_CHANGE_PATH+=("$1")
  KG_CHANGE_OLD+=("$2")
  KG_CHANGE_NEW+=("$3")
  KG_CHANGE_FROM+=("$4")
  KG_CHANGE_TEXT+=("${5-}")
}

# kg_beside NUMBER PATH: REPLY is the beginning of the names under which the file's new and old form wait beside it.
kg_beside() {
  REPLY=${KG_ROOT}${2%/*}/.kvmgen-${KG_LAB}-$1
}

# kg_check_inside: status 1, with KG_SAID, where the folder of a file is not below --root: a symbolic link leads elsewhere.
kg_check_inside() {
  local path folder top
  [[ -n ${KG_ROOT} ]] || return 0
  top=$(cd -P -- "${KG_ROOT}" && pwd -P)
  for path in "${KG_VAR}/persist/manifest" ${KG_CHANGE_PATH[@]+"${KG_CHANGE_PATH[@]}"}; do
    folder=${KG_ROOT}${path%/*}
    while [[ ! -d ${folder} ]]; do folder=${folder%/*}; done
    KG_SAID="${path} leads out of ${KG_ROOT}, by a symbolic link"
    folder=$(cd -P -- "${folder}" && pwd -P) && [[ ${folder}/ == "${top%/}/"* ]] || return 1
  done
}

# kg_swap: makes the changes, or leaves with 1 (128+N after a signal) when all is as it was, with 8 when it is not.
kg_swap() {
  local left status
  KG_SAID=''
  if kg_check_inside && kg_lay_out && kg_exchange && [[ ${KG_SIGNAL} -eq 0 ]] && mv -f "${KG_STORE}/intent" "${KG_STORE}/done"; then
    trap '' HUP INT TERM # from here on it is done, and the exit code is to say so
    kg_clear_up
    return
  fi
  trap '' HUP INT TERM
  if [[ -e ${KG_STORE}/done ]]; then # a signal ended the `mv` that had done its work
    kg_clear_up
    return
  fi
  status=$((KG_SIGNAL > 0 ? 128 + KG_SIGNAL : 1))
  if [[ ${KG_SIGNAL} -ne 0 ]]; then
    kg_warn "signal ${KG_SIGNAL}: taking back what this run did"
  else
    kg_warn "${KG_SAID:-cannot write ${KG_STORE}/done}"
  fi
  kg_put_back
  [[ ${#KG_LEFT[@]} -eq 0 ]] || kg_die 8 'not all could be taken back; this is left:' "${KG_LEFT[@]}"
  kg_warn 'all that this run did is taken back'
  kg_leave "${status}"
}

# kg_lay_out: backups, the intent, and what waits beside the files. Nothing that a boot reads is changed.
kg_lay_out() {
  local n path folder text='' at
  kg_find_folders
  for folder in ${KG_MAKE_FOLDERS[@]+"${KG_MAKE_FOLDERS[@]}"}; do
    [[ ${KG_STORE}/ != "${KG_ROOT}${folder}/"* ]] || kg_make_host_folder "${folder}" || return 1
  done
  KG_SAID="cannot write in ${KG_STORE}"
  mkdir -p "${KG_STORE}/backup" || return 1
  for n in ${KG_BACKUPS[@]+"${!KG_BACKUPS[@]}"}; do
    KG_SAID="cannot copy ${KG_ROOT}${KG_BACKUPS[n]} to ${KG_STORE}/backup/${n}"
    cp -a -- "${KG_ROOT}${KG_BACKUPS[n]}" "${KG_STORE}/backup/${n}" || return 1
  done
  for folder in ${KG_MAKE_FOLDERS[@]+"${KG_MAKE_FOLDERS[@]}"}; do text+="made - - ${folder}"$'\n'; done
  for n in "${!KG_CHANGE_PATH[@]}"; do
    text+="${n} ${KG_CHANGE_OLD[n]} ${KG_CHANGE_NEW[n]} ${KG_CHANGE_PATH[n]}"$'\n'
  done
  for folder in ${KG_SPARE[@]+"${KG_SPARE[@]}"}; do text+="spare - - ${folder}"$'\n'; done
  KG_SAID="cannot write ${KG_STORE}/intent"
  { printf '%s' "${text}" >"${KG_STORE}/intent.new"; } 2>/dev/null || return 1
  kg_sync "${KG_STORE}/intent.new"
  mv -f "${KG_STORE}/intent.new" "${KG_STORE}/intent" || return 1
  kg_sync "${KG_STORE}"
  for folder in ${KG_MAKE_FOLDERS[@]+"${KG_MAKE_FOLDERS[@]}"}; do kg_make_host_folder "${folder}" || return 1; done
  for n in "${!KG_CHANGE_PATH[@]}"; do
    path=${KG_CHANGE_PATH[n]}
    kg_beside "${n}" "${path}"
    at=${REPLY}
    KG_SAID="cannot write ${KG_ROOT}${path}"
    [[ ${KG_SIGNAL} -eq 0 ]] || return 1
    if [[ -e ${KG_ROOT}${path} || -L ${KG_ROOT}${path} ]]; then
      ln -f -- "${KG_ROOT}${path}" "${at}.old" 2>/dev/null || cp -a -- "${KG_ROOT}${path}" "${at}.old" || return 1
    fi
    kg_write_new "${n}" "${at}.new" || return 1
  done
}

# kg_find_folders: KG_MAKE_FOLDERS.
kg_find_folders() {
  local n folder k path new=()
  KG_MAKE_FOLDERS=()
  for path in "${KG_VAR}/persist/manifest" ${KG_CHANGE_PATH[@]+"${KG_CHANGE_PATH[@]}"}; do
    new=()
    folder=${path%/*}
    while [[ -n ${folder} && ! -d ${KG_ROOT}${folder} ]]; do
      for k in ${KG_MAKE_FOLDERS[@]+"${KG_MAKE_FOLDERS[@]}"}; do [[ ${k} != "${folder}" ]] || break 2; done
      new=("${folder}" ${new[@]+"${new[@]}"})
      folder=${folder%/*}
    done
    KG_MAKE_FOLDERS+=(${new[@]+"${new[@]}"})
  done
}

# kg_make_host_folder FOLDER: the lab's own are for root alone, and their sticky bit says that kvmgen made them.
kg_make_host_folder() {
  local mode=755
  case $1/ in
    "${KG_VAR}/persist/") mode=700 ;;
    "${KG_VAR%/*}/"*) mode=1700 ;;
    *) ;;
  esac
  KG_SAID="cannot make ${KG_ROOT}$1"
  [[ -d ${KG_ROOT}$1 ]] || mkdir -m "${mode}" "${KG_ROOT}$1"
}

# kg_write_new NUMBER FILE: the new form of a changing file.
kg_write_new() {
  local path=${KG_ROOT}${KG_CHANGE_PATH[$1]} mode=${KG_CHANGE_NEW[$1]#*:}
  case ${KG_CHANGE_FROM[$1]} in
    gone) return 0 ;;
    link) ln -s -- "${KG_CHANGE_TEXT[$1]}" "$2" || return 1 ;;
    text | part)
      [[ ${KG_CHANGE_FROM[$1]} == text ]] || cp -a -- "${path}" "$2" || return 1
      { printf '%s' "${KG_CHANGE_TEXT[$1]}" >"$2"; } 2>/dev/null && chmod "${mode}" "$2" || return 1
      ;;
    "$0") cp -- "$0" "$2" && chmod "${mode}" "$2" || return 1 ;;
    *) cp -a -- "${KG_CHANGE_FROM[$1]}" "$2" || return 1 ;;
  esac
  kg_fingerprint "$2"
  [[ ${REPLY} == "${KG_CHANGE_NEW[$1]}" ]] || return 1
  [[ -L $2 ]] || kg_sync "$2"
}

# kg_exchange: the new forms take their places, in the order of the changes.
kg_exchange() {
  local n path relabel=''
  if [[ -z ${KG_ROOT} && (-e /sys/fs/selinux/enforce || -e /selinux/enforce) ]] && type -P restorecon >/dev/null; then relabel=yes; fi
  for n in "${!KG_CHANGE_PATH[@]}"; do
    path=${KG_CHANGE_PATH[n]}
    kg_beside "${n}" "${path}"
    KG_SAID="cannot write ${KG_ROOT}${path}"
    [[ ${KG_SIGNAL} -eq 0 ]] || return 1
    if [[ ${KG_CHANGE_FROM[n]} == gone ]]; then
      rm -f -- "${KG_ROOT}${path}" || return 1
    else
      mv -f -- "${REPLY}.new" "${KG_ROOT}${path}" || return 1
      case ${relabel}:${KG_CHANGE_FROM[n]} in
        yes:text | yes:part | yes:link) restorecon "${path}" || return 1 ;;
        *) ;;
      esac
    fi
    kg_sync "${KG_ROOT}${path%/*}"
  done
}

# kg_sync FILE: to the disk itself, where this host's `sync` takes a file; else all of it.
kg_sync() {
  sync "$1" 2>/dev/null || :
}

# kg_put_back: undoes what the intent says, from any half-way state; KG_LEFT is what somebody has changed since.
kg_put_back() {
  local n old new path was=''
  KG_LEFT=()
  KG_SPARE=()
  if [[ -e ${KG_STORE}/intent ]]; then
    while read -r n old new path; do
      case ${n} in
        made)
          KG_SPARE+=("${path}")
          continue
          ;;
        spare) continue ;;
        *) ;;
      esac
      kg_beside "${n}" "${path}"
      was=${REPLY}
      kg_fingerprint "${KG_ROOT}${path}"
      if [[ ! -e ${was}.old && ! -L ${was}.old ]]; then # it was absent, or is untouched yet
        [[ ${old}:${REPLY} != "absent:${new}" || -e ${was}.new || -L ${was}.new ]] || rm -f -- "${KG_ROOT}${path}" ||
          KG_LEFT+=("${path}")
      elif [[ ${REPLY} == "${new}" || ${REPLY} == absent ]]; then
        mv -f -- "${was}.old" "${KG_ROOT}${path}" || KG_LEFT+=("${path}")
      elif [[ ${REPLY} != "${old}" ]]; then
        mv -f -- "${was}.old" "${KG_STORE}/left-${n}"
        KG_LEFT+=("${path} was changed meanwhile; what it was before is in ${KG_STORE}/left-${n}")
      fi
      rm -f -- "${was}.old" "${was}.new"
    done <"${KG_STORE}/intent"
  else
    KG_SPARE=(${KG_MAKE_FOLDERS[@]+"${KG_MAKE_FOLDERS[@]}"})
  fi
  [[ ${#KG_LEFT[@]} -gt 0 ]] || rm -f "${KG_STORE}/intent"
  rm -f "${KG_STORE}/intent.new"
  kg_sweep
}

# kg_clear_up: what a run that is done leaves to be removed.
kg_clear_up() {
  local n path
  KG_SPARE=()
  while read -r n _ _ path; do
    case ${n} in
      made) ;;
      spare) KG_SPARE+=("${path}") ;;
      *)
        kg_beside "${n}" "${path}"
        rm -f -- "${REPLY}.old" "${REPLY}.new"
        ;;
    esac
  done <"${KG_STORE}/done"
  rm -f "${KG_STORE}/done"
  kg_sweep
}

# kg_sweep: removes backups that nothing refers to, and what is empty of KG_SPARE; without a manifest, all of the store.
kg_sweep() {
  local file folder n used=' '
  if [[ -e ${KG_STORE}/manifest ]]; then
    kg_read_manifest || return 0
    for n in ${KG_HAD[@]+"${KG_HAD[@]}"}; do used+="${n##* } "; done
    for n in ${KG_EDITED[@]+"${KG_EDITED[@]}"}; do used+="${n%% *} "; done
    for file in "${KG_STORE}"/backup/*; do
      [[ ${used} == *" ${file##*/} "* ]] || rm -f -- "${file}"
    done
  else
    rm -rf -- "${KG_STORE:?}/backup"
    rm -f -- "${KG_STORE}/setup.sh" "${KG_STORE}/intent.new"
    rmdir "${KG_STORE}" 2>/dev/null || :
    kg_unmake_folder "${KG_ROOT}${KG_VAR}"
    kg_unmake_folder "${KG_ROOT}${KG_VAR%/*}"
  fi
  for ((n = ${#KG_SPARE[@]} - 1; n >= 0; n--)); do
    folder=${KG_ROOT}${KG_SPARE[n]}
    rmdir "${folder}" 2>/dev/null || :
  done
}

# kg_heal: what a run that was killed left is taken back, or cleared up where it was done.
kg_heal() {
  if [[ -e ${KG_STORE}/done ]]; then
    kg_clear_up
  elif [[ -e ${KG_STORE}/intent ]]; then
    trap '' HUP INT TERM
    kg_put_back
    [[ ${#KG_LEFT[@]} -eq 0 ]] || kg_die 8 'a run was killed, and not all that it did could be taken back:' "${KG_LEFT[@]}"
    kg_note_signals
    kg_say 'a run was killed in the middle: what it did is taken back'
  elif [[ -d ${KG_STORE} ]]; then
    kg_sweep
  else # it may have made no more than folders
    kg_unmake_folder "${KG_ROOT}${KG_VAR}"
    kg_unmake_folder "${KG_ROOT}${KG_VAR%/*}"
  fi
}

# What the host's own boot reads: what the lab part asks for in kg_persistence, beside what is there, as changes of files.
# ${KG_STORE} has what was written:
#   setup.sh  this script, for the units that the boot starts
#   backup/N  what was at the place of a file, as it was
#   manifest  after the sha256 of the build that wrote it, a line for each file: how it was written, its fingerprint, the
#             sha256 of the lab's own lines in it, the fingerprint of what was there, the number of the backup, and the
#             file; `aside` is a file that was only taken away, `stanza` one that lost part of its lines. Further lines:
#             `boots BRIDGE`, `folder FOLDER` made for a file, `edited N FILE` for a file that was changed and then adopted.

KG_ADOPT=''          # yes: --adopt, what is in the way is set aside
KG_CANNOT=()         # why the lab cannot be persisted here, with its place
KG_WANT_HOW=()       # number -> whole, block, rules or link
KG_WANT_MODE=()      # number -> octal mode
KG_WANT_PATH=()      # number -> the file
KG_WANT_TEXT=()      # number -> its text, or what the link leads to
KG_WANT_PLACE=()     # number -> where the DSL asks for it
KG_WANT_BOOTS=()     # the bridges that the boot makes
declare -A KG_HAD=() # file -> what the manifest says of it
KG_HAD_PATHS=()      # the same files, in order
KG_HAD_BOOTS=()      # as KG_WANT_BOOTS
KG_HAD_FOLDERS=()    # the folders that were made
KG_HAD_BUILD=''      # the build that wrote the manifest
KG_EDITED=()         # "NUMBER FILE": backups of files that were changed and then adopted
KG_NEXT_BACKUP=1     # the first number that no backup has
KG_ENTRIES=''        # the lines of the manifest that is to be written
KG_STRANGE=()        # what is in the way: the file and why
KG_STAYS=()          # what cannot be given back: the file and why
KG_OWN=''            # the lab's own lines, which kg_cut found
KG_RULES=()          # numbers of the changes that are rules, to be tried first

# kg_boot WHAT WORD...: a statement of kg_persistence.
#   file whole|block|rules MODE PATH, text on standard input
#   link PATH TARGET
#   bridge NAME            the boot makes it, and `up` takes it as right
#   rival STYLE LINK       no other file of this style may configure the link
#   reader REMEDY PATH...  one of the paths is there on a host whose boot reads the files
#   reload WORD...         told to the running system once its files have changed
#   cannot REASON          why this lab cannot be persisted
kg_boot() {
  local text='' place="${KG_FILE}:${KG_LINE}: ${KG_TEXT}"
  case ${KG_PASS}:$1 in
    persist:file)
      IFS= read -r -d '' text || :
      kg_keep "$2" "$3" "$4" "${text}" "${place}"
      ;;
    persist:link) kg_keep link - "$2" "$3" "${place}" ;;
    persist:bridge) KG_WANT_BOOTS+=("$2") ;;
    persist:rival) KG_RIVALS+=("$2 $3 ${place}") ;;
    persist:reader) kg_need_reader "${@:2}" ;;
    persist:cannot) KG_CANNOT+=("$2  (${place})") ;;
    reload:reload) kg_tell_command "${@:2}" ;;
    *) ;;
  esac
}

# kg_keep HOW MODE PATH TEXT PLACE
kg_keep() {
  KG_WANT_HOW+=("$1")
  KG_WANT_MODE+=("$2")
  KG_WANT_PATH+=("$3")
  KG_WANT_TEXT+=("$4")
  KG_WANT_PLACE+=("$5")
}

# kg_tell_command WORD...: for the running system.
kg_tell_command() {
  local said
  kg_quote "$@"
  if ! type -P "$1" >/dev/null || [[ $1 == systemctl && ! -d /run/systemd/system ]]; then
    kg_note "there is nobody here to be told: ${REPLY}"
  elif said=$("$@" 2>&1 </dev/null 6>&- 9>&-); then
    kg_note "${REPLY}"
  else
    kg_warn "the files are in place, but \`${REPLY}\` failed:" "${said:-it does not say why}"
  fi
}

# kg_read_persistence: KG_WANT_* and what goes with them.
kg_read_persistence() {
  local KG_PASS=persist
  KG_CANNOT=() KG_RIVALS=() KG_READERS=() KG_WANT_BOOTS=()
  KG_WANT_HOW=() KG_WANT_MODE=() KG_WANT_PATH=() KG_WANT_TEXT=() KG_WANT_PLACE=()
  kg_persistence
}

# kg_tell_system: the reloads.
kg_tell_system() {
  local KG_PASS=reload
  [[ -n ${KG_ROOT} ]] || kg_persistence
}

# kg_read_manifest: KG_HAD and what goes with it; status 1 when it is not as it was written.
kg_read_manifest() {
  local line path entry print number='^(boots [A-Za-z0-9_.-]+|folder /.*|edited [1-9][0-9]* /.*)$'
  print='(absent|other|link:[^ ]*|[0-9a-f]{64}:[0-7]+)'
  entry="^((whole|block|rules|link|aside|stanza) ${print} (-|[0-9a-f]{64}) ${print} (-|[1-9][0-9]*)) (/.*)$"
  KG_HAD=() KG_HAD_PATHS=() KG_HAD_BOOTS=() KG_HAD_FOLDERS=() KG_HAD_BUILD='' KG_EDITED=() KG_NEXT_BACKUP=1
  [[ -e ${KG_STORE}/manifest ]] || return 0
  {
    read -r line
    [[ ${line} =~ ^kvmgen\ 1\ [0-9a-f]{64}$ ]] || return 1
    KG_HAD_BUILD=${line##* }
    while IFS= read -r line; do
      if [[ ${line} =~ ${entry} ]]; then
        path=${BASH_REMATCH[7]}
        KG_HAD_PATHS+=("${path}")
        KG_HAD[${path}]=${BASH_REMATCH[1]}
        kg_count_backup "${BASH_REMATCH[6]}"
      elif [[ ${line} =~ ${number} ]]; then
        case ${line} in
          boots*) KG_HAD_BOOTS+=("${line#* }") ;;
          folder*) KG_HAD_FOLDERS+=("${line#* }") ;;
          *)
            KG_EDITED+=("${line#* }")
            line=${line#* }
            kg_count_backup "${line%% *}"
            ;;
        esac
      else
        return 1
      fi
    done
  } 2>/dev/null <"${KG_STORE}/manifest"
}

# kg_count_backup NUMBER: it is taken.
kg_count_backup() {
  [[ $1 == - || $1 -lt ${KG_NEXT_BACKUP} ]] || KG_NEXT_BACKUP=$(($1 + 1))
}

# kg_take_backup PATH: REPLY is the number under which the file is going to be kept.
kg_take_backup() {
  REPLY=${KG_NEXT_BACKUP}
  KG_BACKUPS[REPLY]=$1
  KG_NEXT_BACKUP=$((REPLY + 1))
}

# kg_enter_file HOW WROTE OWN WAS BACKUP PATH: a line of the new manifest.
kg_enter_file() {
  KG_ENTRIES+="$*"$'\n'
}

# ---- The lab's own lines in a file of others ----

# kg_cut TEXT: REPLY is the text without what is between the lab's marks, KG_OWN what was. Status 1 when a mark has no end.
kg_cut() {
  local text=$'\n'$1 out='' part begin=$'\n'"# kvmgen:${KG_LAB} begin"$'\n' end="# kvmgen:${KG_LAB} end"$'\n'
  KG_OWN=''
  while [[ ${text} == *"${begin}"* ]]; do
    part=${text%%"${begin}"*}
    [[ -z ${part} ]] || out+=${part#?}$'\n'
    text=${text#*"${begin}"}
    if [[ ${text} != *"${end}"* ]]; then
      REPLY=$1
      return 1
    fi
    KG_OWN+=${text%%"${end}"*}
    text=$'\n'${text#*"${end}"}
  done
  REPLY=${out}${text#?}
}

# kg_mark TEXT: REPLY is it between the lab's marks.
kg_mark() {
  REPLY="# kvmgen:${KG_LAB} begin"$'\n'"$1# kvmgen:${KG_LAB} end"$'\n'
}

# kg_join_block TEXT LINES: REPLY is the text with the lines at its end.
kg_join_block() {
  local text=$1
  [[ -z ${text} || ${text} == *$'\n' ]] || text+=$'\n'
  kg_mark "$2"
  REPLY=${text}${REPLY}
}

# kg_join_rules TEXT RULES: REPLY is the text of iptables-restore with each table's rules at the end of that table, or
# with a table of their own. The lab's rules that somebody saved while it was up are not kept twice.
kg_join_rules() {
  local line table='' out='' rest=''
  local -A rules=() chains=() seen=()
  while IFS= read -r line; do
    case ${line} in
      '*'*) table=${line#?} ;;
      COMMIT) ;;
      *)
        rules[${table}]+=${line}$'\n'
        [[ ${line} != :* ]] || chains["${table} ${line%% *}"]=yes
        ;;
    esac
  done < <(printf '%s' "$2")
  table=''
  while IFS= read -r line || [[ -n ${line} ]]; do
    case ${line} in
      '*'*)
        table=${line#?}
        table=${table%%[[:space:]]*}
        ;;
      COMMIT*)
        if [[ -n ${rules[${table:--}]-} ]]; then
          seen[${table}]=yes
          kg_mark "${rules[${table}]}"
          out+=${REPLY}
        fi
        table=''
        ;;
      :*) [[ -z ${chains["${table} ${line%% *}"]-} ]] || continue ;;
      *)
        rest=${line#*-A }
        [[ -z ${chains["${table} :${rest%% *}"]-} ]] || continue
        [[ "${line} " != *" --comment kvmgen:${KG_LAB} "* && ${line} != *" --comment \"kvmgen:${KG_LAB}\" "* ]] || continue
        ;;
    esac
    out+=${line}$'\n'
  done < <(printf '%s' "$1")
  while IFS= read -r line; do
    [[ ${line} == '*'* && -z ${seen[${line#?}]-} ]] || continue
    table=${line#?}
    kg_mark "${line}"$'\n'"${rules[${table}]}COMMIT"$'\n'
    out+=${REPLY}
  done < <(printf '%s' "$2")
  REPLY=${out}
}

# kg_try_rules NUMBER: whether iptables-restore takes the file that is to be; KG_SAID is why not. It is tried in a network
# namespace of its own. Where that does not take the file as it was either (it names a set that is not there), the lab's
# own rules are tried alone.
kg_try_rules() {
  local path=${KG_CHANGE_PATH[$1]} text=${KG_CHANGE_TEXT[$1]} k
  if ! type -P iptables-restore unshare >/dev/null || [[ ${EUID} -ne 0 ]]; then
    KG_SAID='iptables-restore and unshare are missing, with which the rules are tried first'
    [[ -n ${KG_ROOT} ]]
    return
  fi
  kg_restore_test "${text}" && return
  KG_SAID="iptables-restore does not take ${path} with the lab's rules: ${REPLY}"
  [[ -e ${KG_ROOT}${path} ]] || return 1
  kg_read_file "${KG_ROOT}${path}"
  kg_restore_test "${KG_FILE_TEXT}" && return 1
  for k in "${!KG_WANT_PATH[@]}"; do
    [[ ${KG_WANT_PATH[k]} == "${path}" ]] || continue
    kg_restore_test "${KG_WANT_TEXT[k]}" || return 1
  done
  kg_note "iptables-restore does not take ${path} as it was either, so only the lab's own rules were tried"
}

# kg_restore_test TEXT: REPLY is what iptables-restore says.
kg_restore_test() {
  REPLY=$(
    trap '' HUP INT TERM
    printf '%s' "$1" 2>/dev/null | unshare -n iptables-restore --test 2>&1
  )
}

# ---- What there is to do ----

# kg_strange PATH WHY [PLACE]: something in the way.
kg_strange() {
  KG_STRANGE+=("$1: $2${3+  ($3)}")
}

# kg_resolve PATH: REPLY is the file that a shared file is, where its name is a symbolic link.
kg_resolve() {
  local path=$1 target tries
  for ((tries = 0; tries < 10; tries++)); do
    [[ -L ${KG_ROOT}${path} ]] || break
    target=$(readlink -- "${KG_ROOT}${path}")
    if [[ ${target} == /* ]]; then
      path=${target}
    else
      path=${path%/*}/${target}
    fi
  done
  REPLY=${path}
}

# kg_plan_wanted: KG_CHANGE_* for what the lab has the boot read, and its lines of the manifest.
kg_plan_wanted() {
  local k
  local -A planned=()
  KG_CHANGE_PATH=() KG_CHANGE_OLD=() KG_CHANGE_NEW=() KG_CHANGE_FROM=() KG_CHANGE_TEXT=()
  KG_BACKUPS=() KG_RULES=() KG_STRANGE=() KG_STAYS=() KG_ENTRIES=''
  kg_fill_in_macs
  kg_find_rivals
  for k in ${KG_WANT_PATH[@]+"${!KG_WANT_PATH[@]}"}; do
    case ${KG_WANT_HOW[k]} in
      whole | link) kg_plan_whole "${k}" ;;
      *) kg_plan_part "${k}" ;;
    esac
    planned[${KG_WANT_PATH[k]}]=yes
  done
  for k in ${KG_RIVAL_PATH[@]+"${!KG_RIVAL_PATH[@]}"}; do
    [[ -n ${planned[${KG_RIVAL_PATH[k]}]-} ]] || kg_plan_rival "${k}"
    planned[${KG_RIVAL_PATH[k]}]=yes
  done
  for k in ${KG_HAD_PATHS[@]+"${KG_HAD_PATHS[@]}"}; do
    [[ -z ${planned[${k}]-} ]] || continue
    if kg_still_aside "${k}"; then
      kg_enter_file "${KG_HAD[${k}]}" "${k}"
    else
      kg_plan_restore "${k}"
    fi
  done
  for k in ${KG_STAYS[@]+"${KG_STAYS[@]}"}; do
    if [[ -z ${KG_ADOPT} ]]; then KG_STRANGE+=("${k}"); fi
  done
}

# kg_fill_in_macs: `@mac:NIC@` in a text is the MAC that the NIC has now.
kg_fill_in_macs() {
  local k nic mac
  for k in ${KG_WANT_TEXT[@]+"${!KG_WANT_TEXT[@]}"}; do
    while [[ ${KG_WANT_TEXT[k]} == *@mac:*@* ]]; do
      nic=${KG_WANT_TEXT[k]#*@mac:}
      nic=${nic%%@*}
      mac=''
      if [[ -n ${KG_ROOT} ]]; then
        KG_CANNOT+=("the MAC of ${nic} is not known below ${KG_ROOT}: give the network a \`mac\` (${KG_WANT_PLACE[k]})")
      else
        { read -r mac <"/sys/class/net/${nic}/address"; } 2>/dev/null || :
        [[ ${mac} =~ ^([0-9a-f]{2}:){5}[0-9a-f]{2}$ ]] ||
          KG_CANNOT+=("there is no ${nic} with a MAC, which its bridge is to have (${KG_WANT_PLACE[k]})")
      fi
      KG_WANT_TEXT[k]=${KG_WANT_TEXT[k]//"@mac:${nic}@"/"${mac}"}
    done
  done
}

# kg_plan_whole NUMBER: a file or link of the lab's own.
kg_plan_whole() {
  local path=${KG_WANT_PATH[$1]} how=${KG_WANT_HOW[$1]} text=${KG_WANT_TEXT[$1]} now new from=text was=absent backup=-
  kg_fingerprint "${KG_ROOT}${path}"
  now=${REPLY}
  if [[ ${how} == link ]]; then
    from='link'
    new=link:${text//[[:space:]]/?}
  else
    kg_fingerprint_text "${text}" "${KG_WANT_MODE[$1]}"
    new=${REPLY}
  fi
  if kg_had "${path}" && [[ ${KG_HAD_HOW} != aside || ${now} == absent ]]; then
    was=${KG_HAD_WAS} backup=${KG_HAD_BACKUP}
    if [[ ${now} != "${new}" && ${now} != absent && ${now} != "${KG_HAD_WROTE}" ]]; then
      kg_adopt_edited "${path}" "${KG_WANT_PLACE[$1]}"
    fi
  elif [[ ${now} != absent ]]; then
    kg_adopt "${path}" "${now}" "${KG_WANT_PLACE[$1]}" 'this lab did not write it'
    was=${now} backup=${REPLY}
  fi
  [[ ${now} == "${new}" ]] || kg_change "${path}" "${now}" "${new}" "${from}" "${text}"
  kg_enter_file "${how}" "${new}" - "${was}" "${backup}" "${path}"
}

# kg_had PATH: whether the manifest has it: KG_HAD_HOW, KG_HAD_WROTE, KG_HAD_OWN, KG_HAD_WAS, KG_HAD_BACKUP.
kg_had() {
  [[ -n ${KG_HAD[$1]-} ]] || return 1
  read -r KG_HAD_HOW KG_HAD_WROTE KG_HAD_OWN KG_HAD_WAS KG_HAD_BACKUP < <(printf '%s\n' "${KG_HAD[$1]}")
}

# kg_adopt PATH FINGERPRINT PLACE WHY: what is there is set aside, by --adopt: REPLY is the number of its backup.
kg_adopt() {
  REPLY=-
  case ${KG_ADOPT}:$2 in
    *:other) kg_strange "$1" 'it is neither a file nor a link, and cannot be set aside' "$3" ;;
    *:unread) kg_strange "$1" 'it cannot be read' "$3" ;;
    yes:*) kg_take_backup "$1" ;;
    *) kg_strange "$1" "$4" "$3" ;;
  esac
}

# kg_adopt_edited PATH [PLACE]: a file of the lab's that somebody has changed. What it was first stays the original.
kg_adopt_edited() {
  if [[ -n ${KG_ADOPT} ]]; then
    kg_take_backup "$1"
    KG_EDITED+=("${REPLY} $1")
  else
    kg_strange "$1" 'it was changed since' "${@:2}"
  fi
}

# kg_plan_part NUMBER: the lab's lines in a file that others share.
kg_plan_part() {
  local path=${KG_WANT_PATH[$1]} how=${KG_WANT_HOW[$1]} text=${KG_WANT_TEXT[$1]} now new base mode from=part k was backup=-
  kg_resolve "${path}"
  path=${REPLY}
  KG_WANT_PATH[$1]=${path}
  kg_fingerprint "${KG_ROOT}${path}"
  now=${REPLY} was=${REPLY}
  case ${now} in
    absent) from=text mode=${KG_WANT_MODE[$1]#0} ;;
    [0-9a-f]*:*) mode=${now#*:} ;;
    *)
      kg_strange "${path}" 'it is not a file that can be read' "${KG_WANT_PLACE[$1]}"
      return
      ;;
  esac
  if ! kg_read_file "${KG_ROOT}${path}"; then
    kg_strange "${path}" 'it holds a NUL' "${KG_WANT_PLACE[$1]}"
    return
  fi
  if ! kg_cut "${KG_FILE_TEXT}"; then
    kg_strange "${path}" "the mark of this lab in it has no end" "${KG_WANT_PLACE[$1]}"
    return
  fi
  base=${REPLY}
  if kg_had "${path}"; then
    was=${KG_HAD_WAS} backup=${KG_HAD_BACKUP}
    if [[ -n ${KG_OWN} ]]; then
      kg_fingerprint_text "${KG_OWN}" 0
      [[ ${REPLY%:*} == "${KG_HAD_OWN}" ]] || kg_adopt_edited "${path}" "${KG_WANT_PLACE[$1]}"
    fi
    [[ ${KG_HAD_HOW} != stanza ]] || how=stanza
  elif [[ -n ${KG_OWN} ]]; then
    kg_adopt "${path}" "${now}" "${KG_WANT_PLACE[$1]}" "there are lines of this lab in it that \`persist\` did not write"
    backup=${REPLY}
  elif [[ ${now} != absent ]]; then
    kg_take_backup "${path}"
    backup=${REPLY}
  fi
  for k in ${KG_RIVAL_PATH[@]+"${!KG_RIVAL_PATH[@]}"}; do
    [[ ${KG_RIVAL_PATH[k]} == "${path}" ]] || continue
    kg_drop_stanzas "${base}" "${KG_RIVAL_LINK[k]}"
    base=${REPLY} how=stanza
    [[ -n ${KG_ADOPT} ]] || kg_strange "${path}" "it configures ${KG_RIVAL_LINK[k]}" "${KG_RIVAL_PLACE[k]}"
  done
  if [[ ${KG_WANT_HOW[$1]} == rules ]]; then
    kg_join_rules "${base}" "${text}"
  else
    kg_join_block "${base}" "${text}"
  fi
  new=${REPLY}
  if [[ ${new} != "${KG_FILE_TEXT}" ]]; then
    [[ ${KG_WANT_HOW[$1]} != rules ]] || KG_RULES+=("${#KG_CHANGE_PATH[@]}")
    text=${new}
    kg_fingerprint_text "${text}" "${mode}"
    kg_change "${path}" "${now}" "${REPLY}" "${from}" "${text}"
    now=${REPLY}
  fi
  kg_cut "${new}"
  kg_fingerprint_text "${KG_OWN}" 0
  kg_enter_file "${how}" "${now}" "${REPLY%:*}" "${was}" "${backup}" "${path}"
}

# kg_plan_restore PATH: gives back what was there before the lab, if the file is still as the lab left it. Of a file that
# others have changed as well, only the lab's lines go. What cannot be given back is in KG_STAYS.
kg_plan_restore() {
  local path=$1 now backup
  kg_had "${path}"
  backup=${KG_STORE}/backup/${KG_HAD_BACKUP}
  kg_fingerprint "${KG_ROOT}${path}"
  now=${REPLY}
  [[ ${now} != "${KG_HAD_WAS}" ]] || return 0
  if [[ ${now} == "${KG_HAD_WROTE}" ]]; then
    if [[ ${KG_HAD_WAS} == absent ]]; then
      kg_change "${path}" "${now}" absent gone
      return
    fi
    kg_fingerprint "${backup}"
    if [[ ${REPLY} == "${KG_HAD_WAS}" ]]; then
      kg_change "${path}" "${now}" "${KG_HAD_WAS}" "${backup}"
      return
    fi
    kg_stay "${path}" 'the backup of what was there is damaged'
    return
  fi
  case ${KG_HAD_HOW}:${now} in
    block:*:* | rules:*:*)
      if kg_read_file "${KG_ROOT}${path}" && kg_cut "${KG_FILE_TEXT}"; then
        kg_restore_part "${path}" "${now}" "${REPLY}" && return
      fi
      ;;
    whole:absent | link:absent) # who removed it has done half of it
      if [[ ${KG_HAD_WAS} == absent ]]; then return; fi
      ;;
    *) ;;
  esac
  if [[ ${KG_HAD_WAS} == absent ]]; then
    kg_stay "${path}" 'it was changed since'
  else
    kg_stay "${path}" "it was changed since; what was there before is ${backup}"
  fi
}

# kg_restore_part PATH FINGERPRINT REST: takes the lab's lines out, if they are as they were written. A file that held
# nothing but lines of labs goes with the last of them.
kg_restore_part() {
  local path=$1 now=$2 rest=$3 was=''
  kg_fingerprint_text "${KG_OWN}" 0
  [[ -n ${KG_OWN} && ${REPLY%:*} == "${KG_HAD_OWN}" ]] || return 1
  if [[ -z ${rest} ]]; then
    if [[ ${KG_HAD_WAS} != absent ]]; then
      kg_read_file "${KG_STORE}/backup/${KG_HAD_BACKUP}"
      was=${KG_FILE_TEXT}
    fi
    if [[ ${KG_HAD_WAS} == absent || ${was} == '# kvmgen:'*' begin'$'\n'* ]]; then
      kg_change "${path}" "${now}" absent gone
      return
    fi
  fi
  kg_fingerprint_text "${rest}" "${now#*:}"
  kg_change "${path}" "${now}" "${REPLY}" part "${rest}"
}

# kg_stay PATH WHY: it stays as it is, and in the manifest.
kg_stay() {
  KG_STAYS+=("$1: $2")
  [[ -n ${KG_ADOPT} ]] || kg_enter_file "${KG_HAD[$1]}" "$1"
}

# kg_plan_store persist|unpersist: the changes of the stored script and of the manifest.
kg_plan_store() {
  local text="kvmgen 1 ${KG_HAD_BUILD}"$'\n'"${KG_ENTRIES}" name now own boots=(${KG_HAD_BOOTS[@]+"${KG_HAD_BOOTS[@]}"})
  kg_find_folders
  if [[ $1 == persist ]]; then
    text="kvmgen 1 ${KG_SHA256}"$'\n'"${KG_ENTRIES}"
    boots=(${KG_WANT_BOOTS[@]+"${KG_WANT_BOOTS[@]}"})
  fi
  for name in ${boots[@]+"${boots[@]}"}; do text+="boots ${name}"$'\n'; done
  for name in ${KG_HAD_FOLDERS[@]+"${KG_HAD_FOLDERS[@]}"} ${KG_MAKE_FOLDERS[@]+"${KG_MAKE_FOLDERS[@]}"}; do
    text+="folder ${name}"$'\n'
  done
  for name in ${KG_EDITED[@]+"${KG_EDITED[@]}"}; do text+="edited ${name}"$'\n'; done
  KG_SPARE=()
  [[ -n ${KG_ENTRIES} ]] || KG_SPARE=(${KG_HAD_FOLDERS[@]+"${KG_HAD_FOLDERS[@]}"})
  for name in setup.sh manifest; do
    kg_fingerprint "${KG_STORE}/${name}"
    now=${REPLY}
    if [[ -z ${KG_ENTRIES} ]]; then
      [[ ${now} == absent ]] || kg_change "${KG_VAR}/persist/${name}" "${now}" absent gone
    elif [[ ${name} == manifest ]]; then
      kg_fingerprint_text "${text}" 600
      [[ ${now} == "${REPLY}" ]] || kg_change "${KG_VAR}/persist/manifest" "${now}" "${REPLY}" text "${text}"
    elif [[ $1 == persist ]]; then
      own=$(sha256sum <"$0") || kg_die 1 "cannot read $0"
      own=${own%% *}:700
      [[ ${now} == "${own}" ]] || kg_change "${KG_VAR}/persist/setup.sh" "${now}" "${own}" "$0"
    fi
  done
}

# Rivals: files of the host's that configure a link which the lab's own files configure. The boot would read both. With
# --adopt they are set aside; of a file of ifupdown only the link's stanzas go.

KG_RIVALS=()      # "STYLE LINK PLACE": no other file of this style may configure the link
KG_READERS=()     # the remedies for what has to be there for the lab's files to be read, where it is not
KG_RIVAL_PATH=()  # number -> a file that does
KG_RIVAL_LINK=()  # number -> the link
KG_RIVAL_PLACE=() # number -> where the DSL asks for it
KG_RIVAL_WAY=()   # number -> aside, stanza, or why it cannot be set aside

# kg_need_reader REMEDY PATH...: KG_READERS has the remedy where none of the paths is there.
kg_need_reader() {
  local path remedy=$1
  [[ -z ${KG_ROOT} ]] || return 0
  shift
  for path in "$@"; do
    [[ ! -e ${path} && ! -L ${path} ]] || return 0
  done
  KG_READERS+=("${remedy}   (there is no $1)")
}

# kg_find_rivals: KG_RIVAL_*.
kg_find_rivals() {
  local k style link place path
  local -A own=()
  KG_RIVAL_PATH=() KG_RIVAL_LINK=() KG_RIVAL_PLACE=() KG_RIVAL_WAY=()
  for k in ${KG_WANT_PATH[@]+"${!KG_WANT_PATH[@]}"}; do own[${KG_WANT_PATH[k]}]=yes; done
  for k in ${KG_RIVALS[@]+"${!KG_RIVALS[@]}"}; do
    style=${KG_RIVALS[k]%% *}
    place=${KG_RIVALS[k]#* }
    link=${place%% *}
    place=${place#* }
    kg_files_of "${style}"
    for path in ${KG_WORDS[@]+"${KG_WORDS[@]}"}; do
      if [[ -n ${own[${path}]-} ]] || ! kg_configures "${style}" "${path}" "${KG_ROOT}${path}" "${link}"; then continue; fi
      KG_RIVAL_PATH+=("${path}")
      KG_RIVAL_LINK+=("${link}")
      KG_RIVAL_PLACE+=("${place}")
      KG_RIVAL_WAY+=("${REPLY}")
    done
  done
}

# kg_files_of STYLE: KG_WORDS: the files of that style, as the host calls them.
kg_files_of() {
  local path files=()
  case $1 in
    network-scripts | ifcfg) files=("${KG_ROOT}"/etc/sysconfig/network-scripts/ifcfg-*) ;;
    wicked) files=("${KG_ROOT}"/etc/sysconfig/network/ifcfg-*) ;;
    keyfile) files=("${KG_ROOT}"/etc/NetworkManager/system-connections/*) ;;
    networkd) files=("${KG_ROOT}"/etc/systemd/network/*.net*) ;;
    netplan) files=("${KG_ROOT}"/etc/netplan/*.yaml) ;;
    ifupdown) files=("${KG_ROOT}"/etc/network/interfaces "${KG_ROOT}"/etc/network/interfaces.d/*) ;;
    *) ;;
  esac
  KG_WORDS=()
  for path in ${files[@]+"${files[@]}"}; do
    case ${path} in
      *'~' | *.bak | *.orig | *.rpmnew | *.rpmorig | *.rpmsave) ;; # no reader takes these
      *) [[ ! -f ${path} ]] || KG_WORDS+=("${path#"${KG_ROOT}"}") ;;
    esac
  done
}

# kg_configures STYLE PATH FILE LINK: whether the file, whose place is PATH, configures the link; REPLY is how it can be
# set aside.
kg_configures() {
  local line rest device='' indent='' beside='' seen=''
  REPLY=aside
  while IFS= read -r line || [[ -n ${line} ]]; do
    rest=${line#"${line%%[![:space:]]*}"}
    case $1:${rest} in
      network-scripts:DEVICE=* | ifcfg:DEVICE=*)
        device=${rest#DEVICE=}
        device=${device//[\"\']/}
        ;;
      keyfile:interface-name=*) [[ ${rest#*=} != "$4" ]] || return 0 ;;
      networkd:Name=*) [[ " ${rest#Name=} " != *" $4 "* ]] || return 0 ;;
      ifupdown:iface*)
        if [[ "${rest//$'\t'/ } " == "iface $4 "* ]]; then
          REPLY=stanza
          return 0
        fi
        ;;
      netplan:"$4:"* | netplan:"\"$4\":"*)
        seen=yes
        indent=${line%%[![:space:]]*}
        ;;
      netplan:*'{'*) [[ " ${rest//[\"\'\{\},:]/ } " != *" $4 "* ]] || seen=yes beside=yes ;;
      netplan:[!#-]*:*)
        [[ ${#indent} -eq 0 && -n ${line%%[![:space:]]*} ]] || [[ -n ${indent} && ${line%%[![:space:]]*} == "${indent}" ]] || continue
        case ${rest} in
          version:* | renderer:* | ethernets:* | bridges:* | network:*) ;;
          *) beside+=${line%%[![:space:]]*}${rest%%:*}$'\n' ;;
        esac
        ;;
      *) ;;
    esac
  done 2>/dev/null <"$3"
  case $1 in
    network-scripts | ifcfg) [[ ${device:-${2##*/ifcfg-}} == "$4" ]] ;;
    wicked) [[ ${2##*/} == "ifcfg-$4" ]] ;;
    netplan)
      [[ -n ${seen} ]] || return 1
      kg_alone_in_netplan "${indent}" "${beside}" || REPLY="it configures $4 among others, which \`persist\` cannot take apart: take $4 out of it"
      ;;
    *) return 1 ;;
  esac
}

# kg_alone_in_netplan INDENT KEYS: whether none of the keys, a line each with its indent, is that of another device.
kg_alone_in_netplan() {
  local key
  [[ $2 != yes && -n $1 ]] || return 1
  while IFS= read -r key; do
    [[ -z ${key} || ${key%%[![:space:]]*} != "$1" ]] || return 1
  done < <(printf '%s' "$2")
}

# kg_drop_stanzas TEXT LINK: REPLY is a file of ifupdown without what it says of the link (interfaces(5)).
kg_drop_stanzas() {
  local line words word kept out='' waiting='' inside=''
  while IFS= read -r line || [[ -n ${line} ]]; do
    IFS=$' \t' read -r -a words < <(printf '%s\n' "${line}")
    case ${words[0]-} in
      '' | '#'*) # those before the next stanza are the next one's
        waiting+=${line}$'\n'
        continue
        ;;
      iface)
        inside=''
        [[ ${words[1]-} != "$2" ]] || inside=yes
        ;;
      auto | allow-*)
        inside=''
        kept=${words[0]}
        for word in ${words[@]+"${words[@]:1}"}; do [[ ${word} == "$2" ]] || kept+=" ${word}"; done
        if [[ ${kept} == "${words[0]}" ]]; then
          out+=${waiting} waiting=''
          continue
        elif [[ " ${words[*]-} " == *" $2 "* ]]; then
          line=${kept}
        fi
        ;;
      mapping | source* | no-auto-down | no-scripts | rename | template) inside='' ;;
      *) ;;
    esac
    if [[ -n ${inside} ]]; then
      [[ ${words[0]} != iface ]] || out+=${waiting}
      waiting=''
      continue
    fi
    out+=${waiting}${line}$'\n'
    waiting=''
  done < <(printf '%s' "$1")
  REPLY=${out}${waiting}
}

# kg_plan_rival NUMBER: it is set aside, by --adopt.
kg_plan_rival() {
  local path=${KG_RIVAL_PATH[$1]} now text backup was k
  if [[ ${KG_RIVAL_WAY[$1]} != aside && ${KG_RIVAL_WAY[$1]} != stanza ]]; then
    kg_strange "${path}" "${KG_RIVAL_WAY[$1]}" "${KG_RIVAL_PLACE[$1]}"
    return
  fi
  kg_fingerprint "${KG_ROOT}${path}"
  now=${REPLY} was=${REPLY}
  if [[ -n ${KG_ADOPT} ]] && kg_had "${path}"; then
    was=${KG_HAD_WAS} backup=${KG_HAD_BACKUP}
    [[ ${now} == "${KG_HAD_WROTE}" ]] || kg_adopt_edited "${path}"
  else
    kg_adopt "${path}" "${now}" "${KG_RIVAL_PLACE[$1]}" "it configures ${KG_RIVAL_LINK[$1]}"
    backup=${REPLY}
    [[ ${backup} != - ]] || return 0
  fi
  if [[ ${KG_RIVAL_WAY[$1]} == aside ]]; then
    kg_change "${path}" "${now}" absent gone
    kg_enter_file aside absent - "${was}" "${backup}" "${path}"
    return
  fi
  if ! kg_read_file "${KG_ROOT}${path}"; then
    kg_strange "${path}" 'it holds a NUL' "${KG_RIVAL_PLACE[$1]}"
    return
  fi
  text=${KG_FILE_TEXT}
  for k in "${!KG_RIVAL_PATH[@]}"; do
    [[ ${KG_RIVAL_PATH[k]} == "${path}" ]] || continue
    kg_drop_stanzas "${text}" "${KG_RIVAL_LINK[k]}"
    text=${REPLY}
  done
  kg_fingerprint_text "${text}" "${now#*:}"
  kg_change "${path}" "${now}" "${REPLY}" text "${text}"
  kg_enter_file stanza "${REPLY}" - "${was}" "${backup}" "${path}"
}

# kg_still_aside PATH: whether what was taken away for a rival of the lab's is still so, and the lab still wants it.
kg_still_aside() {
  kg_had "$1"
  [[ ${#KG_RIVALS[@]} -gt 0 && (${KG_HAD_HOW} == aside || ${KG_HAD_HOW} == stanza) ]] || return 1
  kg_fingerprint "${KG_ROOT}$1"
  [[ ${REPLY} == "${KG_HAD_WROTE}" ]] && kg_was_rival "$1"
}

# kg_was_rival PATH: whether its backup configures a link of the lab's.
kg_was_rival() {
  local k link
  for k in ${KG_RIVALS[@]+"${!KG_RIVALS[@]}"}; do
    link=${KG_RIVALS[k]#* }
    kg_configures "${KG_RIVALS[k]%% *}" "$1" "${KG_STORE}/backup/${KG_HAD_BACKUP}" "${link%% *}" && return
  done
  return 1
}

# `persist` and `unpersist`: what makes the lab survive a reboot, written all or not at all, and taken back.

# kg_begin_persisting: root and locks; what a killed run left is taken back first. With -n, nothing.
kg_begin_persisting() {
  kg_integrity || exit 9 # also where the damage is in there
  if [[ -n ${KG_ROOT} ]]; then
    [[ -d ${KG_ROOT} ]] || kg_die 2 "\`--root ${KG_ROOT}\` is not a folder"
    KG_ROOT=$(cd -P -- "${KG_ROOT}" && pwd -P)
    [[ ${KG_ROOT} != / ]] || KG_ROOT=''
  fi
  KG_STORE=${KG_ROOT}${KG_VAR}/persist
  if [[ -z ${KG_DRY} ]]; then
    [[ ${EUID} -eq 0 ]] || kg_die 5 "the files of a host's boot are changed by root only"
    [[ -n ${KG_ROOT} ]] || kg_lock
    { exec 6<"${KG_ROOT:-${KG_RUN%/*}}"; } 2>/dev/null || kg_die 1 "cannot read ${KG_ROOT:-${KG_RUN%/*}}"
    flock -w "${KG_WAIT:-10}" 6 || kg_die 7 'another run is changing the files of this boot' '--wait SECONDS waits for it'
    kg_note_signals
    kg_heal
  elif [[ -e ${KG_STORE}/intent ]]; then
    kg_warn 'a run was killed in the middle: the next one takes back what it did'
  fi
  kg_read_manifest || kg_die 9 "${KG_STORE}/manifest is not as it was written" "what was there before is in ${KG_STORE}/backup"
}

# kg_persist: writes the files that the host's boot reads.
kg_persist() {
  local n
  if [[ -z ${KG_ROOT} && -e ${KG_RUN}/guard ]]; then
    kg_die 10 'the move of the uplink is not confirmed yet' 'log in anew and run: setup.sh confirm'
  fi
  kg_begin_persisting
  kg_read_persistence
  [[ ${#KG_CANNOT[@]} -eq 0 ]] || kg_die 5 "this lab cannot be persisted; nothing was changed" "${KG_CANNOT[@]}"
  kg_find_source
  [[ ${#KG_READERS[@]} -eq 0 ]] || kg_die 5 "nothing here would read these files at boot; nothing was changed. First:" "${KG_READERS[@]}"
  kg_plan_wanted
  [[ ${#KG_CANNOT[@]} -eq 0 ]] || kg_die 5 "this lab cannot be persisted; nothing was changed" "${KG_CANNOT[@]}"
  [[ ${#KG_STRANGE[@]} -eq 0 ]] || kg_die 6 'something that this lab did not write is in the way; nothing was changed' \
    "${KG_STRANGE[@]}" '--adopt sets it aside, and unpersist gives it back'
  for n in ${KG_RULES[@]+"${KG_RULES[@]}"}; do
    kg_try_rules "${n}" || kg_die 1 "${KG_SAID}" 'nothing was changed'
  done
  kg_plan_store persist
  if [[ ${#KG_CHANGE_PATH[@]} -eq 0 ]]; then
    kg_say "${KG_LAB} is persisted: nothing to do"
  elif [[ -n ${KG_DRY} ]]; then
    kg_show_changes
  else
    kg_swap
    kg_tell_system
    kg_say "${KG_LAB} is persisted: the next boot of ${KG_ROOT:-this host} brings it up"
    kg_warn_of_firewalld
  fi
}

# kg_unpersist: gives back what was there before.
kg_unpersist() {
  local path
  kg_begin_persisting
  if [[ ! -e ${KG_STORE}/manifest ]]; then
    kg_say "${KG_LAB} is not persisted: nothing to do"
    return
  fi
  for path in ${KG_HAD_PATHS[@]+"${KG_HAD_PATHS[@]}"}; do kg_plan_restore "${path}"; done
  kg_plan_store unpersist
  if [[ -n ${KG_DRY} ]]; then
    kg_show_changes
    return
  fi
  kg_read_persistence
  kg_swap
  kg_tell_system
  if [[ ${#KG_STAYS[@]} -gt 0 ]]; then
    kg_die 8 'what is still as this lab wrote it is taken back; this is left:' "${KG_STAYS[@]}"
  fi
  kg_say "${KG_LAB} is not persisted any more: the files are as they were"
}

# kg_find_source: a file of interfaces.d is read only where /etc/network/interfaces says so.
kg_find_source() {
  local path words text=${KG_ROOT}/etc/network/interfaces line
  for path in ${KG_WANT_PATH[@]+"${KG_WANT_PATH[@]}"}; do
    [[ ${path} == /etc/network/interfaces.d/* ]] || continue
    while read -r -a words; do
      line=${words[*]-}
      case ${line} in
        'source /etc/network/interfaces.d/*' | 'source interfaces.d/*') return 0 ;;
        'source-directory '*interfaces.d | 'source-directory '*interfaces.d/) [[ ${path##*/} == *[!A-Za-z0-9_-]* ]] || return 0 ;;
        *) ;;
      esac
    done 2>/dev/null <"${text}"
    KG_READERS+=("add to /etc/network/interfaces: source /etc/network/interfaces.d/*")
    return
  done
}

# kg_warn_of_firewalld: it is told about, never fought.
kg_warn_of_firewalld() {
  local file name
  [[ -z ${KG_ROOT} ]] || return 0
  for file in /proc/[0-9]*/comm; do
    { read -r name <"${file}"; } 2>/dev/null || continue
    [[ ${name} == firewalld ]] || continue
    kg_warn 'firewalld runs: at boot and at each reload it throws out rules that are not its own' \
      "the lab's unit brings them back at boot; after a reload run setup.sh up again"
    return
  done
}

# kg_show_changes: the difference, as `diff -u` shows it.
kg_show_changes() {
  local n path old
  for n in "${!KG_CHANGE_PATH[@]}"; do
    path=${KG_ROOT}${KG_CHANGE_PATH[n]}
    [[ ${path} != "${KG_STORE}/"* ]] || continue
    old=/dev/null
    [[ ! -f ${path} || -L ${path} ]] || old=${path}
    case ${KG_CHANGE_FROM[n]} in
      link) printf '+ %s, a link to %s\n' "${path}" "${KG_CHANGE_TEXT[n]}" ;;
      gone)
        printf -- '- %s is removed\n' "${path}"
        kg_diff "${path}" "${old}" /dev/null
        ;;
      text | part) kg_diff "${path}" "${old}" - < <(printf '%s' "${KG_CHANGE_TEXT[n]}") ;;
      *) kg_diff "${path}" "${old}" "${KG_CHANGE_FROM[n]}" ;;
    esac
  done
}

# kg_diff NAME OLD NEW
kg_diff() {
  if type -P diff >/dev/null; then
    diff -u --label "$1" --label "$1" "$2" "$3" || :
  else
    printf '~ %s\n' "$1"
  fi
}

# kg_persisted: REPLY is no, yes, or what of it differs from the lab.
kg_persisted() {
  local path
  KG_STORE=${KG_VAR}/persist
  REPLY=no
  [[ -e ${KG_STORE}/manifest ]] || return 0
  REPLY="differs: ${KG_STORE}/manifest is not as it was written"
  kg_read_manifest || return 0
  for path in ${KG_HAD_PATHS[@]+"${KG_HAD_PATHS[@]}"}; do
    kg_had "${path}"
    kg_fingerprint "${path}"
    case ${KG_HAD_HOW}:${REPLY} in
      *:"${KG_HAD_WROTE}") continue ;;
      block:*:* | rules:*:*)
        if kg_read_file "${path}" && kg_cut "${KG_FILE_TEXT}"; then
          kg_fingerprint_text "${KG_OWN}" 0
          [[ ${REPLY%:*} != "${KG_HAD_OWN}" ]] || continue
        fi
        ;;
      *) ;;
    esac
    REPLY="differs: ${path} was changed"
    return
  done
  REPLY=yes
  [[ ${KG_HAD_BUILD} == "${KG_SHA256}" ]] || REPLY='differs: another build of this lab was persisted'
}

# Shows without touching: the plain commands, what each operation is for, what would change, what stands.

KG_EXPLAINED='' # an empty line, from the second operation on

# kg_commands up|down: the plain commands, one a line, to be pasted into a root shell.
kg_commands() {
  local n guests=''
  kg_load
  kg_select
  case ${1:-up} in
    up)
      for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
        [[ ${KG_KIND[n]} != guest ]] || guests=yes
        [[ -z ${KG_MANUAL[n]-} ]] || unset "KG_CHOSEN[${n}]"
      done
      [[ -z ${guests} ]] || kg_choose_accel
      kg_quote mkdir -p -m 1700 "${KG_RUN%/*}" "${KG_VAR%/*}" "${KG_VAR}"
      printf 'umask 077\n%s\nmkdir -p %s\n' "${REPLY}" "${KG_RUN}"
      kg_pass print
      ;;
    down)
      kg_read_journal || :
      kg_spare
      kg_in_reverse print
      kg_quote rm -rf "${KG_RUN}" "${KG_RUN}.lock" "${KG_VAR}/setup.sh"
      printf '%s\n' "${REPLY}"
      kg_quote rmdir --ignore-fail-on-non-empty "${KG_RUN%/*}" "${KG_VAR}" "${KG_VAR%/*}"
      printf '%s\n' "${REPLY}"
      ;;
    *) kg_die 2 "\`commands $1\` is not a command" 'commands up, commands down' ;;
  esac
}

# kg_print WORD...: the command, as plain commands.
kg_print() {
  local family line
  case $1 in
    kg_write)
      kg_quote "${3%/*}"
      printf 'mkdir -p %s\n' "${REPLY}"
      kg_quote "$3"
      printf "cat >%s <<'KG_END'\n%sKG_END\nchmod %s %s\n" "${REPLY}" "${KG_CONTENT[KG_AT]}" "$2" "${REPLY}"
      ;;
    kg_write_back)
      kg_quote "$2"
      printf 'rm -f %s\n' "${REPLY}"
      ;;
    kg_sysctl)
      if [[ ${KG_PASS} == print ]]; then
        kg_sysctl_file "$2"
        kg_quote "${REPLY}"
        printf 'sysctl -n %s >%s\n' "$2" "${REPLY}"
      fi
      printf 'sysctl -w %s=%s\n' "$2" "$3"
      ;;
    kg_sysctl_back)
      if kg_former "$2"; then
        printf 'sysctl -w %s=%s\n' "$2" "${REPLY}"
      else
        kg_sysctl_file "$2"
        printf '# sysctl -w %s=VALUE: the former value, which is in %s once the lab is up\n' "$2" "${REPLY}"
      fi
      ;;
    kg_stop)
      kg_quote "$2"
      printf 'kill "%s(cat %s)"\n' '$' "${REPLY}"
      if [[ -n ${3-} ]]; then
        kg_quote "$3"
        printf 'rm -f %s\n' "${REPLY}"
      fi
      ;;
    kg_uplink | kg_uplink_back)
      if [[ $1 == kg_uplink ]]; then
        kg_uplink_lines "$2" "$3" || { printf '# %s\n' "${KG_SAID}" && return; }
      else
        kg_uplink_back_lines "$2" "$3" || { printf '# %s\n' "${KG_SAID}" && return; }
      fi
      for family in "${!KG_BATCHES[@]}"; do
        while IFS= read -r line; do
          printf 'ip -%s %s\n' "${family}" "${line}"
        done < <(printf '%s' "${KG_BATCHES[family]}")
      done
      ;;
    *)
      if [[ ${KG_KIND[KG_AT]}:${KG_PASS} == guest:print ]]; then
        kg_quote "${KG_RUN}/vm/${KG_OBJECT[KG_AT]}.qmp"
        printf 'mkdir -p %s\nmkfifo %s.in %s.out\n' "${REPLY%/*}" "${REPLY}" "${REPLY}"
        kg_accelerate "$@"
        set -- ${KG_WORDS[@]+"${KG_WORDS[@]}"}
      fi
      kg_quote "$@"
      printf '%s\n' "${REPLY}"
      ;;
  esac
}

# kg_explain: where each operation comes from, why it is done, by what, and how it is undone.
kg_explain() {
  kg_load
  kg_select
  kg_pass explain
}

kg_explain_op() {
  printf '%s%s  %s %s\n' "${KG_EXPLAINED}" "${KG_AT}" "${KG_KIND[KG_AT]}" "${KG_OBJECT[KG_AT]}"
  KG_EXPLAINED=$'\n'
  kg_place "${KG_AT}"
  printf '  from   %s\n  why    %s\n' "${REPLY}" "$1"
  [[ ${KG_WITHIN[KG_AT]} -eq 0 ]] || printf '  goes   with %s %s\n' "${KG_KIND[KG_WITHIN[KG_AT]]}" "${KG_OBJECT[KG_WITHIN[KG_AT]]}"
}

# kg_explain_command 'do'|undo|look WORD...
kg_explain_command() {
  local what=$1 line
  [[ -z ${KG_STEP} || ${what} == 'do' ]] || return 0
  shift
  while IFS= read -r line; do
    printf '  %-6s %s\n' "${what}" "${line}"
  done < <(kg_print "$@" || :)
}

# kg_plan: exit 0 when all is right, 11 when something is to be done, 6 when something is in the way.
kg_plan() {
  local n code=0
  kg_load
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal"
  [[ -z ${KG_FOREIGN_BUILD} ]] || kg_compare
  kg_judge
  kg_forecast
  kg_select
  kg_show_plan
  for n in ${KG_DROPPED[@]+"${!KG_DROPPED[@]}"}; do
    [[ -n ${KG_NUMBER[${KG_OLD_NAME[n]}]-} ]] || code=11
  done
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    case ${KG_STATE[n]}${KG_MANUAL[n]-} in
      foreign*) kg_leave 6 ;;
      right* | absentyes) ;;
      *) code=11 ;;
    esac
  done
  kg_leave "${code}"
}

# kg_show_plan: KG_CHOSEN, a line each.
kg_show_plan() {
  local n sign
  for ((n = ${#KG_OLD_NAME[@]}; n > 0; n--)); do # as it is taken back
    [[ -z ${KG_DROPPED[n]-} || -n ${KG_NUMBER[${KG_OLD_NAME[n]}]-} ]] || kg_say "- ${KG_OLD_NAME[n]}"
  done
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    case ${KG_STATE[n]}${KG_MANUAL[n]-} in
      right*) sign='=' ;;
      foreign*) sign='!' ;;
      absentyes) continue ;;
      differs*) sign='~' ;;
      *) sign='+' ;;
    esac
    kg_describe "${n}"
    kg_say "${sign} ${REPLY}"
  done
}

# kg_status [--json]: exit 0 when all is right, 3 when nothing of the lab stands, 4 between.
kg_status() {
  local n code=0 stands='' state rows='' file
  kg_load
  kg_read_journal || kg_warn "cannot read ${KG_RUN}/journal"
  [[ -z ${KG_FOREIGN_BUILD} ]] || kg_compare
  kg_judge
  kg_forecast
  kg_select
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    [[ -n ${stands} ]] || ! kg_stands "${n}" || stands=yes
    case ${KG_STATE[n]}${KG_MANUAL[n]-} in
      right*) state=ok ;;
      absentyes) state=off ;;
      absent*) state=missing ;;
      foreign*) state=foreign ;;
      *) state=drifted ;;
    esac
    [[ ${state} == ok || ${state} == off ]] || code=4
    if [[ -n ${KG_JSON} ]]; then
      kg_json "${KG_FILES[n]}"
      file=${REPLY}
      kg_json "${KG_OBJECT[n]}"
      rows+="${rows:+,}"$'\n'"    {\"number\": ${n}, \"kind\": \"${KG_KIND[n]}\", \"object\": ${REPLY}, \"file\": ${file}, \"line\": ${KG_LINES[n]}, \"state\": \"${state}\"}"
    else
      printf -v REPLY '%-8s %s %s' "${state}" "${KG_KIND[n]}" "${KG_OBJECT[n]}"
      kg_say "${REPLY}"
    fi
  done
  [[ ${code} -eq 0 || -n ${stands} ]] || code=3
  case ${code} in
    0) state=up ;;
    3) state=down ;;
    *) state=partial ;;
  esac
  kg_persisted
  if [[ -n ${KG_JSON} ]]; then
    kg_json "${REPLY}"
    printf '{\n  "lab": "%s",\n  "state": "%s",\n  "persisted": %s,\n  "objects": [%s\n  ]\n}\n' \
      "${KG_LAB}" "${state}" "${REPLY}" "${rows}"
  else
    kg_say "${KG_LAB} is ${state}; persisted: ${REPLY}"
    kg_tell_guard
  fi
  kg_leave "${code}"
}

# The command line.

KG_DRY=''  # yes: -n, nothing at all is touched
KG_YES=''  # yes: -y, questions are answered with yes
KG_KEEP='' # yes: --keep, a failure is left as it is
KG_WAIT='' # --wait SECONDS: how long guests have to go off, and another run to end
KG_JSON='' # yes: status --json
KG_UNIT='' # yes: --service, a unit of this host's calls

kg_usage() {
  cat <<END
usage: bash setup.sh [COMMAND] [OPTION...]

  up                      build the lab ${KG_LAB}, or bring it back to what ${KG_DSL} says; the default
  step                    the same, one operation at a time: asks at the terminal before each
  down                    take back what it made, and prove that nothing is left
  restart                 down, then up
  plan                    what up would do: + make, - take back, = is right, ~ differs, ! foreign and in the way
  commands [up|down]      the plain commands, to paste into a root shell
  explain [NUMBER|NAME]   what each operation is for, and how it is undone
  status [--json]         what stands: exit 0 all of it, 3 nothing, 4 a part
  doctor                  what this host has and lacks
  vm list|start|stop|kill|console|log NAME
                          the guests: what runs, power on, power button, plug, serial console, boot log
  shell NAME              a root shell in a namespace
  exec NAME COMMAND...    a command in a namespace
  persist, unpersist      write what makes the lab survive a reboot; give back what was there before
  confirm, revert         where the host's own address moved to a bridge: keep it, from a new login; or take all back
  repair                  after a run was killed: asks about what it may have left
  source [FILE]           the lab that this was built from, or one of its files alone
  log                     what was done since the lab came up
  version                 what wrote this, for which target, from which lab
  help                    this

  -n, --dry-run           touch nothing, show what would be done
  -q, -v                  say less, say more
  -y, --yes               answer questions with yes; move an uplink whose address is from DHCP
  -s, --step              with up and restart: as step does
  --only NAME             only the operations of this name or number
  --slow                  a process for each command, no batches
  --keep                  leave a failure as it is
  --wait SECONDS          how long guests have to go off (10), and another run to end (0)
  --guard SECONDS         how long to wait for confirm before all is taken back (120)
  --no-guard              do not wait for confirm
  --root FOLDER           persist and unpersist below this folder, an image or a chroot
  --adopt                 persist sets aside what is in its way, and unpersist gives it back
  --service               for units: up leaves the guests to units of their own; down, while this host shuts down,
                          powers the guests off and touches nothing else

environment: KVMGEN_ACCEL=kvm|tcg|kvm:tcg runs guests that way, whatever this host seems to have

exit: 0 done, 1 failed and taken back, 2 usage, 3 status: down, 4 status: a part, 5 something is missing, 6 something
foreign is in the way, 7 another run is at work, 8 not all could be taken back, 9 this file or its state is not as
it was written, 10 not confirmed, 11 plan: something is to be done, 128+N signal N
END
}

# kg_load: reads the lab, once.
kg_load() {
  [[ ${KG_COUNT} -gt 0 ]] || kg_pass load
}

# kg_prepare: what every command needs that changes the host. With -n, nothing.
kg_prepare() {
  kg_integrity || exit 9 # also where the damage is in there
  if [[ -z ${KG_DRY} ]]; then
    [[ ${EUID} -eq 0 ]] || kg_die 5 'the networks of a host are changed by root only'
    kg_lock
  fi
  kg_load
}

# kg_own_folder: the lab's folder and log, for commands that undo.
kg_own_folder() {
  mkdir -p "${KG_RUN}" || kg_die 1 "cannot make ${KG_RUN}"
  KG_LOG=${KG_RUN}/log
}

kg_restart() {
  kg_down
  [[ -z ${KG_DRY} ]] || return 0
  KG_FED=()
  KG_RAN=()
  kg_leave_on_signals
  kg_up
}

# kg_enter NAME WORD...: becomes the command in the namespace.
kg_enter() {
  local name=$1
  shift
  kg_load
  [[ -n ${KG_SPACES[${name}]-} ]] || kg_die 2 "this lab has no namespace \`${name}\`" "it has ${!KG_SPACES[*]}"
  [[ -e /run/netns/${name} ]] || kg_die 3 "the namespace ${name} is not there" 'setup.sh up makes it'
  if [[ -n ${KG_DRY} ]]; then
    kg_quote ip netns exec "${name}" "$@"
    kg_say "${REPLY}"
    return
  fi
  exec ip netns exec "${name}" "$@"
}

kg_shell() {
  local PS1='[\u in '"$1"' \W]\$ '
  export PS1
  [[ -n ${KG_DRY} ]] || printf 'You are in the namespace %s. Leave with: exit\n' "$1"
  kg_enter "$1" /bin/bash --norc -i
}

kg_show_log() {
  [[ -r ${KG_RUN}/log ]] || kg_die 3 'there is no log: the lab is down'
  cat "${KG_RUN}/log"
}

# kg_show_source [FILE]
kg_show_source() {
  local KG_ALONE=${1-}
  REPLY=''
  kg_dsl
  [[ -n ${REPLY} ]] || kg_die 2 "this was built from no file \`$1\`" 'setup.sh source shows all of them'
}

# kg_source NAME, text on standard input: a file that the lab is made of. All of them are told apart by comments.
kg_source() {
  [[ -z ${KG_ALONE} || ${KG_ALONE} == "$1" ]] || return 0
  [[ -n ${KG_ALONE} || $1 == "${KG_DSL}" ]] || printf '\n# ---- %s ----\n' "$1"
  cat
  REPLY=$1
}

kg_version() {
  printf 'kvmgen %s\nlab %s, profile %s, persistence %s\n%s sha256 %s\nruntime sha256 %s\n' \
    "${KG_VERSION}" "${KG_LAB}" "${KG_PROFILE}" "${KG_PERSISTENCE}" "${KG_DSL}" "${KG_DSL_SHA256}" "${KG_RUNTIME_SHA256}"
}

# kg_seconds OPTION TEXT: REPLY is the number of seconds, up to 9999.
kg_seconds() {
  case $2 in
    '' | *[!0-9]* | ?????*) kg_die 2 "\`$1\` needs a number of seconds" ;;
    *) REPLY=$((10#$2)) ;;
  esac
}

# kg_main WORD...
kg_main() {
  local verb='' words=() word
  export -n TMPDIR
  TMPDIR=/run # where bash before 5.1 puts here-documents
  while [[ $# -gt 0 ]]; do
    word=$1
    shift
    case ${word} in
      -n | --dry-run) KG_DRY=yes ;;
      -y | --yes) KG_YES=yes ;;
      -q) KG_LOUDNESS=0 ;;
      -v) KG_LOUDNESS=2 ;;
      -s | --step) KG_STEP=yes ;;
      --slow) KG_SLOW=yes ;;
      --keep) KG_KEEP=yes ;;
      --json) KG_JSON=yes ;;
      --service) KG_UNIT=yes ;;
      --adopt) KG_ADOPT=yes ;;
      --root)
        KG_ROOT=${1-}
        [[ -n ${KG_ROOT} ]] || kg_die 2 "\`--root\` needs a folder"
        shift
        ;;
      --wait)
        kg_seconds "${word}" "${1-}"
        KG_WAIT=${REPLY}
        shift
        ;;
      --guard)
        kg_seconds "${word}" "${1-}"
        KG_GUARD=${REPLY}
        [[ ${KG_GUARD} -gt 0 ]] || kg_die 2 "\`--guard\` needs a second at least" '--no-guard goes without'
        shift
        ;;
      --no-guard) KG_GUARD=0 ;;
      --only)
        KG_ONLY=${1-}
        [[ -n ${KG_ONLY} ]] || kg_die 2 "\`--only\` needs the name of a part of the lab"
        shift
        ;;
      -h | --help) verb=help ;;
      --version) verb=version ;;
      -*)
        [[ ${verb}:${word} == vm:-f ]] || kg_die 2 "there is no option \`${word}\`" 'setup.sh help lists them'
        words+=("${word}")
        ;;
      *)
        if [[ -z ${verb} ]]; then
          verb=${word}
        else
          words+=("${word}")
        fi
        if [[ ${verb} == exec ]]; then # the rest is the command
          words+=("$@")
          break
        fi
        ;;
    esac
  done
  kg_dispatch "${verb:-up}" ${words[@]+"${words[@]}"}
  word=$?
  kg_unlock
  return "${word}"
}

# kg_dispatch COMMAND WORD...
kg_dispatch() {
  local verb=$1
  shift
  [[ -z ${KG_JSON} || ${verb} == status ]] || kg_die 2 "\`--json\` is an option of \`status\`"
  [[ -z ${KG_UNIT} || ${verb} == up || ${verb} == down ]] || kg_die 2 "\`--service\` is an option of \`up\` and \`down\`"
  [[ -z ${KG_ROOT} || ${verb} == persist || ${verb} == unpersist ]] ||
    kg_die 2 "\`--root\` is an option of \`persist\` and \`unpersist\`"
  [[ -z ${KG_ADOPT} || ${verb} == persist ]] || kg_die 2 "\`--adopt\` is an option of \`persist\`"
  [[ ${verb} != step ]] || KG_STEP=yes
  [[ -z ${KG_STEP} ]] || kg_prepare_step "${verb}"
  case ${verb}:$# in
    up:0 | step:0) kg_up ;;
    down:0) kg_down ;;
    restart:0) kg_restart ;;
    repair:0) kg_repair ;;
    persist:0) kg_persist ;;
    unpersist:0) kg_unpersist ;;
    confirm:0) kg_confirm ;;
    revert:0) kg_revert ;;
    plan:0) kg_plan ;;
    status:0) kg_status ;;
    commands:[01]) kg_commands "$@" ;;
    explain:0) kg_explain ;;
    explain:1)
      KG_ONLY=$1
      kg_explain
      ;;
    doctor:0)
      kg_load
      kg_doctor
      ;;
    vm:*)
      kg_load
      kg_vm "$@"
      ;;
    shell:1) kg_shell "$1" ;;
    exec:[1-9]*)
      [[ $# -gt 1 ]] || kg_die 2 "\`exec\` needs a namespace and a command"
      kg_enter "$@"
      ;;
    log:0) kg_show_log ;;
    source:[01]) kg_show_source "$@" ;;
    version:0) kg_version ;;
    help:0) kg_usage ;;
    list-operations:0) kg_list ;;
    undo-operations:[1-9]*) kg_undo_these "$@" ;;
    guard-watch:5) kg_watch "$@" ;;
    *) kg_die 2 "\`${verb}${1+ $*}\` is not a command" 'setup.sh help lists them' ;;
  esac
}

# ---- The lab ----

# The source of this script, printed by `source`.
kg_dsl() {
  kg_source routed.dsl <<'KG_END'
# The notes, sections 1.2 and 3.2: the bridge has an address of the host, which is the guests' gateway; the host
# forwards (ip_forward) and hides nobody.
host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 }
}
network br0 routed { address 10.20.0.254/24 }

vm test {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic vif0.0 on br0 { address 10.20.0.1/24 }
}

expect host reaches test
expect test reaches host
KG_END
}

# What must be there before anything is changed.
kg_needs() {
  kg_need routed.dsl:10 image /srv/images/guest.qcow2 qcow2
  kg_need routed.dsl:3 tool brctl bridge-utils
  kg_need routed.dsl:3 tool ip iproute
  kg_need routed.dsl:3 tool iptables iptables
  kg_need routed.dsl:3 tool sysctl procps-ng
  kg_need routed.dsl:3 tool qemu-img qemu-img
  kg_need routed.dsl:3 tool /usr/libexec/qemu-kvm qemu-kvm
  kg_need routed.dsl:3 tool flock util-linux
}

# Every guest, by the number of the operation that starts it.
kg_guests() {
  KG_VMS=(
    [10]=test
  )
}

# networks: a bridge each
kg_section_bridges() {
  kg_from 6 'network br0 routed { address 10.20.0.254/24 }'
  kg_op 1 0 bridge br0 'a bridge is a switch inside the kernel: guests and routers plug into it'
  kg_do brctl addbr br0
  kg_do ip link set dev br0 alias kvmgen:routed
  kg_undo ip link set dev br0 down
  kg_undo brctl delbr br0
  kg_probe link - br0
  kg_look brctl show br0
  kg_op 2 1 link-up br0 'a link passes nothing until it is up'
  kg_do ip link set dev br0 up
  kg_probe up - br0
  kg_look ip link show dev br0
  kg_op 3 1 address 'br0 10.20.0.254/24' 'an address with its prefix length, which is also the route to its subnet'
  kg_do ip addr add 10.20.0.254/24 dev br0
  kg_undo ip addr del 10.20.0.254/24 dev br0
  kg_probe address - br0 10.20.0.254/24
  kg_look ip addr show dev br0
}

# the host as router
kg_section_forwarding() {
  kg_from 6 'network br0 routed { address 10.20.0.254/24 }'
  kg_op 4 0 filter kg-forward-routed 'the network models hold whatever else forwards on this host: what may pass is accepted, the rest is not'
  kg_do iptables -t filter -N kg-forward-routed
  kg_do iptables -t filter -A kg-forward-routed -i br0 -o br0 -j ACCEPT
  kg_do iptables -t filter -A kg-forward-routed -i br0 -j ACCEPT
  kg_do iptables -t filter -A kg-forward-routed -o br0 -j ACCEPT
  kg_do iptables -t filter -I FORWARD 1 -m comment --comment kvmgen:routed -j kg-forward-routed
  kg_undo iptables -t filter -D FORWARD -m comment --comment kvmgen:routed -j kg-forward-routed
  kg_undo iptables -t filter -F kg-forward-routed
  kg_undo iptables -t filter -X kg-forward-routed
  kg_probe chain - filter kg-forward-routed
  kg_probe rule - filter '-A kg-forward-routed -i br0 -o br0 -j ACCEPT'
  kg_probe rule - filter '-A kg-forward-routed -i br0 -j ACCEPT'
  kg_probe rule - filter '-A kg-forward-routed -o br0 -j ACCEPT'
  kg_probe rule - filter '-A FORWARD -m comment --comment "kvmgen:routed" -j kg-forward-routed'
  kg_look iptables -t filter -nvL kg-forward-routed
  kg_op 5 0 forwarding net.ipv4.ip_forward 'without ip_forward the kernel drops every packet that is not for the host itself'
  kg_do kg_sysctl net.ipv4.ip_forward 1
  kg_undo kg_sysctl_back net.ipv4.ip_forward
  kg_probe sysctl - net.ipv4.ip_forward 1
  kg_look sysctl net.ipv4.ip_forward
}

# guests: scripts that QEMU calls, and disks
kg_section_disks() {
  kg_from 6 'network br0 routed { address 10.20.0.254/24 }'
  kg_op 6 0 ifup /var/lib/kvmgen/routed/qemu-ifup-br0 "QEMU runs this with the tap's name when the guest starts: it plugs the tap into the bridge"
  kg_do kg_write 0755 /var/lib/kvmgen/routed/qemu-ifup-br0 <<'KG_END'
#!/bin/bash
# QEMU runs this as root with the tap's name when a guest starts: it plugs the tap into the bridge.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
tap=${1:-}
if [[ -z ${tap} ]]; then
  echo 'qemu-ifup: no interface given' >&2
  exit 1
fi
ip link set dev "${tap}" alias kvmgen:routed up || exit 1
if [[ ! -e /sys/class/net/br0/brif/${tap} ]]; then
  brctl addif br0 "${tap}"
fi
KG_END
  kg_look cat /var/lib/kvmgen/routed/qemu-ifup-br0
  kg_op 7 0 ifdown /var/lib/kvmgen/routed/qemu-ifdown 'QEMU runs this when the guest ends; the tap itself goes with QEMU'
  kg_do kg_write 0755 /var/lib/kvmgen/routed/qemu-ifdown <<'KG_END'
#!/bin/bash
# QEMU runs this as root with the tap's name when a guest ends. The tap is about to go, and its port with it.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
tap=${1:-}
if [[ -z ${tap} ]]; then
  echo 'qemu-ifdown: no interface given' >&2
  exit 1
fi
exec ip link set dev "${tap}" down
KG_END
  kg_look cat /var/lib/kvmgen/routed/qemu-ifdown

  kg_from 10 'disk /srv/images/guest.qcow2 { overlay on }'
  kg_op 8 0 overlay /var/lib/kvmgen/routed/test-0.qcow2 'what the guest writes goes to a qcow2 of its own; the base image stays as it is'
  kg_do qemu-img create -q -f qcow2 -b /srv/images/guest.qcow2 -F qcow2 /var/lib/kvmgen/routed/test-0.qcow2
  kg_undo rm -f /var/lib/kvmgen/routed/test-0.qcow2
  kg_probe exists /var/lib/kvmgen/routed/test-0.qcow2
  kg_look qemu-img info /var/lib/kvmgen/routed/test-0.qcow2
}

# guests
kg_section_guests() {
  kg_from 8 'vm test {'
  kg_op 9 0 qemu-link /usr/bin/qemu-kvm 'EL keeps its QEMU outside the PATH; the notes link it to where a shell finds it'
  kg_do ln -s /usr/libexec/qemu-kvm /usr/bin/qemu-kvm
  kg_undo rm -f /usr/bin/qemu-kvm
  kg_probe symlink /usr/bin/qemu-kvm /usr/libexec/qemu-kvm
  kg_look ls -l /usr/bin/qemu-kvm
  kg_op 10 0 guest test 'QEMU runs the guest in the background: its tap is its cable, its console is a pty'
  kg_do /usr/bin/qemu-kvm -name test -m 128 -smp 1 \
    -drive file=/var/lib/kvmgen/routed/test-0.qcow2,format=qcow2,media=disk,if=virtio \
    -net nic,macaddr=52:54:00:72:1e:0b,model=virtio \
    -net tap,ifname=vif0.0,script=/var/lib/kvmgen/routed/qemu-ifup-br0,downscript=/var/lib/kvmgen/routed/qemu-ifdown \
    -display none -chardev pty,id=console -serial chardev:console \
    -chardev pipe,id=qmp,path=/run/kvmgen/routed/vm/test.qmp -mon chardev=qmp,mode=control \
    -pidfile /run/kvmgen/routed/vm/test.pid -daemonize
  kg_undo kg_stop /run/kvmgen/routed/vm/test.pid
  kg_probe process /run/kvmgen/routed/vm/test.pid
  kg_probe link - vif0.0
  kg_probe port - vif0.0 br0
  kg_look cat /run/kvmgen/routed/vm/test.pid
}

kg_operations() {
  kg_section_bridges
  kg_section_forwarding
  kg_section_disks
  kg_section_guests
}

# What the host's own boot reads, as ifcfg: `persist` writes it, `unpersist` takes it back.
kg_persistence() {
  kg_from 3 'host {'
  kg_boot file whole 0644 /etc/systemd/system/kvmgen-routed.service <<'KG_END'
# kvmgen, lab routed: setup.sh unpersist takes this back
[Unit]
Description=kvmgen lab routed
Wants=network-online.target
After=network-online.target remote-fs.target NetworkManager.service systemd-networkd.service networking.service network.service wicked.service firewalld.service iptables.service ip6tables.service nftables.service netfilter-persistent.service
Before=libvirtd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash /var/lib/kvmgen/routed/persist/setup.sh up --service --no-guard -y --wait 300
ExecStop=/bin/bash /var/lib/kvmgen/routed/persist/setup.sh down --service --wait 90
TimeoutStopSec=210

[Install]
WantedBy=multi-user.target
KG_END
  kg_boot link /etc/systemd/system/multi-user.target.wants/kvmgen-routed.service /etc/systemd/system/kvmgen-routed.service

  kg_from 6 'network br0 routed { address 10.20.0.254/24 }'
  kg_boot reader 'systemctl enable NetworkManager' /etc/systemd/system/multi-user.target.wants/NetworkManager.service /etc/rc3.d/S10network
  kg_boot rival ifcfg br0
  kg_boot bridge br0
  kg_boot file whole 0644 /etc/sysconfig/network-scripts/ifcfg-br0 <<'KG_END'
# kvmgen, lab routed: setup.sh unpersist takes this back
DEVICE=br0
TYPE=Bridge
BOOTPROTO=none
ONBOOT=yes
IPADDR=10.20.0.254
PREFIX=24
STP=off
DELAY=0
IPV6INIT=no
NOZEROCONF=yes
AUTOCONNECT_SLAVES=yes
KG_END
  kg_boot file whole 0644 /etc/sysctl.d/90-kvmgen-routed.conf <<'KG_END'
# kvmgen, lab routed: setup.sh unpersist takes this back
net.ipv4.ip_forward = 1
KG_END
  kg_boot file rules 0600 /etc/sysconfig/iptables <<'KG_END'
*filter
:kg-forward-routed - [0:0]
-A kg-forward-routed -i br0 -o br0 -j ACCEPT
-A kg-forward-routed -i br0 -j ACCEPT
-A kg-forward-routed -o br0 -j ACCEPT
-I FORWARD 1 -m comment --comment kvmgen:routed -j kg-forward-routed
COMMIT
KG_END

  kg_from 8 'vm test {'
  kg_boot file whole 0644 /etc/NetworkManager/conf.d/90-kvmgen-routed.conf <<'KG_END'
# kvmgen, lab routed: setup.sh unpersist takes this back
[keyfile]
unmanaged-devices+=interface-name:vif0.0
KG_END
  kg_boot file whole 0644 /etc/systemd/system/kvmgen-routed-vm@.service <<'KG_END'
# kvmgen, lab routed: setup.sh unpersist takes this back
[Unit]
Description=guest %i of the kvmgen lab routed
Requires=kvmgen-routed.service
After=kvmgen-routed.service

[Service]
Type=forking
PIDFile=/run/kvmgen/routed/vm/%i.pid
ExecStart=/bin/bash /var/lib/kvmgen/routed/persist/setup.sh vm start %i --wait 300
ExecStop=/bin/bash /var/lib/kvmgen/routed/persist/setup.sh vm stop %i --wait 90
TimeoutStartSec=360
TimeoutStopSec=120

[Install]
WantedBy=kvmgen-routed.service
KG_END
  kg_boot link /etc/systemd/system/kvmgen-routed.service.wants/kvmgen-routed-vm@test.service /etc/systemd/system/kvmgen-routed-vm@.service
  kg_boot reload systemctl daemon-reload
}

{
  kg_main "$@"
  exit
}
