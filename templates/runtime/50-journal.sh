# The lab's state on disk: the lock, and the journal of what was begun, done and undone. A line of the journal is
# three integers, NUMBER PHASE EXTRA, so that nothing on disk is ever executed or evaluated:
#   phase 1  is about to be made  EXTRA: a sysctl's former value; else the host's highest ifindex
#   phase 2  is made              EXTRA: a namespace's inode; the number of folders made for a file; else as before
#   phase 4  is taken back
# The first line says the format, which script the numbers belong to (its sha256) and in which boot they were written:
# a journal of another boot proves nothing.

KG_NOTED=()         # number -> phase: what the journal of this boot says
KG_EXTRA=()         # number -> EXTRA
KG_LOCK=''          # the lock file once it is held
KG_SOUND=''         # yes: this file was found as it was generated
KG_FOREIGN_BUILD='' # the sha256 of the build that owns the state, where it is not this one

# kg_sum FILE: REPLY is the sha256 of a script without the line that holds it; status 1 when it cannot be read.
kg_sum() {
  REPLY=$(
    set -o pipefail
    grep -v '^readonly KG_SHA256=' "$1" 2>/dev/null | sha256sum
  ) || return 1
  REPLY=${REPLY%% *}
}

# kg_integrity: exit 9 unless this file is as it was generated.
kg_integrity() {
  [[ -z ${KG_SOUND} ]] || return 0
  [[ -f $0 && -r $0 ]] || kg_die 9 'cannot read its own file' 'copy it to the host and run: bash setup.sh'
  kg_sum "$0" || kg_die 9 "cannot read $0"
  [[ ${REPLY} == "${KG_SHA256}" ]] || kg_die 9 "$0 is not as it was generated" \
    "its sha256 is ${REPLY}, it was ${KG_SHA256}" 'build it again from the lab file'
  KG_SOUND=yes
}

# kg_lock: one run at a time for a lab; exit 7 when another has it. The lock is the open file 9, which no
# daemon of the lab inherits.
kg_lock() {
  local folder=${KG_RUN%/*}
  [[ -z ${KG_LOCK} ]] || return 0
  if [[ /proc/self/fd/9 -ef ${KG_RUN}.lock ]]; then # held by the newer build that called this one
    return 0
  fi
  mkdir -p "${folder}" || kg_die 1 "cannot make ${folder}"
  while :; do
    exec 9>>"${KG_RUN}.lock" || kg_die 1 "cannot write ${KG_RUN}.lock"
    flock -n 9 || kg_die 7 "another run for the lab ${KG_LAB} is at work" "it holds ${KG_RUN}.lock"
    [[ /proc/self/fd/9 -ef ${KG_RUN}.lock ]] && break # else its holder removed it while this run opened it
  done
  KG_LOCK=${KG_RUN}.lock
}

# kg_unlock: gives the lock back and leaves no file of it.
kg_unlock() {
  [[ -n ${KG_LOCK} ]] || return 0
  [[ -d ${KG_RUN} ]] || rm -f "${KG_LOCK}"
  exec 9>&-
  [[ -d ${KG_RUN} ]] || rmdir "${KG_RUN%/*}" 2>/dev/null || :
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
    [[ ${line} == "${boot}" ]] || return 0
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

# kg_open_journal: makes the folders and files, or exit 1 with nothing left.
kg_open_journal() {
  local fresh=''
  [[ -e ${KG_RUN}/journal ]] || fresh=yes
  if ! { mkdir -p "${KG_RUN}" "${KG_VAR}" && kg_write_journal "${KG_SHA256}" &&
    cp -- "$0" "${KG_VAR}/setup.sh.new"; } 2>/dev/null; then
    [[ -z ${fresh} ]] || kg_forget
    kg_die 1 "cannot keep the lab's state in ${KG_RUN} and ${KG_VAR}" 'nothing was changed'
  fi
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
  local phase=$1 n lines=() fact value
  shift
  for n in "$@"; do
    case ${phase} in
      1)
        KG_NOTED[n]=1
        KG_EXTRA[n]=${KG_NEWEST}
        if [[ ${KG_FACTS[n]} == 'sysctl - '* ]]; then
          fact=${KG_FACTS[n]#sysctl }
          value=${KG_VALUE[${fact% *}]-}
          [[ -z ${value} || ${value} == *[!0-9]* ]] || KG_EXTRA[n]=${value}
        fi
        ;;
      2) KG_NOTED[n]=2 ;;
      *) ;;
    esac
    lines+=("${n} ${phase} ${KG_EXTRA[n]-0}")
    [[ ${phase} != 4 ]] || unset "KG_NOTED[${n}]" "KG_EXTRA[${n}]"
  done
  printf '%s\n' "${lines[@]}" >>"${KG_RUN}/journal"
}

# kg_forget: removes the lab's own folders, save what is not its own in them (disks, a user's files).
kg_forget() {
  KG_LOG=''
  rm -rf -- "${KG_RUN:?}"
  rm -f -- "${KG_VAR:?}/setup.sh" "${KG_VAR:?}/setup.sh.new"
  rmdir -- "${KG_VAR}" "${KG_VAR%/*}" 2>/dev/null || :
}
