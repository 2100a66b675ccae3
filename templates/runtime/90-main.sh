# The command line.

KG_DRY=''  # yes: -n, nothing at all is touched
KG_YES=''  # yes: -y, questions are answered with yes
KG_KEEP='' # yes: --keep, a failure is left as it is
KG_WAIT='' # --wait SECONDS: how long guests have to go off, and another run to end
KG_JSON='' # yes: status --json
KG_UNIT='' # yes: --service, a unit of this host's calls

kg_usage() {
  cat <<END
usage: bash setup.sh [COMMAND] [OPTION...]

  up                      build the lab ${KG_LAB}, or bring it back to what ${KG_DSL} says; the default
  step                    the same, one operation at a time: asks at the terminal before each
  down                    take back what it made, and prove that nothing is left
  restart                 down, then up
  plan                    what up would do: + make, - take back, = is right, ~ differs, ! foreign and in the way
  commands [up|down]      the plain commands, to paste into a root shell
  explain [NUMBER|NAME]   what each operation is for, and how it is undone
  status [--json]         what stands: exit 0 all of it, 3 nothing, 4 a part
  doctor                  what this host has and lacks
  vm list|start|stop|kill|console|log NAME
                          the guests: what runs, power on, power button, plug, serial console, boot log
  shell NAME              a root shell in a namespace
  exec NAME COMMAND...    a command in a namespace
  confirm, revert         where the host's own address moved to a bridge: keep it, from a new login; or take all back
  repair                  after a run was killed: asks about what it may have left
  source [FILE]           the lab that this was built from, or one of its files alone
  log                     what was done since the lab came up
  version                 what wrote this, for which target, from which lab
  help                    this

  -n, --dry-run           touch nothing, show what would be done
  -q, -v                  say less, say more
  -y, --yes               answer questions with yes; move an uplink whose address is from DHCP
  -s, --step              with up and restart: as step does
  --only NAME             only the operations of this name or number
  --slow                  a process for each command, no batches
  --keep                  leave a failure as it is
  --wait SECONDS          how long guests have to go off (10), and another run to end (0)
  --guard SECONDS         how long to wait for confirm before all is taken back (120)
  --no-guard              do not wait for confirm
  --service               for units: up leaves the guests to units of their own; down, while this host shuts down,
                          powers the guests off and touches nothing else

environment: KVMGEN_ACCEL=kvm|tcg|kvm:tcg runs guests that way, whatever this host seems to have

exit: 0 done, 1 failed and taken back, 2 usage, 3 status: down, 4 status: a part, 5 something is missing, 6 something
foreign is in the way, 7 another run is at work, 8 not all could be taken back, 9 this file or its state is not as
it was written, 10 not confirmed and taken back, 11 plan: something is to be done, 128+N signal N
END
}

# kg_load: reads the lab, once.
kg_load() {
  [[ ${KG_COUNT} -gt 0 ]] || kg_pass load
}

# kg_prepare: what every command needs that changes the host. With -n, nothing.
kg_prepare() {
  kg_integrity || exit 9 # also where the damage is in there
  if [[ -z ${KG_DRY} ]]; then
    [[ ${EUID} -eq 0 ]] || kg_die 5 'the networks of a host are changed by root only'
    kg_lock
  fi
  kg_load
}

# kg_own_folder: the lab's folder and log, for commands that undo.
kg_own_folder() {
  mkdir -p "${KG_RUN}" || kg_die 1 "cannot make ${KG_RUN}"
  KG_LOG=${KG_RUN}/log
}

kg_restart() {
  kg_down
  [[ -z ${KG_DRY} ]] || return 0
  KG_FED=()
  KG_RAN=()
  kg_leave_on_signals
  kg_up
}

# kg_enter NAME WORD...: becomes the command in the namespace.
kg_enter() {
  local name=$1
  shift
  kg_load
  [[ -n ${KG_SPACES[${name}]-} ]] || kg_die 2 "this lab has no namespace \`${name}\`" "it has ${!KG_SPACES[*]}"
  [[ -e /run/netns/${name} ]] || kg_die 3 "the namespace ${name} is not there" 'setup.sh up makes it'
  if [[ -n ${KG_DRY} ]]; then
    kg_quote ip netns exec "${name}" "$@"
    kg_say "${REPLY}"
    return
  fi
  exec ip netns exec "${name}" "$@"
}

kg_shell() {
  local PS1='[\u in '"$1"' \W]\$ '
  export PS1
  [[ -n ${KG_DRY} ]] || printf 'You are in the namespace %s. Leave with: exit\n' "$1"
  kg_enter "$1" /bin/bash --norc -i
}

kg_show_log() {
  [[ -r ${KG_RUN}/log ]] || kg_die 3 'there is no log: the lab is down'
  cat "${KG_RUN}/log"
}

# kg_show_source [FILE]
kg_show_source() {
  local KG_ALONE=${1-}
  REPLY=''
  kg_dsl
  [[ -n ${REPLY} ]] || kg_die 2 "this was built from no file \`$1\`" 'setup.sh source shows all of them'
}

# kg_source NAME, text on standard input: a file that the lab is made of. All of them are told apart by comments.
kg_source() {
  [[ -z ${KG_ALONE} || ${KG_ALONE} == "$1" ]] || return 0
  [[ -n ${KG_ALONE} || $1 == "${KG_DSL}" ]] || printf '\n# ---- %s ----\n' "$1"
  cat
  REPLY=$1
}

kg_version() {
  printf 'kvmgen %s\nlab %s, profile %s\n%s sha256 %s\nruntime sha256 %s\n' \
    "${KG_VERSION}" "${KG_LAB}" "${KG_PROFILE}" "${KG_DSL}" "${KG_DSL_SHA256}" "${KG_RUNTIME_SHA256}"
}

# kg_seconds OPTION TEXT: REPLY is the number of seconds, up to 9999.
kg_seconds() {
  case $2 in
    '' | *[!0-9]* | ?????*) kg_die 2 "\`$1\` needs a number of seconds" ;;
    *) REPLY=$((10#$2)) ;;
  esac
}

# kg_main WORD...
kg_main() {
  local verb='' words=() word
  export -n TMPDIR
  TMPDIR=/run # where bash before 5.1 puts here-documents
  while [[ $# -gt 0 ]]; do
    word=$1
    shift
    case ${word} in
      -n | --dry-run) KG_DRY=yes ;;
      -y | --yes) KG_YES=yes ;;
      -q) KG_LOUDNESS=0 ;;
      -v) KG_LOUDNESS=2 ;;
      -s | --step) KG_STEP=yes ;;
      --slow) KG_SLOW=yes ;;
      --keep) KG_KEEP=yes ;;
      --json) KG_JSON=yes ;;
      --service) KG_UNIT=yes ;;
      --wait)
        kg_seconds "${word}" "${1-}"
        KG_WAIT=${REPLY}
        shift
        ;;
      --guard)
        kg_seconds "${word}" "${1-}"
        KG_GUARD=${REPLY}
        [[ ${KG_GUARD} -gt 0 ]] || kg_die 2 "\`--guard\` needs a second at least" '--no-guard goes without'
        shift
        ;;
      --no-guard) KG_GUARD=0 ;;
      --only)
        KG_ONLY=${1-}
        [[ -n ${KG_ONLY} ]] || kg_die 2 "\`--only\` needs the name of a part of the lab"
        shift
        ;;
      -h | --help) verb=help ;;
      --version) verb=version ;;
      -*)
        [[ ${verb}:${word} == vm:-f ]] || kg_die 2 "there is no option \`${word}\`" 'setup.sh help lists them'
        words+=("${word}")
        ;;
      *)
        if [[ -z ${verb} ]]; then
          verb=${word}
        else
          words+=("${word}")
        fi
        if [[ ${verb} == exec ]]; then # the rest is the command
          words+=("$@")
          break
        fi
        ;;
    esac
  done
  kg_dispatch "${verb:-up}" ${words[@]+"${words[@]}"}
  word=$?
  kg_unlock
  return "${word}"
}

# kg_dispatch COMMAND WORD...
kg_dispatch() {
  local verb=$1
  shift
  [[ -z ${KG_JSON} || ${verb} == status ]] || kg_die 2 "\`--json\` is an option of \`status\`"
  [[ -z ${KG_UNIT} || ${verb} == up || ${verb} == down ]] || kg_die 2 "\`--service\` is an option of \`up\` and \`down\`"
  [[ ${verb} != step ]] || KG_STEP=yes
  [[ -z ${KG_STEP} ]] || kg_prepare_step "${verb}"
  case ${verb}:$# in
    up:0 | step:0) kg_up ;;
    down:0) kg_down ;;
    restart:0) kg_restart ;;
    repair:0) kg_repair ;;
    confirm:0) kg_confirm ;;
    revert:0) kg_revert ;;
    plan:0) kg_plan ;;
    status:0) kg_status ;;
    commands:[01]) kg_commands "$@" ;;
    explain:0) kg_explain ;;
    explain:1)
      KG_ONLY=$1
      kg_explain
      ;;
    doctor:0)
      kg_load
      kg_doctor
      ;;
    vm:*)
      kg_load
      kg_vm "$@"
      ;;
    shell:1) kg_shell "$1" ;;
    exec:[1-9]*)
      [[ $# -gt 1 ]] || kg_die 2 "\`exec\` needs a namespace and a command"
      kg_enter "$@"
      ;;
    log:0) kg_show_log ;;
    source:[01]) kg_show_source "$@" ;;
    version:0) kg_version ;;
    help:0) kg_usage ;;
    list-operations:0) kg_list ;;
    undo-operations:[1-9]*) kg_undo_these "$@" ;;
    guard-watch:5) kg_watch "$@" ;;
    *) kg_die 2 "\`${verb}${1+ $*}\` is not a command" 'setup.sh help lists them' ;;
  esac
}
