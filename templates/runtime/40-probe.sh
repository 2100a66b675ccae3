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
