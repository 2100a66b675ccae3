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
