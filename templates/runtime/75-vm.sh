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
