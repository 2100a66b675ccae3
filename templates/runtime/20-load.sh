# The statements in which the lab part is written. It holds nothing but calls of these, and every pass over the
# lab calls the whole of it again: `load` keeps what an operation is and should bring about, the other passes
# act on the operations that KG_CHOSEN names. Commands are thus never stored, split or joined: they stay words.

KG_PASS=load            # load, make, unmake, print, explain, look, examine, identify
KG_TAKEN=''             # yes: the pass acts on the operation that is being read
KG_AT=0                 # its number
KG_COUNT=0              # the number of operations
KG_LINE=0               # the DSL line that the following operations come from
KG_TEXT=''              # its text
KG_FILE=''              # and its file
KG_CHOSEN=()            # number -> yes
KG_WITHIN=()            # number -> the operation whose undo removes this one too, or 0
KG_KIND=()              # number -> bridge, tap, address ...
KG_OBJECT=()            # number -> what people call it
KG_LINES=()             # number -> DSL line
KG_TEXTS=()             # number -> DSL text
KG_FILES=()             # number -> DSL file
KG_FACTS=()             # number -> its probes, a line each: the facts that hold when it is right
KG_PARTS=()             # number -> how many commands make it; none: a thing that must be there already
KG_UNDOABLE=()          # number -> yes: it has an undo command
KG_CONTENT=()           # number -> the content of the file that it writes
KG_SERVES=()            # number -> yes: it serves names on the host
KG_MANUAL=()            # number -> yes: done on demand only, by `vm start`
KG_ASKED=()             # the probes that are asked one at a time: files, processes, sysctls
declare -A KG_WANTED=() # "PROBE NAMESPACE" -> yes: what a snapshot has to look at
declare -A KG_SPACES=() # namespace -> yes
declare -A KG_PATHS=()  # file -> number of the operation that writes it

# kg_pass NAME: reads the lab from top to bottom.
kg_pass() {
  KG_PASS=$1
  KG_TAKEN=''
  kg_operations
  KG_TAKEN=''
}

# kg_from LINE TEXT [FILE]: the operations that follow come from this line of the DSL, or of a file that it includes.
kg_from() {
  KG_LINE=$1
  KG_TEXT=$2
  KG_FILE=${3-${KG_DSL}}
}

# kg_op NUMBER WITHIN KIND OBJECT WHY [on-demand]: an operation begins. One that is on demand is not done by `up`.
kg_op() {
  KG_AT=$1
  case ${KG_PASS} in
    load)
      KG_COUNT=$1
      KG_WITHIN[$1]=$2
      KG_KIND[$1]=$3
      KG_OBJECT[$1]=$4
      KG_LINES[$1]=${KG_LINE}
      KG_TEXTS[$1]=${KG_TEXT}
      KG_FILES[$1]=${KG_FILE}
      KG_FACTS[$1]=''
      [[ $# -eq 5 ]] || KG_MANUAL[$1]=yes
      ;;
    explain)
      KG_TAKEN=${KG_CHOSEN[$1]-}
      [[ -z ${KG_TAKEN} ]] || kg_explain_op "$5"
      ;;
    *)
      KG_TAKEN=${KG_CHOSEN[$1]-}
      ;;
  esac
}

# kg_do WORD...: a command that makes the object. `kg_do kg_write MODE PATH` writes a file whose content comes on
# standard input; it is undo and probe as well.
kg_do() {
  case ${KG_PASS}${KG_TAKEN} in
    load)
      KG_PARTS[KG_AT]=$((${KG_PARTS[KG_AT]-0} + 1))
      [[ $1 != kg_write ]] || kg_take_content "$3"
      [[ $1 != dnsmasq || " $* " == *' --port=0 '* ]] || KG_SERVES[KG_AT]=yes
      ;;
    makeyes) kg_feed "${KG_AT}" "$@" ;;
    printyes) kg_print "$@" ;;
    explainyes) kg_explain_command 'do' "$@" ;;
    examineyes) kg_examine_command "$@" ;;
    identifyyes) kg_identify 'do' "$@" ;;
    *) ;;
  esac
  if [[ $1 == kg_write ]]; then
    kg_undo kg_write_back "$3"
    kg_probe file "$3" "${2#0}"
  fi
}

# kg_take_content PATH, content on standard input.
kg_take_content() {
  local content=''
  IFS= read -r -d '' content || :
  KG_CONTENT[KG_AT]=${content}
  KG_PATHS[$1]=${KG_AT}
}

# kg_undo WORD...: a command that takes it back.
kg_undo() {
  case ${KG_PASS}${KG_TAKEN} in
    load) KG_UNDOABLE[KG_AT]=yes ;;
    unmakeyes) kg_keep_undo "${KG_AT}" "$@" ;;
    explainyes) kg_explain_command undo "$@" ;;
    identifyyes) kg_identify undo "$@" ;;
    *) ;;
  esac
}

# kg_probe PROBE WORD...: a fact that holds when the object is right.
kg_probe() {
  [[ ${KG_PASS} == load ]] || return 0
  KG_FACTS[KG_AT]+="$*"$'\n'
  case $1 in
    file) ;;
    process | exists | symlink | bridge | bridged | brport) KG_ASKED+=("$*") ;;
    netns) KG_SPACES[$2]=yes ;;
    *)
      KG_WANTED["$1 $2"]=yes
      [[ $1 != sysctl ]] || KG_ASKED+=("$*")
      [[ $2 == - ]] || KG_SPACES[$2]=yes
      ;;
  esac
}

# kg_look WORD...: the command that shows the result.
kg_look() {
  case ${KG_PASS}${KG_TAKEN} in
    explainyes) kg_explain_command look "$@" ;;
    lookyes) kg_show_look "$@" ;;
    *) ;;
  esac
}
