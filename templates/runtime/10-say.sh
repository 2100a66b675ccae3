# Messages for people, and the quoting of words that are shown to them.

KG_LOUDNESS=1 # 0: -q, 1: plain, 2: -v
KG_LOG=''     # the file that keeps what was said and done; empty while nothing may be written

# kg_log TEXT: a line of the lab's log. Its loss never stops the work.
kg_log() {
  [[ -n ${KG_LOG} ]] || return 0
  printf '%s\n' "$1" 2>/dev/null >>"${KG_LOG}" || :
}

# kg_say TEXT: on standard output, unless -q.
kg_say() {
  kg_log "$1"
  [[ ${KG_LOUDNESS} -eq 0 ]] || printf '%s\n' "$1" 2>/dev/null || :
}

# kg_note TEXT: on standard output under -v.
kg_note() {
  kg_log "$1"
  [[ ${KG_LOUDNESS} -lt 2 ]] || printf '%s\n' "$1" 2>/dev/null || :
}

# kg_warn TEXT [MORE]...: on standard error, further lines indented.
kg_warn() {
  local more
  kg_log "$1"
  printf 'setup.sh: %s\n' "$1" >&2 2>/dev/null || :
  shift
  for more in "$@"; do
    kg_log "  ${more}"
    printf '  %s\n' "${more}" >&2 2>/dev/null || :
  done
}

# kg_leave CODE: the end, with the lock given back.
kg_leave() {
  kg_unlock
  exit "$1"
}

# kg_die CODE TEXT [MORE]...: says why and leaves with the exit code.
kg_die() {
  local code=$1
  shift
  kg_warn "$@"
  kg_leave "${code}"
}

# kg_quote WORD...: REPLY is the words as they can be pasted into any shell.
kg_quote() {
  local word line=''
  for word in "$@"; do
    case ${word} in
      '' | *[!A-Za-z0-9_./:=@%+,-]*) line+=" '${word//\'/\'\\\'\'}'" ;;
      *) line+=" ${word}" ;;
    esac
  done
  REPLY=${line# }
}

# kg_json TEXT: REPLY is the text as a JSON string; the texts of a lab hold no control characters.
kg_json() {
  local text=${1//\\/\\\\}
  REPLY="\"${text//\"/\\\"}\""
}
