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
