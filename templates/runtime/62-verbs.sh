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
