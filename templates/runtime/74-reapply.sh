# `up` over an older build of the same lab, and `down` of another build: the script that made what stands is kept in
# ${KG_VAR}, so each build takes back its own work. An operation that reads the same in both builds is kept as it
# runs, and its line of the journal goes over into the new build's numbers. What reads otherwise is taken back in its old
# form and made in the new one, save for what can be changed in place: a chain of rules, the bridge of a running guest.

KG_COPY=''               # the script whose numbers the journal has
KG_OLD_BUILD=''          # its sha256
KG_OLD_NAME=()           # its operations by its own numbers: kind and object
KG_OLD_WITHIN=()         # as KG_WITHIN
KG_OLD_UNDOABLE=()       # yes or no
KG_OLD_FACTS=()          # as KG_FACTS
KG_OLD_IDENTITY=()       # as KG_IDENTITY
KG_OLD_NOTED=()          # what its journal says of what is kept
KG_OLD_EXTRA=()          # likewise
KG_IDENTITY=()           # number -> what it is within, its content and its commands, on one line
KG_BECOMES=()            # the older build's number -> this one's, of what is kept or changed in place
KG_CHANGED=()            # the older build's numbers of what is changed in place -> yes
KG_DROPPED=()            # the older build's numbers of the others -> yes
KG_AGAIN=()              # number -> yes: what it makes is taken back in the form that another build gave it
KG_REPLACED=''           # yes: what is gone has been taken back, so a failure has to bring it again
declare -A KG_NUMBER=()  # kind and object -> number
declare -A KG_DECIDED=() # what a fact is about, without its value -> yes, for all facts
declare -A KG_LOST=()    # facts of the older build that go with what is taken back, with and without value -> yes

# kg_identify do|undo WORD...: adds the command to the operation's identity.
kg_identify() {
  kg_quote "$@"
  KG_IDENTITY[KG_AT]+=" ${REPLY//$'\n'/\\n}"
}

# kg_identities: KG_IDENTITY and KG_NUMBER.
kg_identities() {
  local n content
  KG_CHOSEN=()
  for ((n = 1; n <= KG_COUNT; n++)); do
    KG_CHOSEN[n]=yes
    content=${KG_CONTENT[n]-}
    content=${content//\\/\\\\}
    KG_IDENTITY[n]="${KG_OBJECT[KG_WITHIN[n]]-}: ${content//$'\n'/\\n}"
    KG_NUMBER["${KG_KIND[n]} ${KG_OBJECT[n]}"]=${n}
  done
  kg_pass identify
}

# kg_about FACT: REPLY is what the fact is about, without the value that it has to have.
kg_about() {
  case $1 in
    'port '* | 'mtu '* | 'mac '* | 'stp '* | 'sysctl '* | 'file '* | 'symlink '* | 'bridge '* | 'brport '* | 'bridged '*) REPLY=${1% *} ;;
    *) REPLY=$1 ;;
  esac
}

# kg_list: for a newer build, a line for each operation.
kg_list() {
  local n
  kg_load
  kg_identities
  for ((n = 1; n <= KG_COUNT; n++)); do
    printf '%s\t' "${n}" "${KG_KIND[n]} ${KG_OBJECT[n]}" "${KG_WITHIN[n]}" "${KG_UNDOABLE[n]-no}" \
      "${KG_FACTS[n]//$'\n'/$'\037'}"
    printf '%s\n' "${KG_IDENTITY[n]}"
  done
}

# kg_undo_these NUMBER[:again]...: for a newer build, which has those with `again` in another form: takes these back.
kg_undo_these() {
  local n running=() dead=()
  kg_prepare
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal"
  kg_locate
  KG_CHOSEN=()
  for n in "$@"; do
    [[ ${n} != *:again ]] || KG_AGAIN[${n%:again}]=yes
    n=${n%:again}
    if kg_stands "${n}"; then
      KG_CHOSEN[n]=yes
      [[ ${KG_KIND[n]} != guest ]] || running+=("${KG_OBJECT[n]}")
    elif [[ ${KG_KIND[n]} == guest ]]; then
      dead+=("${KG_OBJECT[n]}")
    fi
  done
  KG_LOG=${KG_RUN}/log
  trap '' HUP INT TERM
  [[ ${#running[@]} -eq 0 ]] || kg_power_down "${KG_WAIT:-10}" "${running[@]}"
  kg_take_back
  for n in ${dead[@]+"${dead[@]}"}; do kg_guest_clean "${n}"; done
  [[ ${#KG_LEFT[@]} -eq 0 ]] && return
  kg_tell_left "${KG_LEFT[@]}"
  kg_leave 8
}

# kg_find_copy: KG_COPY is the stored script that the journal's numbers belong to; status 1 when there is none, or when
# it is not as it was generated.
kg_find_copy() {
  for KG_COPY in "${KG_VAR}/setup.sh" "${KG_VAR}/setup.sh.new"; do
    if kg_sum "${KG_COPY}" && [[ ${REPLY} == "${KG_FOREIGN_BUILD}" ]]; then return; fi
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
  local o n
  kg_find_copy || kg_die 9 "another build of ${KG_LAB} is up, and the copy of its script is gone or was edited" \
    'setup.sh down takes back what bears the mark of the lab; then setup.sh up makes this build'
  KG_OLD_BUILD=${KG_FOREIGN_BUILD}
  kg_read_older
  kg_identities
  for o in "${!KG_OLD_NAME[@]}"; do
    n=${KG_NUMBER[${KG_OLD_NAME[o]}]-}
    if [[ -n ${n} ]] && kg_same "${o}" "${n}"; then
      KG_BECOMES[o]=${n}
    else
      KG_DROPPED[o]=yes
    fi
  done
  while kg_spread; do :; done
  kg_count_lost
  kg_translate
}

# kg_count_lost: KG_LOST and KG_AGAIN.
kg_count_lost() {
  local IFS=$'\n' o n fact
  for o in ${KG_DROPPED[@]+"${!KG_DROPPED[@]}"}; do
    n=${KG_NUMBER[${KG_OLD_NAME[o]}]-}
    [[ -z ${n} ]] || KG_AGAIN[n]=yes
    [[ ${KG_OLD_UNDOABLE[o]}${KG_DROPPED[KG_OLD_WITHIN[o]]-} != no ]] || continue
    for fact in ${KG_OLD_FACTS[o]}; do
      kg_about "${fact}"
      KG_LOST[${fact}]=yes
      KG_LOST[${REPLY}]=yes
    done
  done
}

# kg_read_older: asks the older build for its operations.
kg_read_older() {
  local o name within undoable facts identity
  while IFS=$'\t' read -r o name within undoable facts identity; do
    KG_OLD_NAME[o]=${name}
    KG_OLD_WITHIN[o]=${within}
    KG_OLD_UNDOABLE[o]=${undoable}
    KG_OLD_FACTS[o]=${facts//$'\037'/$'\n'}
    KG_OLD_IDENTITY[o]=${identity}
  done < <(/bin/bash "${KG_COPY}" list-operations 9>&- || :)
  [[ ${#KG_OLD_NAME[@]} -gt 0 ]] || kg_die 9 "${KG_COPY} does not say what it made"
}

# kg_same OLDER NUMBER: whether what the older build made stays, as it is or changed in place.
kg_same() {
  local first=${KG_FACTS[$2]%%$'\n'*} equal=''
  [[ ${KG_OLD_IDENTITY[$1]} != "${KG_IDENTITY[$2]}" ]] || equal=yes
  [[ -z ${equal} || ${KG_OLD_FACTS[$1]} != "${KG_FACTS[$2]}" ]] || return 0
  case ${KG_KIND[$2]}:${equal}:${first} in
    *:chain*) [[ ${KG_OLD_FACTS[$1]%%$'\n'*} == "${first}" ]] || return 1 ;;
    guest:yes:*) kg_decides "$1" || return 1 ;;
    *) return 1 ;;
  esac
  KG_CHANGED[$1]=yes
}

# kg_decides OLDER: whether this build gives a value to all that the older one's operation did, so that nothing of it
# has to be taken back first.
kg_decides() {
  local IFS=$'\n' fact facts
  facts="${KG_FACTS[*]-}"
  if [[ ${#KG_DECIDED[@]} -eq 0 ]]; then
    for fact in ${facts}; do
      kg_about "${fact}"
      KG_DECIDED[${REPLY}]=yes
    done
  fi
  for fact in ${KG_OLD_FACTS[$1]}; do
    kg_about "${fact}"
    [[ -n ${KG_DECIDED[${REPLY}]-} ]] || return 1
  done
}

# kg_spread: drops what cannot stay without what is dropped already; status 1 when there is nothing more.
kg_spread() {
  local IFS=$'\n' o fact rest name within falls more=''
  local -A gone=() addressed=()
  for o in ${KG_DROPPED[@]+"${!KG_DROPPED[@]}"}; do
    within=${KG_OLD_WITHIN[o]}
    for fact in ${KG_OLD_FACTS[o]}; do
      gone["${fact/#there /link }"]=yes
      [[ ${fact} != 'address '* ]] || gone["addresses of ${within}"]=yes
      [[ ${fact} != 'address '* || ${KG_OLD_FACTS[o]} == *$'\nsecondary '* ]] || gone["${fact% *}"]=yes
    done
    # A MAC cannot be taken back: where this build gives none, the link has to be another one.
    if [[ ${KG_OLD_NAME[o]} == 'mac '* && -n ${KG_BECOMES[within]-} ]] && ! kg_decides "${o}"; then
      kg_drop "${within}"
      more=yes
    fi
  done
  for o in ${KG_BECOMES[@]+"${!KG_BECOMES[@]}"}; do
    [[ ${KG_OLD_FACTS[o]} != 'address '* ]] || addressed["${KG_OLD_WITHIN[o]}"]=yes
  done
  for o in ${KG_BECOMES[@]+"${!KG_BECOMES[@]}"}; do
    within=${KG_OLD_WITHIN[o]}
    name=${KG_OLD_NAME[o]}
    falls=${KG_DROPPED[within]-}
    for fact in ${KG_OLD_FACTS[o]}; do
      rest=${fact#* }
      case ${fact}:${name} in
        'port '*:'guest '*) ;; # a guest runs on, and is plugged in again
        'port '*) falls+=${gone["link ${rest%% *} ${rest##* }"]-} ;;
        'bridged '*) falls+=${gone["link - ${rest##* }"]-} ;;
        'secondary '*) falls+=${gone["address ${rest% *}"]-} ;; # the kernel removes it with its primary one
        'route '*)                                              # and a route with the last address of its link
          [[ ${KG_OLD_FACTS[within]-netns} == netns* || -n ${addressed[${within}]-} ]] || falls+=${gone["addresses of ${within}"]-}
          ;;
        'process '*:'dhcp '*/*)
          rest=${name#dhcp }
          falls+=${gone["netns ${rest%/*}"]-}${gone["link ${rest/\// }"]-}
          ;;
        'process '*:'dhcp '*) falls+=${gone["link - ${name#dhcp }"]-} ;;
        'process '*:'guest '*)
          for rest in ${gone[@]+"${!gone[@]}"}; do
            [[ ${rest} != 'exists '* || ${KG_OLD_IDENTITY[o]} != *"=${rest#exists },"* ]] || falls=yes
          done
          ;;
        *) ;;
      esac
    done
    if [[ -n ${falls} ]]; then
      kg_drop "${o}"
      more=yes
    fi
  done
  [[ -n ${more} ]]
}

# kg_drop OLDER: what seemed to stay is taken back after all.
kg_drop() {
  unset "KG_BECOMES[$1]" "KG_CHANGED[$1]"
  KG_DROPPED[$1]=yes
}

# kg_forecast: what stands now and will not when the older build has taken back its part; what is in the way may be the
# older build's (a port in another bridge).
kg_forecast() {
  local IFS=$'\n' n fact goes kept=()
  [[ -n ${KG_COPY} && -z ${KG_REPLACED} ]] || return 0
  for n in ${KG_BECOMES[@]+"${KG_BECOMES[@]}"}; do kept[n]=yes; done
  for ((n = 1; n <= KG_COUNT; n++)); do
    goes=''
    for fact in ${KG_FACTS[n]}; do
      case ${KG_KIND[n]}:${kept[n]-}:${fact} in
        guest:yes:'port '*) [[ -z ${KG_LOST["link - ${fact##* }"]-} ]] || KG_STATE[n]=differs ;;
        *:yes:*) ;;
        *:'link '* | *:'netns '*) [[ ${KG_STATE[n]} == foreign ]] || goes+=${KG_LOST[${fact}]-} ;;
        *)
          kg_about "${fact}"
          goes+=${KG_LOST[${fact}]-}${KG_LOST[${REPLY}]-}
          ;;
      esac
    done
    if [[ -n ${goes} ]]; then
      [[ -z ${KG_FOUND[n]-} ]] || unset "KG_MANUAL[${n}]" # a guest that runs is started again, though not by itself
      KG_STATE[n]=absent
    fi
    [[ ${KG_STATE[n]}:${KG_AGAIN[n]-}:${KG_MANUAL[n]-} != absent:yes: ]] || KG_STATE[n]=differs
  done
}

# kg_translate: the older build's journal, in this one's numbers. What is changed in place is begun, but not yet made.
kg_translate() {
  local o n noted=() extra=()
  kg_read_journal "${KG_OLD_BUILD}" || kg_die 9 "cannot read ${KG_RUN}/journal"
  KG_OLD_NOTED=()
  KG_OLD_EXTRA=()
  for o in ${KG_NOTED[@]+"${!KG_NOTED[@]}"}; do
    KG_OLD_NOTED[o]=${KG_NOTED[o]}
    KG_OLD_EXTRA[o]=${KG_EXTRA[o]}
    [[ -z ${KG_CHANGED[o]-} ]] || KG_OLD_NOTED[o]=1
    n=${KG_BECOMES[o]-}
    [[ -n ${n} ]] || continue
    noted[n]=${KG_OLD_NOTED[o]}
    extra[n]=${KG_EXTRA[o]}
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

# kg_replace_older: takes back what this build has no more, or not in that form.
kg_replace_older() {
  local o words=()
  KG_REPLACED=yes
  if [[ ${KG_COPY} == *.new ]]; then # of a run that was killed; this build writes a file of that name
    mv -f "${KG_COPY}" "${KG_VAR}/setup.sh" || kg_die 1 "cannot write ${KG_VAR}/setup.sh" 'nothing was changed'
    KG_COPY=${KG_VAR}/setup.sh
  fi
  for o in ${KG_DROPPED[@]+"${!KG_DROPPED[@]}"}; do
    words+=("${o}${KG_NUMBER[${KG_OLD_NAME[o]}]+:again}")
  done
  if [[ ${#words[@]} -gt 0 ]] && ! kg_older -q --wait "${KG_WAIT:-10}" undo-operations "${words[@]}"; then
    kg_restore_older
    kg_leave 8
  fi
  kg_translate
}

# kg_restore_older: the older build as it stood, after a failure.
kg_restore_older() {
  local o
  [[ -n ${KG_REPLACED} ]] || return 0
  KG_REPLACED=''
  KG_NOTED=()
  KG_EXTRA=()
  for o in ${KG_OLD_NOTED[@]+"${!KG_OLD_NOTED[@]}"}; do
    KG_NOTED[o]=${KG_OLD_NOTED[o]}
    KG_EXTRA[o]=${KG_OLD_EXTRA[o]}
  done
  if kg_write_journal "${KG_OLD_BUILD}" && kg_older -q up; then
    kg_warn 'the older build stands as before'
  else
    kg_warn "the older build does not stand whole: bash ${KG_COPY} up says why"
  fi
}
