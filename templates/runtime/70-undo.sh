# Takes back: `down` all that stands, a failed `up` what it did. In reverse order, and only what is still as the lab
# made it; what goes with something else (an address with its bridge, all of a namespace with it) is not undone apart.

KG_KEPT=()     # the words of all undo commands that were read
KG_KEPT_OF=()  # command -> number of its operation
KG_KEPT_AT=()  # command -> where its words begin
KG_LEFT=()     # the operations whose objects are still there
KG_SUSPECTS=() # those that the journal says were begun, and whose objects are there without the lab's mark

# kg_keep NUMBER WORD...: an undo command, to be run in its turn. The leases of a server that another build has otherwise
# outlive it.
kg_keep() {
  [[ -z ${KG_AGAIN[$1]-} || $2 != kg_stop ]] || set -- "$1" kg_stop "$3"
  KG_KEPT_OF+=("$1")
  KG_KEPT_AT+=("${#KG_KEPT[@]}")
  shift
  KG_KEPT+=("$@")
}

# kg_spare: takes out of KG_CHOSEN what goes with another that is in it. What is half made is undone apart: it may not
# be yet where it belongs.
kg_spare() {
  local n doomed=()
  for ((n = 1; n <= KG_COUNT; n++)); do
    if [[ -n ${doomed[KG_WITHIN[n]]-} ]]; then
      doomed[n]=yes
      [[ ${KG_NOTED[n]-} == 1 ]] || unset "KG_CHOSEN[${n}]"
    else
      doomed[n]=${KG_CHOSEN[n]-}
    fi
  done
}

# kg_in_reverse feed|print: runs or prints each undo command of KG_CHOSEN, the last operation first.
kg_in_reverse() {
  local first last k at end
  KG_KEPT=()
  KG_KEPT_OF=()
  KG_KEPT_AT=()
  kg_pass unmake
  last=$((${#KG_KEPT_OF[@]} - 1))
  while [[ ${last} -ge 0 ]]; do
    first=${last}
    while [[ ${first} -gt 0 && ${KG_KEPT_OF[first - 1]} -eq ${KG_KEPT_OF[last]} ]]; do first=$((first - 1)); done
    for ((k = first; k <= last; k++)); do
      at=${KG_KEPT_AT[k]}
      end=${KG_KEPT_AT[k + 1]-${#KG_KEPT[@]}}
      KG_AT=${KG_KEPT_OF[k]}
      if [[ $1 == feed ]]; then
        kg_feed "${KG_AT}" "${KG_KEPT[@]:at:end-at}"
      else
        kg_print "${KG_KEPT[@]:at:end-at}"
      fi
    done
    last=$((first - 1))
  done
}

# kg_take_back: undoes KG_CHOSEN, waits until the kernel is done with it, and puts what is left into KG_LEFT.
kg_take_back() {
  local n tick chosen=()
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do chosen+=("${n}"); done
  [[ ${#chosen[@]} -gt 0 ]] || return 0
  kg_spare
  KG_BACKWARD=yes
  kg_in_reverse feed
  kg_finish
  for ((tick = 0; tick < 50; tick++)); do # `ip netns delete` returns before the kernel is done
    kg_judge
    KG_LEFT=()
    for n in "${chosen[@]}"; do
      if [[ -n ${KG_UNDOABLE[n]-} ]] && kg_remains "${n}"; then KG_LEFT+=("${n}"); fi
    done
    [[ ${#KG_LEFT[@]} -gt 0 ]] || break
    sleep 0.1
  done
  KG_BACKWARD=''
  if [[ -d ${KG_RUN} ]]; then kg_journal 4 "${chosen[@]}" || :; fi
}

# kg_remains NUMBER: whether the object is there after all: with its mark, or without it where this run made it.
kg_remains() {
  local name=${KG_FACTS[$1]%%$'\n'*}
  case ${KG_RAN[$1]-0}:${name} in
    [1-9]*:'link '*) [[ -n ${KG_THERE[${name#link }]-} ]] ;;
    [1-9]*:'netns '*) [[ -n ${KG_THERE[${name}]-} ]] ;;
    *) kg_stands "$1" ;;
  esac
}

# kg_tell_left: on standard error, what is left; exit code 8 is the caller's.
kg_tell_left() {
  local n lines=()
  for n in "$@"; do
    kg_describe "${n}"
    lines+=("${REPLY}")
  done
  kg_warn 'not all could be taken back; this is left:' "${lines[@]}"
}

# kg_suspect: KG_SUSPECTS: those of KG_CHOSEN that are links and namespaces without a mark, which a run was about to make
# when it was killed. It may have made them, or somebody else since.
kg_suspect() {
  local n name
  KG_SUSPECTS=()
  for n in ${KG_NOTED[@]+"${!KG_NOTED[@]}"}; do
    [[ ${KG_NOTED[n]} == 1 && -z ${KG_FOUND[n]-} && -n ${KG_CHOSEN[n]-} ]] || continue
    name=${KG_FACTS[n]%%$'\n'*}
    case ${name} in
      'link '*) [[ -z ${KG_THERE[${name#link }]-} ]] || KG_SUSPECTS+=("${n}") ;;
      'netns '*) [[ -z ${KG_THERE[${name}]-} ]] || KG_SUSPECTS+=("${n}") ;;
      *) ;;
    esac
  done
}

# kg_down: takes back all that stands of the lab.
kg_down() {
  local n guests='' count
  kg_prepare
  if [[ -n ${KG_UNIT} && -z ${KG_DRY} ]] && kg_host_stops; then # an uplink that moved back would cut off what is still stopping
    kg_power_down_all "${KG_WAIT:-10}"
    kg_say "this host is shutting down, and ${KG_LAB} ends with it"
    return
  fi
  if ! kg_read_journal; then
    kg_warn "cannot read ${KG_RUN}/journal: only what bears the lab's mark is taken back"
    KG_NOTED=()
  fi
  if [[ -n ${KG_FOREIGN_BUILD} ]] && kg_find_copy; then
    kg_older_down
    return
  fi
  [[ -z ${KG_FOREIGN_BUILD} ]] ||
    kg_warn "another build made the lab, and its script is gone: only what bears the lab's mark is taken back"
  [[ -n ${KG_ONLY} ]] || KG_OUTSIDE=yes
  [[ -n ${KG_DRY} ]] || kg_find_daemons
  kg_judge
  kg_select
  kg_suspect
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    if kg_stands "${n}"; then
      [[ ${KG_KIND[n]} != guest ]] || guests=yes
    else
      unset "KG_CHOSEN[${n}]"
    fi
  done
  count=${#KG_CHOSEN[@]}
  if [[ -n ${KG_DRY} ]]; then
    kg_spare
    kg_in_reverse print
    return
  fi
  if [[ ${count} -eq 0 && ${#KG_SUSPECTS[@]} -eq 0 && ! -d ${KG_RUN} ]]; then
    kg_say "${KG_LAB} is down already"
    return
  fi
  kg_own_folder
  if [[ ${#KG_SUSPECTS[@]} -gt 0 && (-n ${KG_YES} || -t 0) ]]; then kg_ask_about_suspects; fi
  trap '' HUP INT TERM
  trap : PIPE
  [[ -z ${guests} || -n ${KG_ONLY} ]] || kg_power_down_all "${KG_WAIT:-10}"
  kg_take_back
  if [[ ${#KG_LEFT[@]} -gt 0 ]]; then
    kg_tell_left "${KG_LEFT[@]}"
    kg_leave 8
  fi
  if [[ ${#KG_SUSPECTS[@]} -gt 0 ]]; then # those that did not go with something else
    kg_select
    kg_suspect
  fi
  if [[ ${#KG_SUSPECTS[@]} -gt 0 ]]; then
    kg_tell_left "${KG_SUSPECTS[@]}"
    kg_warn 'a run that was killed may have made these, or somebody else: setup.sh repair asks about each, down -y removes them'
    kg_leave 8
  fi
  kg_settle_guard
  [[ -n ${KG_ONLY} ]] || kg_forget
  KG_OUTSIDE=''
  kg_say "${KG_ONLY:+${KG_ONLY} of }${KG_LAB} is down: nothing of it is left"
}

# kg_host_stops: whether this host is shutting down.
kg_host_stops() {
  local state
  if [[ -d /run/systemd/system ]]; then
    state=$(systemctl is-system-running 2>/dev/null)
    [[ ${state} == stopping ]]
  else
    state=$(runlevel 2>/dev/null) # such as `3 6`
    [[ ${state} == *' '[06] ]]
  fi
}

# kg_repair: what a killed run began and did not mark is taken for the lab's own, if the answer is yes; then `up` or
# `down` goes on from there.
kg_repair() {
  local n
  kg_prepare
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal" "setup.sh down takes back what bears the lab's mark"
  kg_judge
  kg_select
  kg_suspect
  if [[ ${#KG_SUSPECTS[@]} -eq 0 ]]; then
    kg_say 'nothing is in doubt'
    return
  elif [[ -n ${KG_DRY} ]]; then
    for n in ${KG_SUSPECTS[@]+"${KG_SUSPECTS[@]}"}; do
      kg_describe "${n}"
      kg_say "would ask about ${REPLY}"
    done
    return
  fi
  kg_own_folder
  KG_CHOSEN=()
  kg_ask_about_suspects
  trap '' HUP INT TERM
  kg_take_back
  kg_say "${#KG_CHOSEN[@]} removed; setup.sh up or setup.sh down goes on from here"
}

# kg_ask_about_suspects: those that the lab made, by the answers, are added to KG_CHOSEN; the others are none of its business.
kg_ask_about_suspects() {
  local n answer others=()
  for n in ${KG_SUSPECTS[@]+"${KG_SUSPECTS[@]}"}; do
    kg_place "${n}"
    printf '%s %s (%s)\n  was about to be made when a run was killed, and is there without a mark. Remove it? [y/N] ' \
      "${KG_KIND[n]}" "${KG_OBJECT[n]}" "${REPLY}"
    answer=${KG_YES}
    if [[ -n ${KG_YES} ]]; then printf 'yes\n'; else read -r answer || :; fi
    if [[ ${answer} == [yY]* ]]; then
      KG_CHOSEN[n]=yes
      KG_RAN[n]=1
    else
      others+=("${n}")
    fi
  done
  KG_SUSPECTS=()
  [[ ${#others[@]} -eq 0 ]] || kg_journal 4 "${others[@]}" || :
}
