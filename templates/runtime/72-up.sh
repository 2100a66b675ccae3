# Makes what is missing, all or nothing.

KG_MADE=0  # how many operations this run did
KG_RIGHT=0 # how many of the operations that were asked for are right

# kg_up: preflight, then every operation that is not right.
kg_up() {
  kg_prepare
  [[ -z ${KG_UNIT} ]] || kg_leave_guests
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal" "setup.sh down takes back what bears the lab's mark"
  if [[ -n ${KG_FOREIGN_BUILD} ]]; then
    [[ -z ${KG_ONLY} ]] || kg_die 2 "another build of ${KG_LAB} is up, and \`--only\` cannot go over to this one" \
      'setup.sh up does'
    kg_compare
  fi
  kg_judge
  kg_forecast
  kg_select
  kg_pending
  if [[ ${#KG_CHOSEN[@]} -eq 0 && -z ${KG_COPY} && (-d ${KG_RUN} || ${KG_COUNT} -eq 0) ]]; then
    kg_say "${KG_ONLY:+${KG_ONLY} of }${KG_LAB} is up: nothing to do"
    kg_tell_guard
  elif [[ -n ${KG_DRY} ]]; then
    kg_show_plan
  else
    kg_requirements
    [[ -z ${KG_STEP} ]] || kg_step_older
    kg_make
    kg_say "${KG_ONLY:+${KG_ONLY} of }${KG_LAB} is up: ${KG_MADE} made, ${KG_RIGHT} were right"
    kg_tell_guard
  fi
}

# kg_pending: takes out of KG_CHOSEN what is right. What must be there and is not: exit 5. What is in the way: exit 6.
kg_pending() {
  local n foreign=() missing=()
  KG_RIGHT=0
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    if [[ ${KG_STATE[n]} == right || (-n ${KG_MANUAL[n]-} && -z ${KG_FOUND[n]-}) ]]; then
      [[ ${KG_STATE[n]} != right ]] || KG_RIGHT=$((KG_RIGHT + 1))
      unset "KG_CHOSEN[${n}]"
      continue
    fi
    kg_describe "${n}"
    if [[ ${KG_STATE[n]} == foreign ]]; then
      foreign+=("${REPLY}")
    elif [[ ${KG_PARTS[n]-0} -eq 0 ]]; then
      missing+=("${REPLY}")
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
  local n again=()
  kg_note_signals
  trap : PIPE
  [[ ! -e ${KG_RUN}/reverted ]] || rm -f "${KG_RUN}/reverted"
  if [[ -n ${KG_COPY} ]]; then
    [[ -n ${KG_STEP} ]] || kg_begin_guard || kg_roll_back
    kg_replace_older
    kg_judge
    kg_select
    kg_pending
  fi
  kg_open_journal
  kg_claim_sysctls
  [[ -n ${KG_STEP} ]] || kg_begin_guard || kg_roll_back
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    [[ ${KG_STATE[n]} == differs && -n ${KG_FOUND[n]-} ]] || continue
    case ${KG_FACTS[n]} in
      'link '* | 'netns '* | 'chain '* | 'process '*) KG_STANDS[n]=yes ;; # mended, not made
      'address '*) again+=("${n}") ;;                                     # the kernel takes the first of a subnet for the primary one
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
  KG_MADE=${#KG_CHOSEN[@]}
  if [[ -n ${KG_STEP} ]]; then
    kg_step_through
  else
    kg_pass make
    kg_finish
  fi
  if [[ -n ${KG_FAILED}${KG_QUIT} || ${KG_SIGNAL} -ne 0 ]] || ! mv -f "${KG_VAR}/setup.sh.new" "${KG_VAR}/setup.sh"; then
    kg_roll_back
  fi
  trap '' HUP INT TERM # from here on it is done, and the exit code is to say so
  kg_settle_guard
  kg_renew_guard
  [[ ${KG_COUNT} -gt 0 ]] || kg_forget # this build has nothing, and now the host has nothing of the lab
}

# kg_claim_sysctls: a sysctl that is right already may be so for another lab, which must not take it back before this one.
kg_claim_sysctls() {
  local n rest
  for ((n = 1; n <= KG_COUNT; n++)); do
    if [[ ${KG_STATE[n]} != right ]] || ! kg_shares "${n}"; then continue; fi
    rest=${REPLY}
    kg_sysctl "${rest%% *}" "${rest#* }" || kg_fail "${n}" "sysctl -w ${rest/ /=}" "${KG_SAID}"
  done
}

# kg_roll_back: tells why, takes back what this run did, and leaves with the exit code.
kg_roll_back() {
  local n line lines=() why=''
  trap '' HUP INT TERM
  if { read -r why line <"${KG_RUN}/reverted"; } 2>/dev/null; then
    kg_why_reverted "${why}" "${line}"
    kg_warn "${REPLY}: the guard has what this run did taken back"
  elif [[ ${KG_SIGNAL} -ne 0 ]]; then
    kg_warn "signal ${KG_SIGNAL}: taking back what this run did"
  elif [[ -n ${KG_FAILED} ]]; then
    kg_place "${KG_FAILED}"
    lines=("${REPLY}" "${KG_FAILURE[0]}")
    while IFS= read -r line; do
      [[ -z ${line} ]] || lines+=("${line}")
    done < <(printf '%s\n' "${KG_FAILURE[1]}")
    kg_warn "${KG_KIND[KG_FAILED]} ${KG_OBJECT[KG_FAILED]} failed:" "${lines[@]}"
  elif [[ -n ${KG_QUIT} ]]; then
    kg_warn 'taking back what this run did'
  else
    kg_warn "cannot write ${KG_VAR}/setup.sh"
  fi
  if [[ -n ${KG_KEEP} && ${KG_SIGNAL} -eq 0 && -z ${KG_QUIT} ]]; then
    kg_renew_guard
    kg_tell_guard
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
  kg_settle_guard
  [[ ${#KG_NOTED[@]} -gt 0 || -e ${KG_VAR}/setup.sh ]] || kg_forget
  kg_warn 'all that this run did is taken back'
  kg_restore_older
  [[ -z ${why} ]] || kg_leave 10
  [[ ${KG_SIGNAL} -eq 0 ]] || kg_leave "$((128 + KG_SIGNAL))"
  kg_leave 1
}
