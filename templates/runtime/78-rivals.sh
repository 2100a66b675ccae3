# Rivals: files of the host's that configure a link which the lab's own files configure. The boot would read both. With
# --adopt they are set aside; of a file of ifupdown only the link's stanzas go.

KG_RIVALS=()      # "STYLE LINK PLACE": no other file of this style may configure the link
KG_READERS=()     # the remedies for what has to be there for the lab's files to be read, where it is not
KG_RIVAL_PATH=()  # number -> a file that does
KG_RIVAL_LINK=()  # number -> the link
KG_RIVAL_PLACE=() # number -> where the DSL asks for it
KG_RIVAL_WAY=()   # number -> aside, stanza, or why it cannot be set aside

# kg_need_reader REMEDY PATH...: KG_READERS has the remedy where none of the paths is there.
kg_need_reader() {
  local path remedy=$1
  [[ -z ${KG_ROOT} ]] || return 0
  shift
  for path in "$@"; do
    [[ ! -e ${path} && ! -L ${path} ]] || return 0
  done
  KG_READERS+=("${remedy}   (there is no $1)")
}

# kg_find_rivals: KG_RIVAL_*.
kg_find_rivals() {
  local k style link place path
  local -A own=()
  KG_RIVAL_PATH=() KG_RIVAL_LINK=() KG_RIVAL_PLACE=() KG_RIVAL_WAY=()
  for k in ${KG_WANT_PATH[@]+"${!KG_WANT_PATH[@]}"}; do own[${KG_WANT_PATH[k]}]=yes; done
  for k in ${KG_RIVALS[@]+"${!KG_RIVALS[@]}"}; do
    style=${KG_RIVALS[k]%% *}
    place=${KG_RIVALS[k]#* }
    link=${place%% *}
    place=${place#* }
    kg_files_of "${style}"
    for path in ${KG_WORDS[@]+"${KG_WORDS[@]}"}; do
      if [[ -n ${own[${path}]-} ]] || ! kg_configures "${style}" "${path}" "${KG_ROOT}${path}" "${link}"; then continue; fi
      KG_RIVAL_PATH+=("${path}")
      KG_RIVAL_LINK+=("${link}")
      KG_RIVAL_PLACE+=("${place}")
      KG_RIVAL_WAY+=("${REPLY}")
    done
  done
}

# kg_files_of STYLE: KG_WORDS: the files of that style, as the host calls them.
kg_files_of() {
  local path files=()
  case $1 in
    network-scripts | ifcfg) files=("${KG_ROOT}"/etc/sysconfig/network-scripts/ifcfg-*) ;;
    wicked) files=("${KG_ROOT}"/etc/sysconfig/network/ifcfg-*) ;;
    keyfile) files=("${KG_ROOT}"/etc/NetworkManager/system-connections/*) ;;
    networkd) files=("${KG_ROOT}"/etc/systemd/network/*.net*) ;;
    netplan) files=("${KG_ROOT}"/etc/netplan/*.yaml) ;;
    ifupdown) files=("${KG_ROOT}"/etc/network/interfaces "${KG_ROOT}"/etc/network/interfaces.d/*) ;;
    *) ;;
  esac
  KG_WORDS=()
  for path in ${files[@]+"${files[@]}"}; do
    case ${path} in
      *'~' | *.bak | *.orig | *.rpmnew | *.rpmorig | *.rpmsave) ;; # no reader takes these
      *) [[ ! -f ${path} ]] || KG_WORDS+=("${path#"${KG_ROOT}"}") ;;
    esac
  done
}

# kg_configures STYLE PATH FILE LINK: whether the file, whose place is PATH, configures the link; REPLY is how it can be
# set aside.
kg_configures() {
  local line rest device='' indent='' beside='' seen=''
  REPLY=aside
  while IFS= read -r line || [[ -n ${line} ]]; do
    rest=${line#"${line%%[![:space:]]*}"}
    case $1:${rest} in
      network-scripts:DEVICE=* | ifcfg:DEVICE=*)
        device=${rest#DEVICE=}
        device=${device//[\"\']/}
        ;;
      keyfile:interface-name=*) [[ ${rest#*=} != "$4" ]] || return 0 ;;
      networkd:Name=*) [[ " ${rest#Name=} " != *" $4 "* ]] || return 0 ;;
      ifupdown:iface*)
        if [[ "${rest//$'\t'/ } " == "iface $4 "* ]]; then
          REPLY=stanza
          return 0
        fi
        ;;
      netplan:"$4:"* | netplan:"\"$4\":"*)
        seen=yes
        indent=${line%%[![:space:]]*}
        ;;
      netplan:*'{'*) [[ " ${rest//[\"\'\{\},:]/ } " != *" $4 "* ]] || seen=yes beside=yes ;;
      netplan:[!#-]*:*)
        [[ ${#indent} -eq 0 && -n ${line%%[![:space:]]*} ]] || [[ -n ${indent} && ${line%%[![:space:]]*} == "${indent}" ]] || continue
        case ${rest} in
          version:* | renderer:* | ethernets:* | bridges:* | network:*) ;;
          *) beside+=${line%%[![:space:]]*}${rest%%:*}$'\n' ;;
        esac
        ;;
      *) ;;
    esac
  done 2>/dev/null <"$3"
  case $1 in
    network-scripts | ifcfg) [[ ${device:-${2##*/ifcfg-}} == "$4" ]] ;;
    wicked) [[ ${2##*/} == "ifcfg-$4" ]] ;;
    netplan)
      [[ -n ${seen} ]] || return 1
      kg_alone_in_netplan "${indent}" "${beside}" || REPLY="it configures $4 among others, which \`persist\` cannot take apart: take $4 out of it"
      ;;
    *) return 1 ;;
  esac
}

# kg_alone_in_netplan INDENT KEYS: whether none of the keys, a line each with its indent, is that of another device.
kg_alone_in_netplan() {
  local key
  [[ $2 != yes && -n $1 ]] || return 1
  while IFS= read -r key; do
    [[ -z ${key} || ${key%%[![:space:]]*} != "$1" ]] || return 1
  done < <(printf '%s' "$2")
}

# kg_drop_stanzas TEXT LINK: REPLY is a file of ifupdown without what it says of the link (interfaces(5)).
kg_drop_stanzas() {
  local line words word kept out='' waiting='' inside=''
  while IFS= read -r line || [[ -n ${line} ]]; do
    IFS=$' \t' read -r -a words < <(printf '%s\n' "${line}")
    case ${words[0]-} in
      '' | '#'*) # those before the next stanza are the next one's
        waiting+=${line}$'\n'
        continue
        ;;
      iface)
        inside=''
        [[ ${words[1]-} != "$2" ]] || inside=yes
        ;;
      auto | allow-*)
        inside=''
        kept=${words[0]}
        for word in ${words[@]+"${words[@]:1}"}; do [[ ${word} == "$2" ]] || kept+=" ${word}"; done
        if [[ ${kept} == "${words[0]}" ]]; then
          out+=${waiting} waiting=''
          continue
        elif [[ " ${words[*]-} " == *" $2 "* ]]; then
          line=${kept}
        fi
        ;;
      mapping | source* | no-auto-down | no-scripts | rename | template) inside='' ;;
      *) ;;
    esac
    if [[ -n ${inside} ]]; then
      [[ ${words[0]} != iface ]] || out+=${waiting}
      waiting=''
      continue
    fi
    out+=${waiting}${line}$'\n'
    waiting=''
  done < <(printf '%s' "$1")
  REPLY=${out}${waiting}
}

# kg_plan_rival NUMBER: it is set aside, by --adopt.
kg_plan_rival() {
  local path=${KG_RIVAL_PATH[$1]} now text backup was k
  if [[ ${KG_RIVAL_WAY[$1]} != aside && ${KG_RIVAL_WAY[$1]} != stanza ]]; then
    kg_strange "${path}" "${KG_RIVAL_WAY[$1]}" "${KG_RIVAL_PLACE[$1]}"
    return
  fi
  kg_fingerprint "${KG_ROOT}${path}"
  now=${REPLY} was=${REPLY}
  if [[ -n ${KG_ADOPT} ]] && kg_had "${path}"; then
    was=${KG_HAD_WAS} backup=${KG_HAD_BACKUP}
    [[ ${now} == "${KG_HAD_WROTE}" ]] || kg_adopt_edited "${path}"
  else
    kg_adopt "${path}" "${now}" "${KG_RIVAL_PLACE[$1]}" "it configures ${KG_RIVAL_LINK[$1]}"
    backup=${REPLY}
    [[ ${backup} != - ]] || return 0
  fi
  if [[ ${KG_RIVAL_WAY[$1]} == aside ]]; then
    kg_change "${path}" "${now}" absent gone
    kg_enter_file aside absent - "${was}" "${backup}" "${path}"
    return
  fi
  if ! kg_read_file "${KG_ROOT}${path}"; then
    kg_strange "${path}" 'it holds a NUL' "${KG_RIVAL_PLACE[$1]}"
    return
  fi
  text=${KG_FILE_TEXT}
  for k in "${!KG_RIVAL_PATH[@]}"; do
    [[ ${KG_RIVAL_PATH[k]} == "${path}" ]] || continue
    kg_drop_stanzas "${text}" "${KG_RIVAL_LINK[k]}"
    text=${REPLY}
  done
  kg_fingerprint_text "${text}" "${now#*:}"
  kg_change "${path}" "${now}" "${REPLY}" text "${text}"
  kg_enter_file stanza "${REPLY}" - "${was}" "${backup}" "${path}"
}

# kg_still_aside PATH: whether what was taken away for a rival of the lab's is still so, and the lab still wants it.
kg_still_aside() {
  kg_had "$1"
  [[ ${#KG_RIVALS[@]} -gt 0 && (${KG_HAD_HOW} == aside || ${KG_HAD_HOW} == stanza) ]] || return 1
  kg_fingerprint "${KG_ROOT}$1"
  [[ ${REPLY} == "${KG_HAD_WROTE}" ]] && kg_was_rival "$1"
}

# kg_was_rival PATH: whether its backup configures a link of the lab's.
kg_was_rival() {
  local k link
  for k in ${KG_RIVALS[@]+"${!KG_RIVALS[@]}"}; do
    link=${KG_RIVALS[k]#* }
    kg_configures "${KG_RIVALS[k]%% *}" "$1" "${KG_STORE}/backup/${KG_HAD_BACKUP}" "${link%% *}" && return
  done
  return 1
}
