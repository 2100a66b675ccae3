# Shows without touching: the plain commands, what each operation is for, what would change, what stands.

KG_EXPLAINED='' # an empty line, from the second operation on

# kg_commands up|down: the plain commands, one a line, to be pasted into a root shell.
kg_commands() {
  local n guests=''
  kg_load
  kg_select
  case ${1:-up} in
    up)
      for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
        [[ ${KG_KIND[n]} != guest ]] || guests=yes
        [[ -z ${KG_MANUAL[n]-} ]] || unset "KG_CHOSEN[${n}]"
      done
      [[ -z ${guests} ]] || kg_choose_accel
      kg_quote mkdir -p -m 1700 "${KG_RUN%/*}" "${KG_VAR%/*}" "${KG_VAR}"
      printf 'umask 077\n%s\nmkdir -p %s\n' "${REPLY}" "${KG_RUN}"
      kg_pass print
      ;;
    down)
      kg_read_journal || :
      kg_spare
      kg_in_reverse print
      kg_quote rm -rf "${KG_RUN}" "${KG_RUN}.lock" "${KG_VAR}/setup.sh"
      printf '%s\n' "${REPLY}"
      kg_quote rmdir --ignore-fail-on-non-empty "${KG_RUN%/*}" "${KG_VAR}" "${KG_VAR%/*}"
      printf '%s\n' "${REPLY}"
      ;;
    *) kg_die 2 "\`commands $1\` is not a command" 'commands up, commands down' ;;
  esac
}

# kg_print WORD...: the command, as plain commands.
kg_print() {
  local family line
  case $1 in
    kg_write)
      kg_quote "${3%/*}"
      printf 'mkdir -p %s\n' "${REPLY}"
      kg_quote "$3"
      printf "cat >%s <<'KG_END'\n%sKG_END\nchmod %s %s\n" "${REPLY}" "${KG_CONTENT[KG_AT]}" "$2" "${REPLY}"
      ;;
    kg_write_back)
      kg_quote "$2"
      printf 'rm -f %s\n' "${REPLY}"
      ;;
    kg_sysctl)
      if [[ ${KG_PASS} == print ]]; then
        kg_sysctl_file "$2"
        kg_quote "${REPLY}"
        printf 'sysctl -n %s >%s\n' "$2" "${REPLY}"
      fi
      printf 'sysctl -w %s=%s\n' "$2" "$3"
      ;;
    kg_sysctl_back)
      if kg_former "$2"; then
        printf 'sysctl -w %s=%s\n' "$2" "${REPLY}"
      else
        kg_sysctl_file "$2"
        printf '# sysctl -w %s=VALUE: the former value, which is in %s once the lab is up\n' "$2" "${REPLY}"
      fi
      ;;
    kg_stop)
      kg_quote "$2"
      printf 'kill "%s(cat %s)"\n' '$' "${REPLY}"
      if [[ -n ${3-} ]]; then
        kg_quote "$3"
        printf 'rm -f %s\n' "${REPLY}"
      fi
      ;;
    kg_uplink | kg_uplink_back)
      if [[ $1 == kg_uplink ]]; then
        kg_uplink_lines "$2" "$3" || { printf '# %s\n' "${KG_SAID}" && return; }
      else
        kg_uplink_back_lines "$2" "$3" || { printf '# %s\n' "${KG_SAID}" && return; }
      fi
      for family in "${!KG_BATCHES[@]}"; do
        while IFS= read -r line; do
          printf 'ip -%s %s\n' "${family}" "${line}"
        done < <(printf '%s' "${KG_BATCHES[family]}")
      done
      ;;
    *)
      if [[ ${KG_KIND[KG_AT]}:${KG_PASS} == guest:print ]]; then
        kg_quote "${KG_RUN}/vm/${KG_OBJECT[KG_AT]}.qmp"
        printf 'mkdir -p %s\nmkfifo %s.in %s.out\n' "${REPLY%/*}" "${REPLY}" "${REPLY}"
        kg_accelerate "$@"
        set -- ${KG_WORDS[@]+"${KG_WORDS[@]}"}
      fi
      kg_quote "$@"
      printf '%s\n' "${REPLY}"
      ;;
  esac
}

# kg_explain: where each operation comes from, why it is done, by what, and how it is undone.
kg_explain() {
  kg_load
  kg_select
  kg_pass explain
}

kg_explain_op() {
  printf '%s%s  %s %s\n' "${KG_EXPLAINED}" "${KG_AT}" "${KG_KIND[KG_AT]}" "${KG_OBJECT[KG_AT]}"
  KG_EXPLAINED=$'\n'
  kg_place "${KG_AT}"
  printf '  from   %s\n  why    %s\n' "${REPLY}" "$1"
  [[ ${KG_WITHIN[KG_AT]} -eq 0 ]] || printf '  goes   with %s %s\n' "${KG_KIND[KG_WITHIN[KG_AT]]}" "${KG_OBJECT[KG_WITHIN[KG_AT]]}"
}

# kg_explain_command 'do'|undo|look WORD...
kg_explain_command() {
  local what=$1 line
  [[ -z ${KG_STEP} || ${what} == 'do' ]] || return 0
  shift
  while IFS= read -r line; do
    printf '  %-6s %s\n' "${what}" "${line}"
  done < <(kg_print "$@" || :)
}

# kg_plan: exit 0 when all is right, 11 when something is to be done, 6 when something is in the way.
kg_plan() {
  local n code=0
  kg_load
  kg_read_journal || kg_die 9 "cannot read ${KG_RUN}/journal"
  [[ -z ${KG_FOREIGN_BUILD} ]] || kg_compare
  kg_judge
  kg_forecast
  kg_select
  kg_show_plan
  for n in ${KG_DROPPED[@]+"${!KG_DROPPED[@]}"}; do
    [[ -n ${KG_NUMBER[${KG_OLD_NAME[n]}]-} ]] || code=11
  done
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    case ${KG_STATE[n]}${KG_MANUAL[n]-} in
      foreign*) kg_leave 6 ;;
      right* | absentyes) ;;
      *) code=11 ;;
    esac
  done
  kg_leave "${code}"
}

# kg_show_plan: KG_CHOSEN, a line each.
kg_show_plan() {
  local n sign
  for ((n = ${#KG_OLD_NAME[@]}; n > 0; n--)); do # as it is taken back
    [[ -z ${KG_DROPPED[n]-} || -n ${KG_NUMBER[${KG_OLD_NAME[n]}]-} ]] || kg_say "- ${KG_OLD_NAME[n]}"
  done
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    case ${KG_STATE[n]}${KG_MANUAL[n]-} in
      right*) sign='=' ;;
      foreign*) sign='!' ;;
      absentyes) continue ;;
      differs*) sign='~' ;;
      *) sign='+' ;;
    esac
    kg_describe "${n}"
    kg_say "${sign} ${REPLY}"
  done
}

# kg_status [--json]: exit 0 when all is right, 3 when nothing of the lab stands, 4 between.
kg_status() {
  local n code=0 stands='' state rows='' file
  kg_load
  kg_read_journal || kg_warn "cannot read ${KG_RUN}/journal"
  [[ -z ${KG_FOREIGN_BUILD} ]] || kg_compare
  kg_judge
  kg_forecast
  kg_select
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    [[ -n ${stands} ]] || ! kg_stands "${n}" || stands=yes
    case ${KG_STATE[n]}${KG_MANUAL[n]-} in
      right*) state=ok ;;
      absentyes) state=off ;;
      absent*) state=missing ;;
      foreign*) state=foreign ;;
      *) state=drifted ;;
    esac
    [[ ${state} == ok || ${state} == off ]] || code=4
    if [[ -n ${KG_JSON} ]]; then
      kg_json "${KG_FILES[n]}"
      file=${REPLY}
      kg_json "${KG_OBJECT[n]}"
      rows+="${rows:+,}"$'\n'"    {\"number\": ${n}, \"kind\": \"${KG_KIND[n]}\", \"object\": ${REPLY}, \"file\": ${file}, \"line\": ${KG_LINES[n]}, \"state\": \"${state}\"}"
    else
      printf -v REPLY '%-8s %s %s' "${state}" "${KG_KIND[n]}" "${KG_OBJECT[n]}"
      kg_say "${REPLY}"
    fi
  done
  [[ ${code} -eq 0 || -n ${stands} ]] || code=3
  case ${code} in
    0) state=up ;;
    3) state=down ;;
    *) state=partial ;;
  esac
  kg_persisted
  if [[ -n ${KG_JSON} ]]; then
    kg_json "${REPLY}"
    printf '{\n  "lab": "%s",\n  "state": "%s",\n  "persisted": %s,\n  "objects": [%s\n  ]\n}\n' \
      "${KG_LAB}" "${state}" "${REPLY}" "${rows}"
  else
    kg_say "${KG_LAB} is ${state}; persisted: ${REPLY}"
    kg_tell_guard
  fi
  kg_leave "${code}"
}
