# `step`: what `up --slow` does, with a question at the terminal before each operation.

KG_STEP=''        # yes: step, or --step
KG_TERMINAL_AT='' # the terminal
KG_QUIT=''        # yes: the answer was to quit
KG_STEPS=()       # the operations, in their order
KG_STEPPED=0      # how many of them have run
KG_BEFORE=()      # number -> what its look command said before it ran

# kg_prepare_step COMMAND: finds the terminal, or leaves with 2.
kg_prepare_step() {
  case $1 in
    up | step | restart) ;;
    *) kg_die 2 "\`--step\` is an option of \`up\` and \`restart\`" ;;
  esac
  KG_SLOW=yes
  [[ -z ${KG_DRY} ]] || return 0
  if { : <>/dev/tty; } 2>/dev/null; then
    KG_TERMINAL_AT=/dev/tty
  elif [[ -t 0 ]]; then
    KG_TERMINAL_AT=/proc/self/fd/0
  else
    kg_die 2 "\`step\` asks at a terminal, and there is none" 'setup.sh up --slow does the same without questions'
  fi
}

# kg_step_older: what an older build has and this one has not, or has otherwise, is taken back before the first step.
kg_step_older() {
  [[ ${#KG_DROPPED[@]} -gt 0 ]] || return 0
  KG_STEPS=("${!KG_CHOSEN[@]}")
  { kg_show_plan >"${KG_TERMINAL_AT}"; } 2>/dev/null || :
  kg_tell_terminal 'what an older build has otherwise is taken back first'
  kg_ask_step '[Enter] do so, '
  [[ -z ${REPLY} ]] || kg_die 1 'nothing was changed'
}

# kg_step_through: the operations in KG_CHOSEN, as the answers say.
kg_step_through() {
  local n
  KG_STEPS=("${!KG_CHOSEN[@]}")
  KG_STEPPED=0
  while kg_going; do
    if [[ ${KG_STEPPED} -lt ${#KG_STEPS[@]} ]]; then
      n=${KG_STEPS[KG_STEPPED]}
      kg_show_step "${n}"
      kg_ask_step '[Enter] run, '
    else
      kg_ask_step '[Enter] finish, '
      [[ -n ${REPLY} ]] || break
    fi
    case ${REPLY} in
      '') kg_run_steps "${n}" ;;
      l | look) kg_step_look ;;
      b | before | after) kg_step_compare ;;
      u | undo) kg_step_back ;;
      c | continue)
        kg_run_steps "${KG_STEPS[@]:KG_STEPPED}"
        break
        ;;
      q | quit)
        KG_QUIT=yes
        break
        ;;
      *) kg_tell_terminal "there is no answer \`${REPLY}\`" ;;
    esac
  done
}

# kg_tell_terminal TEXT: a line on the terminal.
kg_tell_terminal() {
  { printf '%s\n' "$1" >"${KG_TERMINAL_AT}"; } 2>/dev/null || :
}

# kg_show_step NUMBER: what the operation is for, and its commands.
kg_show_step() {
  KG_CHOSEN=()
  KG_CHOSEN[$1]=yes
  KG_EXPLAINED=$'\n'
  { kg_pass explain >"${KG_TERMINAL_AT}"; } 2>/dev/null || :
}

# kg_ask_step FIRST: REPLY is the answer; q when the terminal has no more, or has gone. A signal is heard within a second.
kg_ask_step() {
  local status=129 answer=''
  { printf '%s of %s have run: %s[l]ook, [b]efore/after, [u]ndo last, [c]ontinue, [q]uit and roll back: ' \
    "${KG_STEPPED}" "${#KG_STEPS[@]}" "$1" >"${KG_TERMINAL_AT}"; } 2>/dev/null || :
  while kg_going && [[ ${status} -gt 128 ]]; do
    { IFS= read -r -t 1 answer <"${KG_TERMINAL_AT}"; } 2>/dev/null
    status=$?
  done
  [[ ${status} -eq 0 ]] || answer=q
  kg_renew_guard
  REPLY=${answer}
}

# kg_run_steps NUMBER...: runs them as one part of the whole.
kg_run_steps() {
  local n
  KG_CHOSEN=()
  for n in "$@"; do KG_CHOSEN[n]=yes; done
  kg_begin_guard || return 0
  [[ $# -gt 1 ]] || KG_BEFORE[$1]=$(kg_look_at "$1")
  kg_pass make
  kg_finish
  KG_STEPPED=$((KG_STEPPED + $#))
}

# kg_look_at NUMBER: prints what the operation's look command says.
kg_look_at() {
  KG_CHOSEN=()
  KG_CHOSEN[$1]=yes
  kg_pass look
}

# kg_show_look WORD...: runs a look command.
kg_show_look() {
  kg_quote "$@"
  printf '# %s\n' "${REPLY}"
  "$@" </dev/null 2>&1 9>&- || :
}

# kg_step_look: what the last operation brought about; before the first, what is there now.
kg_step_look() {
  local n=${KG_STEPS[KG_STEPPED > 0 ? KG_STEPPED - 1 : 0]} said
  said=$(kg_look_at "${n}")
  kg_tell_terminal "${said}"
}

# kg_step_compare: the same before and after the last operation: - was, + is.
kg_step_compare() {
  local n line said before after text=''
  if [[ ${KG_STEPPED} -eq 0 ]]; then
    kg_tell_terminal 'nothing has run yet'
    return
  fi
  n=${KG_STEPS[KG_STEPPED - 1]}
  said=$(kg_look_at "${n}")
  before=$'\n'${KG_BEFORE[n]}$'\n'
  after=$'\n'${said}$'\n'
  while IFS= read -r line; do
    [[ ${after} == *$'\n'"${line}"$'\n'* ]] || text+="- ${line}"$'\n'
  done < <(printf '%s\n' "${KG_BEFORE[n]}")
  while IFS= read -r line; do
    if [[ ${before} == *$'\n'"${line}"$'\n'* ]]; then
      text+="  ${line}"$'\n'
    else
      text+="+ ${line}"$'\n'
    fi
  done < <(printf '%s\n' "${said}")
  kg_tell_terminal "${text%$'\n'}"
}

# kg_step_back: takes back the last operation. One without an undo of its own goes with what it is within, and
# all since then.
kg_step_back() {
  local n first=$((KG_STEPPED - 1))
  if [[ ${first} -lt 0 ]]; then
    kg_tell_terminal 'nothing has run yet'
    return
  fi
  n=${KG_STEPS[first]}
  while [[ -z ${KG_UNDOABLE[n]-} && ${KG_WITHIN[n]} -ne 0 ]]; do n=${KG_WITHIN[n]}; done
  while [[ ${first} -ge 0 && ${KG_STEPS[first]} -ne ${n} ]]; do first=$((first - 1)); done
  if [[ ${first} -lt 0 || -z ${KG_UNDOABLE[n]-} || -n ${KG_STANDS[n]-} ]]; then
    kg_tell_terminal "${KG_KIND[n]} ${KG_OBJECT[n]} stood before, so it stays"
    return
  fi
  KG_CHOSEN=()
  for n in ${KG_STEPS[@]+"${KG_STEPS[@]:first:KG_STEPPED-first}"}; do
    [[ -z ${KG_STANDS[n]-} ]] || continue # it was only mended
    KG_CHOSEN[n]=yes
    kg_tell_terminal "taken back: ${KG_KIND[n]} ${KG_OBJECT[n]}"
  done
  kg_take_back
  [[ ${#KG_LEFT[@]} -eq 0 ]] || kg_tell_left "${KG_LEFT[@]}"
  for n in ${KG_STEPS[@]+"${KG_STEPS[@]:first:KG_STEPPED-first}"}; do
    unset "KG_FED[${n}]" "KG_RAN[${n}]" "KG_BEGUN[${n}]"
  done
  kg_settle_guard
  KG_STEPPED=${first}
}
