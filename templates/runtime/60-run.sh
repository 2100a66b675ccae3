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
