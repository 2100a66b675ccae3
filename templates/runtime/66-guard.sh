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
