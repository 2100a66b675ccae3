# `up` over an older build of the same lab, and `down` of another build: the script that made what stands is kept in
# ${KG_VAR}, so each build takes back its own work. An operation that reads the same in both builds is kept as it
# runs; its line of the journal goes over into the new build's numbers.

KG_COPY=''            # the script whose numbers the journal has
KG_DROPPED_NUMBERS=() # the older build's numbers of what this one no longer has
KG_OLD_BUILD=''       # its sha256
KG_OLD_NOTED=()       # what its journal says of what is kept, in its numbers
KG_OLD_EXTRA=()
KG_REPLACED=''           # yes: what is gone has been taken back, so a failure has to bring it again
KG_IDENTITY=()           # number -> all that an operation says, on one line
declare -A KG_OLDER=()   # identity -> the older build's number
declare -A KG_DROPPED=() # the kind and name of each -> yes; changed, where this build has it otherwise
KG_BECOMES=()            # the older build's number -> this one's

# kg_identify do|undo WORD...: adds the command to the operation's identity.
kg_identify() {
  kg_quote "$@"
  KG_IDENTITY[KG_AT]+=" ${REPLY//$'\n'/\\n}"
}

# kg_identities: KG_IDENTITY of all operations.
kg_identities() {
  local n facts content
  KG_CHOSEN=()
  for ((n = 1; n <= KG_COUNT; n++)); do
    KG_CHOSEN[n]=yes
    facts=${KG_FACTS[n]}
    content=${KG_CONTENT[n]-}
    KG_IDENTITY[n]="${KG_KIND[n]} ${KG_OBJECT[n]}"$'\t'"${facts//$'\n'/;} ${content//$'\n'/\\n}"
  done
  kg_pass identify
}

# kg_list: for a newer build: number and identity of each operation.
kg_list() {
  local n
  kg_load
  kg_identities
  for ((n = 1; n <= KG_COUNT; n++)); do printf '%s\t%s\n' "${n}" "${KG_IDENTITY[n]}"; done
}

# kg_undo_these NUMBER...: for a newer build: takes these back.
kg_undo_these() {
  local n
  kg_prepare
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal"
  kg_judge
  KG_CHOSEN=()
  for n in "$@"; do
    if kg_stands "${n}"; then KG_CHOSEN[n]=yes; fi
  done
  KG_LOG=${KG_RUN}/log
  trap '' HUP INT TERM
  kg_take_back
  [[ ${#KG_LEFT[@]} -eq 0 ]] && return
  kg_tell_left "${KG_LEFT[@]}"
  kg_leave 8
}

# kg_find_copy: KG_COPY is the stored script that the journal's numbers belong to; status 1 when there is none.
kg_find_copy() {
  local file line
  for file in "${KG_VAR}/setup.sh" "${KG_VAR}/setup.sh.new"; do
    [[ -r ${file} ]] || continue
    while IFS= read -r line; do
      [[ ${line} == 'readonly KG_SHA256='* ]] || continue
      KG_COPY=${file}
      [[ ${line} == "readonly KG_SHA256=${KG_FOREIGN_BUILD}" ]] || break
      return 0
    done <"${file}"
  done
  KG_COPY=''
  return 1
}

# kg_older_down: the older build takes back its own work.
kg_older_down() {
  local words=(--wait "${KG_WAIT:-10}")
  [[ -z ${KG_DRY} ]] || words+=(-n)
  [[ -z ${KG_ONLY} ]] || words+=(--only "${KG_ONLY}")
  case ${KG_LOUDNESS} in
    0) words+=(-q) ;;
    2) words+=(-v) ;;
    *) ;;
  esac
  kg_older down "${words[@]}" || kg_leave "$?"
  KG_FOREIGN_BUILD=''
  KG_COPY=''
}

# kg_compare: what the older build has and this one has not, and what both have, with the journal in this one's numbers.
kg_compare() {
  local number identity n
  kg_find_copy || kg_die 9 'the lab was made by another build, and the copy of its script is gone' \
    'setup.sh down takes back what bears the mark of the lab'
  KG_OLD_BUILD=${KG_FOREIGN_BUILD}
  while IFS=$'\t' read -r number identity; do
    KG_OLDER[${identity}]=${number}
  done < <(/bin/bash "${KG_COPY}" list-operations 9>&- || :)
  [[ ${#KG_OLDER[@]} -gt 0 ]] || kg_die 9 "${KG_COPY} does not say what it made"
  kg_identities
  for ((n = 1; n <= KG_COUNT; n++)); do
    identity=${KG_IDENTITY[n]}
    number=${KG_OLDER[${identity}]-}
    [[ -z ${number} ]] || KG_BECOMES[number]=${n}
  done
  for identity in ${KG_OLDER[@]+"${!KG_OLDER[@]}"}; do
    n=${KG_OLDER[${identity}]}
    [[ -z ${KG_BECOMES[n]-} ]] || continue
    KG_DROPPED_NUMBERS+=("${n}")
    KG_DROPPED[${identity%%$'\t'*}]=yes
  done
  kg_translate
}

# kg_forecast: what an older build has under the name of an operation that reads otherwise here will be made anew; what
# is in the way may be the older build's (a port in another bridge), and is asked again when that is gone.
kg_forecast() {
  local n name kept=()
  [[ -n ${KG_COPY} && -z ${KG_REPLACED} ]] || return 0
  for n in ${KG_BECOMES[@]+"${KG_BECOMES[@]}"}; do kept[n]=yes; done
  for ((n = 1; n <= KG_COUNT; n++)); do
    name="${KG_KIND[n]} ${KG_OBJECT[n]}"
    case ${KG_STATE[n]}:${KG_FACTS[n]} in
      foreign:link* | foreign:netns*) ;; # these bear the mark of the lab, whichever build made them
      foreign:*) KG_STATE[n]=differs ;;
      *) ;;
    esac
    [[ -z ${kept[n]-} ]] || continue
    [[ -z ${KG_DROPPED[${name}]-} ]] || KG_DROPPED[${name}]=changed
    [[ ${KG_STATE[n]} != right && -z ${KG_DROPPED[${name}]-} ]] || KG_STATE[n]=differs
  done
}

# kg_translate: the older build's journal, in this one's numbers.
kg_translate() {
  local n m noted=() extra=()
  kg_read_journal "${KG_OLD_BUILD}" || kg_die 9 "cannot read ${KG_RUN}/journal"
  KG_OLD_NOTED=()
  KG_OLD_EXTRA=()
  for n in ${KG_NOTED[@]+"${!KG_NOTED[@]}"}; do
    KG_OLD_NOTED[n]=${KG_NOTED[n]}
    KG_OLD_EXTRA[n]=${KG_EXTRA[n]}
    m=${KG_BECOMES[n]-}
    [[ -n ${m} ]] || continue
    noted[m]=${KG_NOTED[n]}
    extra[m]=${KG_EXTRA[n]}
  done
  KG_NOTED=()
  KG_EXTRA=()
  for n in ${noted[@]+"${!noted[@]}"}; do
    KG_NOTED[n]=${noted[n]}
    KG_EXTRA[n]=${extra[n]}
  done
}

# kg_older WORD...: the older build's script, which works under this one's lock and hears no signal.
kg_older() (
  trap '' HUP INT TERM
  exec /bin/bash "${KG_COPY}" "$@"
)

# kg_replace_older: takes back what this build no longer has.
kg_replace_older() {
  KG_REPLACED=yes
  [[ ${#KG_DROPPED_NUMBERS[@]} -eq 0 ]] || kg_older -q undo-operations "${KG_DROPPED_NUMBERS[@]}" || kg_leave 8
  kg_translate
}

# kg_restore_older: the older build as it stood, after a failure.
kg_restore_older() {
  local n
  [[ -n ${KG_REPLACED} ]] || return 0
  KG_REPLACED=''
  KG_NOTED=()
  KG_EXTRA=()
  for n in ${KG_OLD_NOTED[@]+"${!KG_OLD_NOTED[@]}"}; do
    KG_NOTED[n]=${KG_OLD_NOTED[n]}
    KG_EXTRA[n]=${KG_OLD_EXTRA[n]}
  done
  if kg_write_journal "${KG_OLD_BUILD}" && kg_older -q up; then
    kg_warn 'the older build stands as before'
  else
    kg_warn "the older build does not stand whole: bash ${KG_COPY} up says why"
  fi
}
