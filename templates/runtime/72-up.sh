# Makes what is missing, all or nothing.

# kg_up: preflight, then every operation that is not right.
kg_up() {
  kg_prepare
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal" "setup.sh down takes back what bears the lab's mark"
  [[ -z ${KG_FOREIGN_BUILD} ]] || kg_compare
  kg_judge
  kg_forecast
  kg_select
  kg_pending
  if [[ ${#KG_CHOSEN[@]} -eq 0 && -z ${KG_COPY} ]]; then
    kg_say "${KG_LAB} is up: nothing to do"
  elif [[ -n ${KG_DRY} ]]; then
    kg_show_plan
  else
    kg_requirements
    kg_make
  fi
}

# kg_pending: takes out of KG_CHOSEN what is right. What must be there and is not: exit 5. What is in the way: exit 6.
kg_pending() {
  local n foreign=() missing=()
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    if [[ ${KG_STATE[n]} == right || -n ${KG_MANUAL[n]-} ]]; then
      unset "KG_CHOSEN[${n}]"
      continue
    fi
    kg_place "${n}"
    if [[ ${KG_STATE[n]} == foreign ]]; then
      foreign+=("${KG_KIND[n]} ${KG_OBJECT[n]}  (${REPLY})")
    elif [[ ${KG_PARTS[n]-0} -eq 0 ]]; then
      missing+=("${KG_KIND[n]} ${KG_OBJECT[n]}  (${REPLY})")
    fi
  done
  if [[ ${#foreign[@]} -gt 0 ]]; then
    kg_restore_older
    kg_die 6 'something that this lab did not make is in the way; nothing was changed' "${foreign[@]}"
  elif [[ ${#missing[@]} -gt 0 ]]; then
    kg_restore_older
    kg_die 5 'something that must be there is not; nothing was changed' "${missing[@]}"
  fi
}

# kg_make: the operations in KG_CHOSEN, all or nothing.
kg_make() {
  local n again=() count
  kg_note_signals
  trap : PIPE
  if [[ -n ${KG_COPY} ]]; then
    kg_replace_older
    kg_judge
    kg_select
    kg_pending
  fi
  kg_open_journal
  kg_claim_sysctls
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    [[ ${KG_STATE[n]} == differs && -n ${KG_FOUND[n]-} ]] || continue
    case ${KG_FACTS[n]} in
      'link '* | 'netns '*) KG_STANDS[n]=yes ;; # the commands after the creation mend it
      'chain '*) again+=("${n}") ;;             # what a chain holds depends on the order, so it is made anew
      *) ;;
    esac
  done
  if [[ ${#again[@]} -gt 0 ]]; then
    KG_CHOSEN=()
    for n in "${again[@]}"; do KG_CHOSEN[n]=yes; done
    kg_take_back
    kg_select
    kg_pending
  fi
  count=${#KG_CHOSEN[@]}
  kg_pass make
  kg_finish
  if [[ -n ${KG_FAILED} || ${KG_SIGNAL} -ne 0 ]] || ! mv -f "${KG_VAR}/setup.sh.new" "${KG_VAR}/setup.sh"; then
    kg_roll_back
  fi
  trap '' HUP INT TERM # from here on it is done, and the exit code is to say so
  kg_say "${KG_LAB} is up: ${count} made, $((KG_COUNT - count)) were right"
}

# kg_claim_sysctls: a sysctl that is right already may be so for another lab, which must not take it back before this one.
kg_claim_sysctls() {
  local n rest
  for ((n = 1; n <= KG_COUNT; n++)); do
    [[ ${KG_STATE[n]}:${KG_FACTS[n]} == 'right:sysctl - '* ]] || continue
    rest=${KG_FACTS[n]#sysctl - }
    rest=${rest%%$'\n'*}
    kg_sysctl "${rest%% *}" "${rest#* }" || kg_fail "${n}" "sysctl -w ${rest/ /=}" "${KG_SAID}"
  done
}

# kg_roll_back: tells why, takes back what this run did, and leaves with the exit code.
kg_roll_back() {
  local n line lines=()
  trap '' HUP INT TERM
  if [[ ${KG_SIGNAL} -ne 0 ]]; then
    kg_warn "signal ${KG_SIGNAL}: taking back what this run did"
  elif [[ -n ${KG_FAILED} ]]; then
    kg_place "${KG_FAILED}"
    lines=("${REPLY}" "${KG_FAILURE[0]}")
    while IFS= read -r line; do
      [[ -z ${line} ]] || lines+=("${line}")
    done < <(printf '%s\n' "${KG_FAILURE[1]}")
    kg_warn "${KG_KIND[KG_FAILED]} ${KG_OBJECT[KG_FAILED]} failed:" "${lines[@]}"
  else
    kg_warn "cannot write ${KG_VAR}/setup.sh"
  fi
  if [[ -n ${KG_KEEP} && ${KG_SIGNAL} -eq 0 ]]; then
    mv -f "${KG_VAR}/setup.sh.new" "${KG_VAR}/setup.sh"
    kg_die 1 'what was made is kept, as --keep says: setup.sh down takes it back'
  fi
  KG_CHOSEN=()
  for n in ${KG_RAN[@]+"${!KG_RAN[@]}"}; do
    [[ ${KG_RAN[n]} -eq 0 || -n ${KG_STANDS[n]-} ]] || KG_CHOSEN[n]=yes
  done
  kg_find_daemons
  kg_take_back
  rm -f "${KG_VAR}/setup.sh.new"
  if [[ ${#KG_LEFT[@]} -gt 0 ]]; then
    kg_tell_left "${KG_LEFT[@]}"
    kg_leave 8
  fi
  for n in ${KG_NOTED[@]+"${!KG_NOTED[@]}"}; do # begun, but not a command of it ran
    [[ ${KG_NOTED[n]} == 2 ]] || kg_journal 4 "${n}" || :
  done
  [[ ${#KG_NOTED[@]} -gt 0 || -e ${KG_VAR}/setup.sh ]] || kg_forget
  kg_warn 'all that this run did is taken back'
  kg_restore_older
  [[ ${KG_SIGNAL} -eq 0 ]] || kg_leave "$((128 + KG_SIGNAL))"
  kg_leave 1
}
