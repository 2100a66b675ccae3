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
