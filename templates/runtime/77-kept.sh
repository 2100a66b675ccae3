# What the host's own boot reads: what the lab part asks for in kg_persistence, beside what is there, as changes of files.
# ${KG_STORE} has what was written:
#   setup.sh  this script, for the units that the boot starts
#   backup/N  what was at the place of a file, as it was
#   manifest  after the sha256 of the build that wrote it, a line for each file: how it was written, its fingerprint, the
#             sha256 of the lab's own lines in it, the fingerprint of what was there, the number of the backup, and the
#             file; `aside` is a file that was only taken away, `stanza` one that lost part of its lines. Further lines:
#             `boots BRIDGE`, `folder FOLDER` made for a file, `edited N FILE` for a file that was changed and then adopted.

KG_ADOPT=''          # yes: --adopt, what is in the way is set aside
KG_CANNOT=()         # why the lab cannot be persisted here, with its place
KG_WANT_HOW=()       # number -> whole, block, rules or link
KG_WANT_MODE=()      # number -> octal mode
KG_WANT_PATH=()      # number -> the file
KG_WANT_TEXT=()      # number -> its text, or what the link leads to
KG_WANT_PLACE=()     # number -> where the DSL asks for it
KG_WANT_BOOTS=()     # the bridges that the boot makes
declare -A KG_HAD=() # file -> what the manifest says of it
KG_HAD_PATHS=()      # the same files, in order
KG_HAD_BOOTS=()      # as KG_WANT_BOOTS
KG_HAD_FOLDERS=()    # the folders that were made
KG_HAD_BUILD=''      # the build that wrote the manifest
KG_EDITED=()         # "NUMBER FILE": backups of files that were changed and then adopted
KG_NEXT_BACKUP=1     # the first number that no backup has
KG_ENTRIES=''        # the lines of the manifest that is to be written
KG_STRANGE=()        # what is in the way: the file and why
KG_STAYS=()          # what cannot be given back: the file and why
KG_OWN=''            # the lab's own lines, which kg_cut found
KG_RULES=()          # numbers of the changes that are rules, to be tried first

# kg_boot WHAT WORD...: a statement of kg_persistence.
#   file whole|block|rules MODE PATH, text on standard input
#   link PATH TARGET
#   bridge NAME            the boot makes it, and `up` takes it as right
#   rival STYLE LINK       no other file of this style may configure the link
#   reader REMEDY PATH...  one of the paths is there on a host whose boot reads the files
#   reload WORD...         told to the running system once its files have changed
#   cannot REASON          why this lab cannot be persisted
kg_boot() {
  local text='' place="${KG_FILE}:${KG_LINE}: ${KG_TEXT}"
  case ${KG_PASS}:$1 in
    persist:file)
      IFS= read -r -d '' text || :
      kg_keep "$2" "$3" "$4" "${text}" "${place}"
      ;;
    persist:link) kg_keep link - "$2" "$3" "${place}" ;;
    persist:bridge) KG_WANT_BOOTS+=("$2") ;;
    persist:rival) KG_RIVALS+=("$2 $3 ${place}") ;;
    persist:reader) kg_need_reader "${@:2}" ;;
    persist:cannot) KG_CANNOT+=("$2  (${place})") ;;
    reload:reload) kg_tell_command "${@:2}" ;;
    *) ;;
  esac
}

# kg_keep HOW MODE PATH TEXT PLACE
kg_keep() {
  KG_WANT_HOW+=("$1")
  KG_WANT_MODE+=("$2")
  KG_WANT_PATH+=("$3")
  KG_WANT_TEXT+=("$4")
  KG_WANT_PLACE+=("$5")
}

# kg_tell_command WORD...: for the running system.
kg_tell_command() {
  local said
  kg_quote "$@"
  if ! type -P "$1" >/dev/null || [[ $1 == systemctl && ! -d /run/systemd/system ]]; then
    kg_note "there is nobody here to be told: ${REPLY}"
  elif said=$("$@" 2>&1 </dev/null 6>&- 9>&-); then
    kg_note "${REPLY}"
  else
    kg_warn "the files are in place, but \`${REPLY}\` failed:" "${said:-it does not say why}"
  fi
}

# kg_read_persistence: KG_WANT_* and what goes with them.
kg_read_persistence() {
  local KG_PASS=persist
  KG_CANNOT=() KG_RIVALS=() KG_READERS=() KG_WANT_BOOTS=()
  KG_WANT_HOW=() KG_WANT_MODE=() KG_WANT_PATH=() KG_WANT_TEXT=() KG_WANT_PLACE=()
  kg_persistence
}

# kg_tell_system: the reloads.
kg_tell_system() {
  local KG_PASS=reload
  [[ -n ${KG_ROOT} ]] || kg_persistence
}

# kg_read_manifest: KG_HAD and what goes with it; status 1 when it is not as it was written.
kg_read_manifest() {
  local line path entry print number='^(boots [A-Za-z0-9_.-]+|folder /.*|edited [1-9][0-9]* /.*)$'
  print='(absent|other|link:[^ ]*|[0-9a-f]{64}:[0-7]+)'
  entry="^((whole|block|rules|link|aside|stanza) ${print} (-|[0-9a-f]{64}) ${print} (-|[1-9][0-9]*)) (/.*)$"
  KG_HAD=() KG_HAD_PATHS=() KG_HAD_BOOTS=() KG_HAD_FOLDERS=() KG_HAD_BUILD='' KG_EDITED=() KG_NEXT_BACKUP=1
  [[ -e ${KG_STORE}/manifest ]] || return 0
  {
    read -r line
    [[ ${line} =~ ^kvmgen\ 1\ [0-9a-f]{64}$ ]] || return 1
    KG_HAD_BUILD=${line##* }
    while IFS= read -r line; do
      if [[ ${line} =~ ${entry} ]]; then
        path=${BASH_REMATCH[7]}
        KG_HAD_PATHS+=("${path}")
        KG_HAD[${path}]=${BASH_REMATCH[1]}
        kg_count_backup "${BASH_REMATCH[6]}"
      elif [[ ${line} =~ ${number} ]]; then
        case ${line} in
          boots*) KG_HAD_BOOTS+=("${line#* }") ;;
          folder*) KG_HAD_FOLDERS+=("${line#* }") ;;
          *)
            KG_EDITED+=("${line#* }")
            line=${line#* }
            kg_count_backup "${line%% *}"
            ;;
        esac
      else
        return 1
      fi
    done
  } 2>/dev/null <"${KG_STORE}/manifest"
}

# kg_count_backup NUMBER: it is taken.
kg_count_backup() {
  [[ $1 == - || $1 -lt ${KG_NEXT_BACKUP} ]] || KG_NEXT_BACKUP=$(($1 + 1))
}

# kg_take_backup PATH: REPLY is the number under which the file is going to be kept.
kg_take_backup() {
  REPLY=${KG_NEXT_BACKUP}
  KG_BACKUPS[REPLY]=$1
  KG_NEXT_BACKUP=$((REPLY + 1))
}

# kg_enter_file HOW WROTE OWN WAS BACKUP PATH: a line of the new manifest.
kg_enter_file() {
  KG_ENTRIES+="$*"$'\n'
}

# ---- The lab's own lines in a file of others ----

# kg_cut TEXT: REPLY is the text without what is between the lab's marks, KG_OWN what was. Status 1 when a mark has no end.
kg_cut() {
  local text=$'\n'$1 out='' part begin=$'\n'"# kvmgen:${KG_LAB} begin"$'\n' end="# kvmgen:${KG_LAB} end"$'\n'
  KG_OWN=''
  while [[ ${text} == *"${begin}"* ]]; do
    part=${text%%"${begin}"*}
    [[ -z ${part} ]] || out+=${part#?}$'\n'
    text=${text#*"${begin}"}
    if [[ ${text} != *"${end}"* ]]; then
      REPLY=$1
      return 1
    fi
    KG_OWN+=${text%%"${end}"*}
    text=$'\n'${text#*"${end}"}
  done
  REPLY=${out}${text#?}
}

# kg_mark TEXT: REPLY is it between the lab's marks.
kg_mark() {
  REPLY="# kvmgen:${KG_LAB} begin"$'\n'"$1# kvmgen:${KG_LAB} end"$'\n'
}

# kg_join_block TEXT LINES: REPLY is the text with the lines at its end.
kg_join_block() {
  local text=$1
  [[ -z ${text} || ${text} == *$'\n' ]] || text+=$'\n'
  kg_mark "$2"
  REPLY=${text}${REPLY}
}

# kg_join_rules TEXT RULES: REPLY is the text of iptables-restore with each table's rules at the end of that table, or
# with a table of their own. The lab's rules that somebody saved while it was up are not kept twice.
kg_join_rules() {
  local line table='' out='' rest=''
  local -A rules=() chains=() seen=()
  while IFS= read -r line; do
    case ${line} in
      '*'*) table=${line#?} ;;
      COMMIT) ;;
      *)
        rules[${table}]+=${line}$'\n'
        [[ ${line} != :* ]] || chains["${table} ${line%% *}"]=yes
        ;;
    esac
  done < <(printf '%s' "$2")
  table=''
  while IFS= read -r line || [[ -n ${line} ]]; do
    case ${line} in
      '*'*)
        table=${line#?}
        table=${table%%[[:space:]]*}
        ;;
      COMMIT*)
        if [[ -n ${rules[${table:--}]-} ]]; then
          seen[${table}]=yes
          kg_mark "${rules[${table}]}"
          out+=${REPLY}
        fi
        table=''
        ;;
      :*) [[ -z ${chains["${table} ${line%% *}"]-} ]] || continue ;;
      *)
        rest=${line#*-A }
        [[ -z ${chains["${table} :${rest%% *}"]-} ]] || continue
        [[ "${line} " != *" --comment kvmgen:${KG_LAB} "* && ${line} != *" --comment \"kvmgen:${KG_LAB}\" "* ]] || continue
        ;;
    esac
    out+=${line}$'\n'
  done < <(printf '%s' "$1")
  while IFS= read -r line; do
    [[ ${line} == '*'* && -z ${seen[${line#?}]-} ]] || continue
    table=${line#?}
    kg_mark "${line}"$'\n'"${rules[${table}]}COMMIT"$'\n'
    out+=${REPLY}
  done < <(printf '%s' "$2")
  REPLY=${out}
}

# kg_try_rules NUMBER: whether iptables-restore takes the file that is to be; KG_SAID is why not. It is tried in a network
# namespace of its own. Where that does not take the file as it was either (it names a set that is not there), the lab's
# own rules are tried alone.
kg_try_rules() {
  local path=${KG_CHANGE_PATH[$1]} text=${KG_CHANGE_TEXT[$1]} k
  if ! type -P iptables-restore unshare >/dev/null || [[ ${EUID} -ne 0 ]]; then
    KG_SAID='iptables-restore and unshare are missing, with which the rules are tried first'
    [[ -n ${KG_ROOT} ]]
    return
  fi
  kg_restore_test "${text}" && return
  KG_SAID="iptables-restore does not take ${path} with the lab's rules: ${REPLY}"
  [[ -e ${KG_ROOT}${path} ]] || return 1
  kg_read_file "${KG_ROOT}${path}"
  kg_restore_test "${KG_FILE_TEXT}" && return 1
  for k in "${!KG_WANT_PATH[@]}"; do
    [[ ${KG_WANT_PATH[k]} == "${path}" ]] || continue
    kg_restore_test "${KG_WANT_TEXT[k]}" || return 1
  done
  kg_note "iptables-restore does not take ${path} as it was either, so only the lab's own rules were tried"
}

# kg_restore_test TEXT: REPLY is what iptables-restore says.
kg_restore_test() {
  REPLY=$(
    trap '' HUP INT TERM
    printf '%s' "$1" 2>/dev/null | unshare -n iptables-restore --test 2>&1
  )
}

# ---- What there is to do ----

# kg_strange PATH WHY [PLACE]: something in the way.
kg_strange() {
  KG_STRANGE+=("$1: $2${3+  ($3)}")
}

# kg_resolve PATH: REPLY is the file that a shared file is, where its name is a symbolic link.
kg_resolve() {
  local path=$1 target tries
  for ((tries = 0; tries < 10; tries++)); do
    [[ -L ${KG_ROOT}${path} ]] || break
    target=$(readlink -- "${KG_ROOT}${path}")
    if [[ ${target} == /* ]]; then
      path=${target}
    else
      path=${path%/*}/${target}
    fi
  done
  REPLY=${path}
}

# kg_plan_wanted: KG_CHANGE_* for what the lab has the boot read, and its lines of the manifest.
kg_plan_wanted() {
  local k
  local -A planned=()
  KG_CHANGE_PATH=() KG_CHANGE_OLD=() KG_CHANGE_NEW=() KG_CHANGE_FROM=() KG_CHANGE_TEXT=()
  KG_BACKUPS=() KG_RULES=() KG_STRANGE=() KG_STAYS=() KG_ENTRIES=''
  kg_fill_in_macs
  kg_find_rivals
  for k in ${KG_WANT_PATH[@]+"${!KG_WANT_PATH[@]}"}; do
    case ${KG_WANT_HOW[k]} in
      whole | link) kg_plan_whole "${k}" ;;
      *) kg_plan_part "${k}" ;;
    esac
    planned[${KG_WANT_PATH[k]}]=yes
  done
  for k in ${KG_RIVAL_PATH[@]+"${!KG_RIVAL_PATH[@]}"}; do
    [[ -n ${planned[${KG_RIVAL_PATH[k]}]-} ]] || kg_plan_rival "${k}"
    planned[${KG_RIVAL_PATH[k]}]=yes
  done
  for k in ${KG_HAD_PATHS[@]+"${KG_HAD_PATHS[@]}"}; do
    [[ -z ${planned[${k}]-} ]] || continue
    if kg_still_aside "${k}"; then
      kg_enter_file "${KG_HAD[${k}]}" "${k}"
    else
      kg_plan_restore "${k}"
    fi
  done
  for k in ${KG_STAYS[@]+"${KG_STAYS[@]}"}; do
    if [[ -z ${KG_ADOPT} ]]; then KG_STRANGE+=("${k}"); fi
  done
}

# kg_fill_in_macs: `@mac:NIC@` in a text is the MAC that the NIC has now.
kg_fill_in_macs() {
  local k nic mac
  for k in ${KG_WANT_TEXT[@]+"${!KG_WANT_TEXT[@]}"}; do
    while [[ ${KG_WANT_TEXT[k]} == *@mac:*@* ]]; do
      nic=${KG_WANT_TEXT[k]#*@mac:}
      nic=${nic%%@*}
      mac=''
      if [[ -n ${KG_ROOT} ]]; then
        KG_CANNOT+=("the MAC of ${nic} is not known below ${KG_ROOT}: give the network a \`mac\` (${KG_WANT_PLACE[k]})")
      else
        { read -r mac <"/sys/class/net/${nic}/address"; } 2>/dev/null || :
        [[ ${mac} =~ ^([0-9a-f]{2}:){5}[0-9a-f]{2}$ ]] ||
          KG_CANNOT+=("there is no ${nic} with a MAC, which its bridge is to have (${KG_WANT_PLACE[k]})")
      fi
      KG_WANT_TEXT[k]=${KG_WANT_TEXT[k]//"@mac:${nic}@"/"${mac}"}
    done
  done
}

# kg_plan_whole NUMBER: a file or link of the lab's own.
kg_plan_whole() {
  local path=${KG_WANT_PATH[$1]} how=${KG_WANT_HOW[$1]} text=${KG_WANT_TEXT[$1]} now new from=text was=absent backup=-
  kg_fingerprint "${KG_ROOT}${path}"
  now=${REPLY}
  if [[ ${how} == link ]]; then
    from='link'
    new=link:${text//[[:space:]]/?}
  else
    kg_fingerprint_text "${text}" "${KG_WANT_MODE[$1]}"
    new=${REPLY}
  fi
  if kg_had "${path}" && [[ ${KG_HAD_HOW} != aside || ${now} == absent ]]; then
    was=${KG_HAD_WAS} backup=${KG_HAD_BACKUP}
    if [[ ${now} != "${new}" && ${now} != absent && ${now} != "${KG_HAD_WROTE}" ]]; then
      kg_adopt_edited "${path}" "${KG_WANT_PLACE[$1]}"
    fi
  elif [[ ${now} != absent ]]; then
    kg_adopt "${path}" "${now}" "${KG_WANT_PLACE[$1]}" 'this lab did not write it'
    was=${now} backup=${REPLY}
  fi
  [[ ${now} == "${new}" ]] || kg_change "${path}" "${now}" "${new}" "${from}" "${text}"
  kg_enter_file "${how}" "${new}" - "${was}" "${backup}" "${path}"
}

# kg_had PATH: whether the manifest has it: KG_HAD_HOW, KG_HAD_WROTE, KG_HAD_OWN, KG_HAD_WAS, KG_HAD_BACKUP.
kg_had() {
  [[ -n ${KG_HAD[$1]-} ]] || return 1
  read -r KG_HAD_HOW KG_HAD_WROTE KG_HAD_OWN KG_HAD_WAS KG_HAD_BACKUP < <(printf '%s\n' "${KG_HAD[$1]}")
}

# kg_adopt PATH FINGERPRINT PLACE WHY: what is there is set aside, by --adopt: REPLY is the number of its backup.
kg_adopt() {
  REPLY=-
  case ${KG_ADOPT}:$2 in
    *:other) kg_strange "$1" 'it is neither a file nor a link, and cannot be set aside' "$3" ;;
    *:unread) kg_strange "$1" 'it cannot be read' "$3" ;;
    yes:*) kg_take_backup "$1" ;;
    *) kg_strange "$1" "$4" "$3" ;;
  esac
}

# kg_adopt_edited PATH [PLACE]: a file of the lab's that somebody has changed. What it was first stays the original.
kg_adopt_edited() {
  if [[ -n ${KG_ADOPT} ]]; then
    kg_take_backup "$1"
    KG_EDITED+=("${REPLY} $1")
  else
    kg_strange "$1" 'it was changed since' "${@:2}"
  fi
}

# kg_plan_part NUMBER: the lab's lines in a file that others share.
kg_plan_part() {
  local path=${KG_WANT_PATH[$1]} how=${KG_WANT_HOW[$1]} text=${KG_WANT_TEXT[$1]} now new base mode from=part k was backup=-
  kg_resolve "${path}"
  path=${REPLY}
  KG_WANT_PATH[$1]=${path}
  kg_fingerprint "${KG_ROOT}${path}"
  now=${REPLY} was=${REPLY}
  case ${now} in
    absent) from=text mode=${KG_WANT_MODE[$1]#0} ;;
    [0-9a-f]*:*) mode=${now#*:} ;;
    *)
      kg_strange "${path}" 'it is not a file that can be read' "${KG_WANT_PLACE[$1]}"
      return
      ;;
  esac
  if ! kg_read_file "${KG_ROOT}${path}"; then
    kg_strange "${path}" 'it holds a NUL' "${KG_WANT_PLACE[$1]}"
    return
  fi
  if ! kg_cut "${KG_FILE_TEXT}"; then
    kg_strange "${path}" "the mark of this lab in it has no end" "${KG_WANT_PLACE[$1]}"
    return
  fi
  base=${REPLY}
  if kg_had "${path}"; then
    was=${KG_HAD_WAS} backup=${KG_HAD_BACKUP}
    if [[ -n ${KG_OWN} ]]; then
      kg_fingerprint_text "${KG_OWN}" 0
      [[ ${REPLY%:*} == "${KG_HAD_OWN}" ]] || kg_adopt_edited "${path}" "${KG_WANT_PLACE[$1]}"
    fi
    [[ ${KG_HAD_HOW} != stanza ]] || how=stanza
  elif [[ -n ${KG_OWN} ]]; then
    kg_adopt "${path}" "${now}" "${KG_WANT_PLACE[$1]}" "there are lines of this lab in it that \`persist\` did not write"
    backup=${REPLY}
  elif [[ ${now} != absent ]]; then
    kg_take_backup "${path}"
    backup=${REPLY}
  fi
  for k in ${KG_RIVAL_PATH[@]+"${!KG_RIVAL_PATH[@]}"}; do
    [[ ${KG_RIVAL_PATH[k]} == "${path}" ]] || continue
    kg_drop_stanzas "${base}" "${KG_RIVAL_LINK[k]}"
    base=${REPLY} how=stanza
    [[ -n ${KG_ADOPT} ]] || kg_strange "${path}" "it configures ${KG_RIVAL_LINK[k]}" "${KG_RIVAL_PLACE[k]}"
  done
  if [[ ${KG_WANT_HOW[$1]} == rules ]]; then
    kg_join_rules "${base}" "${text}"
  else
    kg_join_block "${base}" "${text}"
  fi
  new=${REPLY}
  if [[ ${new} != "${KG_FILE_TEXT}" ]]; then
    [[ ${KG_WANT_HOW[$1]} != rules ]] || KG_RULES+=("${#KG_CHANGE_PATH[@]}")
    text=${new}
    kg_fingerprint_text "${text}" "${mode}"
    kg_change "${path}" "${now}" "${REPLY}" "${from}" "${text}"
    now=${REPLY}
  fi
  kg_cut "${new}"
  kg_fingerprint_text "${KG_OWN}" 0
  kg_enter_file "${how}" "${now}" "${REPLY%:*}" "${was}" "${backup}" "${path}"
}

# kg_plan_restore PATH: gives back what was there before the lab, if the file is still as the lab left it. Of a file that
# others have changed as well, only the lab's lines go. What cannot be given back is in KG_STAYS.
kg_plan_restore() {
  local path=$1 now backup
  kg_had "${path}"
  backup=${KG_STORE}/backup/${KG_HAD_BACKUP}
  kg_fingerprint "${KG_ROOT}${path}"
  now=${REPLY}
  [[ ${now} != "${KG_HAD_WAS}" ]] || return 0
  if [[ ${now} == "${KG_HAD_WROTE}" ]]; then
    if [[ ${KG_HAD_WAS} == absent ]]; then
      kg_change "${path}" "${now}" absent gone
      return
    fi
    kg_fingerprint "${backup}"
    if [[ ${REPLY} == "${KG_HAD_WAS}" ]]; then
      kg_change "${path}" "${now}" "${KG_HAD_WAS}" "${backup}"
      return
    fi
    kg_stay "${path}" 'the backup of what was there is damaged'
    return
  fi
  case ${KG_HAD_HOW}:${now} in
    block:*:* | rules:*:*)
      if kg_read_file "${KG_ROOT}${path}" && kg_cut "${KG_FILE_TEXT}"; then
        kg_restore_part "${path}" "${now}" "${REPLY}" && return
      fi
      ;;
    whole:absent | link:absent) # who removed it has done half of it
      if [[ ${KG_HAD_WAS} == absent ]]; then return; fi
      ;;
    *) ;;
  esac
  if [[ ${KG_HAD_WAS} == absent ]]; then
    kg_stay "${path}" 'it was changed since'
  else
    kg_stay "${path}" "it was changed since; what was there before is ${backup}"
  fi
}

# kg_restore_part PATH FINGERPRINT REST: takes the lab's lines out, if they are as they were written. A file that held
# nothing but lines of labs goes with the last of them.
kg_restore_part() {
  local path=$1 now=$2 rest=$3 was=''
  kg_fingerprint_text "${KG_OWN}" 0
  [[ -n ${KG_OWN} && ${REPLY%:*} == "${KG_HAD_OWN}" ]] || return 1
  if [[ -z ${rest} ]]; then
    if [[ ${KG_HAD_WAS} != absent ]]; then
      kg_read_file "${KG_STORE}/backup/${KG_HAD_BACKUP}"
      was=${KG_FILE_TEXT}
    fi
    if [[ ${KG_HAD_WAS} == absent || ${was} == '# kvmgen:'*' begin'$'\n'* ]]; then
      kg_change "${path}" "${now}" absent gone
      return
    fi
  fi
  kg_fingerprint_text "${rest}" "${now#*:}"
  kg_change "${path}" "${now}" "${REPLY}" part "${rest}"
}

# kg_stay PATH WHY: it stays as it is, and in the manifest.
kg_stay() {
  KG_STAYS+=("$1: $2")
  [[ -n ${KG_ADOPT} ]] || kg_enter_file "${KG_HAD[$1]}" "$1"
}

# kg_plan_store persist|unpersist: the changes of the stored script and of the manifest.
kg_plan_store() {
  local text="kvmgen 1 ${KG_HAD_BUILD}"$'\n'"${KG_ENTRIES}" name now own boots=(${KG_HAD_BOOTS[@]+"${KG_HAD_BOOTS[@]}"})
  kg_find_folders
  if [[ $1 == persist ]]; then
    text="kvmgen 1 ${KG_SHA256}"$'\n'"${KG_ENTRIES}"
    boots=(${KG_WANT_BOOTS[@]+"${KG_WANT_BOOTS[@]}"})
  fi
  for name in ${boots[@]+"${boots[@]}"}; do text+="boots ${name}"$'\n'; done
  for name in ${KG_HAD_FOLDERS[@]+"${KG_HAD_FOLDERS[@]}"} ${KG_MAKE_FOLDERS[@]+"${KG_MAKE_FOLDERS[@]}"}; do
    text+="folder ${name}"$'\n'
  done
  for name in ${KG_EDITED[@]+"${KG_EDITED[@]}"}; do text+="edited ${name}"$'\n'; done
  KG_SPARE=()
  [[ -n ${KG_ENTRIES} ]] || KG_SPARE=(${KG_HAD_FOLDERS[@]+"${KG_HAD_FOLDERS[@]}"})
  for name in setup.sh manifest; do
    kg_fingerprint "${KG_STORE}/${name}"
    now=${REPLY}
    if [[ -z ${KG_ENTRIES} ]]; then
      [[ ${now} == absent ]] || kg_change "${KG_VAR}/persist/${name}" "${now}" absent gone
    elif [[ ${name} == manifest ]]; then
      kg_fingerprint_text "${text}" 600
      [[ ${now} == "${REPLY}" ]] || kg_change "${KG_VAR}/persist/manifest" "${now}" "${REPLY}" text "${text}"
    elif [[ $1 == persist ]]; then
      own=$(sha256sum <"$0") || kg_die 1 "cannot read $0"
      own=${own%% *}:700
      [[ ${now} == "${own}" ]] || kg_change "${KG_VAR}/persist/setup.sh" "${now}" "${own}" "$0"
    fi
  done
}
