# The verbs that lab parts use as commands where one of the system's own would not do: files, sysctls, and the end
# of processes. Each is one operation's; `KG_AT` is its number, KG_SAID what to tell when it fails.

# kg_write MODE PATH: the content that came with the operation, whole or not at all.
kg_write() {
  local folder=${2%/*} depth=0
  while [[ ! -d ${folder:-/} ]]; do
    depth=$((depth + 1))
    folder=${folder%/*}
  done
  KG_EXTRA[KG_AT]=${depth}
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

# kg_sysctl KEY VALUE: sets it. The journal has the former value.
kg_sysctl() {
  kg_sysctl_path "$1"
  KG_SAID="cannot set $1 to $2"
  { printf '%s\n' "$2" >"${REPLY}"; } 2>/dev/null
}

# kg_sysctl_file KEY: REPLY is the file in which the plain commands keep its value from before the lab.
kg_sysctl_file() {
  REPLY=${KG_RUN}/sysctl-${1//\//:}
}

# kg_former_value KEY: REPLY is its value from before the lab: the journal has it, or the file of the plain commands.
kg_former_value() {
  local value=${KG_EXTRA[KG_AT]-}
  kg_sysctl_file "$1"
  [[ -n ${value} ]] || { read -r value <"${REPLY}"; } 2>/dev/null || return 1
  REPLY=${value}
  [[ -n ${REPLY} && ${REPLY} != *[!0-9]* ]]
}

# kg_sysctl_back KEY: the former value. It is called only where the value is still the lab's.
kg_sysctl_back() {
  KG_SAID="the former value of $1 is not known"
  kg_former_value "$1" && kg_sysctl "$1" "${REPLY}" || return 1
  kg_sysctl_file "$1"
  rm -f "${REPLY}"
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
