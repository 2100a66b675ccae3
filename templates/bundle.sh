# The same in every bundle. It needs bash, coreutils and tar, and takes nothing out of an archive before all that it
# will take has been found as it was built.

KG_BYTES=()   # of each archive its length,
KG_STARTS=()  # its first byte in this file,
KG_SUMS=()    # and its sha256
KG_END=0      # how long this file is
KG_FOLDERS=() # what it made for others, which is removed at the end where it is empty
KG_PRIVATE='' # the private folder, which is removed with all that is in it
REPLY=''

kg_say() {
  printf '%s\n' "$1" 2>/dev/null || :
}

# kg_die CODE TEXT [MORE]...: says why and leaves with the exit code.
kg_die() {
  local code=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$1" >&2 2>/dev/null || :
  shift
  [[ $# -eq 0 ]] || printf '  %s\n' "$@" >&2 2>/dev/null || :
  kg_leave "${code}"
}

# kg_leave CODE: the way out; whatever else ends this script is damage.
kg_leave() {
  trap - EXIT
  kg_clean
  exit "$1"
}

kg_usage() {
  printf '%s
' \
    "usage: bash ${0##*/} --list | --verify | --extract DIR | COMMAND [OPTION...]" \
    '' \
    '  --list          what is in it: size in bytes, name, and where an image goes' \
    '  --verify        whether all of it is as it was built' \
    '  --extract DIR   unpack all of it into the new folder DIR' \
    "  COMMAND         unpack the script of the lab ${KG_LAB} to a private folder and run it: up, down, plan, help..." \
    '' \
    'exit: 0 done, 1 cannot write, 2 usage, 5 something is missing, 6 something is in the way, 9 this file is not as it' \
    'was built, 128+N signal N; else what the script exits with'
}

# kg_clean: nothing of this run's own is left.
kg_clean() {
  local n
  [[ -z ${KG_PRIVATE} ]] || rm -rf -- "${KG_PRIVATE}"
  for ((n = ${#KG_FOLDERS[@]} - 1; n >= 0; n--)); do rmdir -- "${KG_FOLDERS[n]}" 2>/dev/null || :; done
}

# kg_check_self: exit 9 unless this script is as it was built, and the file as long. Status 1 where it is not and kg_die
# is damaged as well.
kg_check_self() {
  local n part bytes sum size line
  [[ -f $0 && -r $0 ]] || kg_die 9 'cannot read its own file' 'copy it to the host and run: bash FILE'
  line=$(head -n "${KG_SEAL}" -- "$0" | tail -n 1) || :
  sum=$(
    {
      head -n "$((KG_SEAL - 1))" -- "$0"
      head -n "${KG_LINES}" -- "$0" | tail -n "+$((KG_SEAL + 1))"
    } | sha256sum
  ) || :
  sum=${sum%% *}
  [[ ${line} == "readonly KG_SHA256=${KG_SHA256:?}" && ${sum} == "${KG_SHA256}" ]] ||
    kg_die 9 'the script in it is not as it was built' "its sha256 is ${sum}, it was ${KG_SHA256}"
  KG_END=$(head -n "${KG_LINES}" -- "$0" | wc -c) || :
  for ((n = 0; n < ${#KG_PARTS[@]}; n++)); do
    part=${KG_PARTS[n]}
    bytes=${part% *}
    KG_STARTS[n]=$((KG_END + 1))
    KG_BYTES[n]=${bytes}
    KG_SUMS[n]=${part#* }
    KG_END=$((KG_END + bytes))
  done
  size=$(stat -L -c %s -- "$0") || kg_die 9 'cannot read its own file'
  [[ ${size} -ge ${KG_END} ]] || kg_die 9 "it is cut short: $((KG_END - size)) of ${KG_END} bytes are missing"
  [[ ${size} -eq ${KG_END} ]] || kg_die 9 "$((size - KG_END)) bytes follow its end"
  [[ ${sum} == "${KG_SHA256}" && ${size} -eq ${KG_END} ]]
}

# kg_part NUMBER: an archive, on standard output.
kg_part() {
  tail -c "+${KG_STARTS[$1]}" -- "$0" 2>/dev/null | head -c "${KG_BYTES[$1]}" || :
}

# kg_members NUMBER: the files of an archive, a line each: mode, size, sha256, name. Through a pipe: a here-string would
# need a place to write.
kg_members() {
  local member
  for member in ${KG_MEMBERS[@]+"${KG_MEMBERS[@]}"}; do
    [[ ${member} != "$1 "* ]] || printf '%s\n' "${member#* }"
  done
}

# kg_check_parts NUMBER...: exit 9 unless the archives are as they were built, and hold plain files of the names, modes
# and sizes that this script has, and nothing else.
kg_check_parts() {
  local n sum
  for n in "$@"; do
    sum=$(kg_part "${n}" | sha256sum) || :
    [[ ${sum%% *} == "${KG_SUMS[n]}" ]] || kg_die 9 "it is damaged: archive ${n} is not as it was built" \
      "its sha256 is ${sum%% *}, it was ${KG_SUMS[n]}"
    kg_check_names "${n}"
  done
}

kg_check_names() {
  local mode size name wanted='' found=''
  while read -r mode size _ name; do
    wanted+="${mode} ${size} ${name}"$'\n'
    case /${name}/ in
      *//* | */../* | */./*) kg_die 9 "it holds a file that would lie elsewhere: ${name}" ;;
      *) ;;
    esac
  done < <(kg_members "$1" || :)
  while read -r mode _ size _ _ name; do
    found+="${mode} ${size} ${name}"$'\n'
  done < <({ kg_part "$1" || :; } | tar -t -v -f - --numeric-owner 2>/dev/null || :)
  [[ -n ${wanted} && ${found} == "${wanted}" ]] || kg_die 9 "archive $1 does not hold the files that it should"
}

# kg_unpack NUMBER FOLDER: takes an archive out into a folder of this run's own, and looks whether that is what was in
# it: a medium need not give the same bytes twice.
kg_unpack() {
  local said
  local plainly=(--no-same-owner --no-same-permissions --keep-old-files --touch)
  said=$({ kg_part "$1" || :; } | tar -x -f - -C "$2" "${plainly[@]}" 2>&1) || {
    case ${said} in
      *'No space left'* | *'Wrote only'*) said='the disk is full' ;;
      *) said=${said%%$'\n'*} ;;
    esac
    kg_die 1 "cannot unpack it to $2" "${said}"
  }
  { kg_sums "$1" || :; } | (cd -- "$2" && sha256sum -c --status -) || kg_die 9 'what was unpacked is not what was built'
}

# kg_sums NUMBER: as in the file SHA256SUMS.
kg_sums() {
  local sum name
  while read -r _ _ sum name; do
    printf '%s  %s\n' "${sum}" "${name}"
  done < <(kg_members "$1" || :)
}

# kg_make_folder FOLDER: with its parents; what it makes is removed at the end if it is empty then.
kg_make_folder() {
  local folder=${1:-/} missing=() n
  while [[ ! -d ${folder} ]]; do
    missing+=("${folder}")
    [[ ${folder} == */* ]] || break
    folder=${folder%/*}
    folder=${folder:-/}
  done
  for ((n = ${#missing[@]} - 1; n >= 0; n--)); do
    REPLY=$(mkdir -- "${missing[n]}" 2>&1) || kg_die 1 "cannot make the folder ${missing[n]}" "${REPLY}"
    KG_FOLDERS+=("${missing[n]}")
  done
}

# kg_make_private TEMPLATE: a folder of this run's own.
kg_make_private() {
  KG_PRIVATE=$(mktemp -d -- "$1" 2>&1) || {
    REPLY=${KG_PRIVATE}
    KG_PRIVATE=''
    kg_die 1 "cannot make a folder in ${1%/*}" "${REPLY}"
  }
}

kg_list() {
  local n size name place
  for n in "${!KG_PARTS[@]}"; do
    place=${KG_PLACES[n]-}
    while read -r _ size _ name; do
      printf '%12s  %s\n' "${size}" "${name}${place:+  for ${place}}"
    done < <(kg_members "${n}" || :)
  done
}

# kg_extract FOLDER: all of it, or nothing.
kg_extract() {
  local folder=${1%/} n
  [[ ${folder} == /* ]] || folder=./${folder}
  [[ ! -e $1 && ! -L $1 ]] || kg_die 6 "$1 is there already" 'name a folder that is not'
  kg_check_parts "${!KG_PARTS[@]}"
  kg_make_folder "${folder%/*}"
  kg_make_private "${folder%/*}/.kvmgen.XXXXXX"
  mkdir -- "${KG_PRIVATE}/all" || kg_die 1 "cannot make a folder in ${KG_PRIVATE}"
  for n in "${!KG_PARTS[@]}"; do kg_unpack "${n}" "${KG_PRIVATE}/all"; done
  REPLY=$(mv -T -- "${KG_PRIVATE}/all" "${folder}" 2>&1) || kg_die 1 "cannot make $1" "${REPLY}"
  kg_say "$1: ${#KG_MEMBERS[@]} files"
}

# kg_places_images WORD...: whether the words ask the script for what needs the images.
kg_places_images() {
  local word verb='' skip=''
  for word in "$@"; do
    case ${skip}${word} in
      skip*) skip='' ;;
      --only | --wait | --guard) skip=skip ;;
      -n | --dry-run | -h | --help | --version) return 1 ;;
      -*) ;;
      *) verb=${verb:-${word}} ;;
    esac
  done
  [[ ${verb:-up} == up || ${verb} == step || ${verb} == restart ]]
}

# kg_place NUMBER: puts an image where the script expects it. What is there by then stays.
kg_place() {
  local place=${KG_PLACES[$1]} name
  kg_make_folder "${place%/*}"
  kg_make_private "${place%/*}/.kvmgen.XXXXXX"
  kg_unpack "$1" "${KG_PRIVATE}"
  read -r _ _ _ name < <(kg_members "$1" || :)
  REPLY=$(mv -n -T -- "${KG_PRIVATE}/${name}" "${place}" 2>&1) || kg_die 1 "cannot make ${place}" "${REPLY}"
  rm -rf -- "${KG_PRIVATE}"
  KG_PRIVATE=''
  kg_say "${place}: unpacked; \`down\` leaves it"
}

# kg_run WORD...: the script, in a folder that nobody else can write to.
kg_run() {
  local folder=${KG_ROOT} images=() n
  if [[ ${EUID} -eq 0 ]]; then
    if kg_places_images "$@"; then
      for n in ${KG_PLACES[@]+"${!KG_PLACES[@]}"}; do
        [[ -e ${KG_PLACES[n]} || -L ${KG_PLACES[n]} ]] || images+=("${n}")
      done
    fi
  else
    folder=${XDG_RUNTIME_DIR-}
    [[ -d ${folder} && -O ${folder} && -w ${folder} ]] ||
      kg_die 5 'there is no private place to unpack it to' 'run it as root, or unpack it with --extract DIR'
  fi
  kg_check_parts 0 ${images[@]+"${images[@]}"}
  umask 022
  for n in ${images[@]+"${images[@]}"}; do kg_place "${n}"; done
  umask 077
  kg_make_private "${folder}/kvmgen.XXXXXX"
  kg_unpack 0 "${KG_PRIVATE}"
  bash -- "${KG_PRIVATE}/setup.sh" "$@"
}

# kg_main WORD...
kg_main() {
  trap 'kg_clean; exit 9' EXIT
  trap 'kg_leave 129' HUP
  trap 'kg_leave 130' INT
  trap 'kg_leave 143' TERM
  type -P tar >/dev/null || kg_die 5 'tar is missing'
  kg_check_self || exit 9
  case ${1-}:$# in
    --list:1) kg_list ;;
    --verify:1)
      kg_check_parts "${!KG_PARTS[@]}"
      kg_say "${0##*/} is as it was built: ${#KG_MEMBERS[@]} files"
      ;;
    --extract:2)
      [[ -n $2 ]] || kg_die 2 'the name of the folder is empty'
      kg_extract "$2"
      ;;
    --help:1 | -h:1) kg_usage ;;
    :0 | --list:* | --verify:* | --extract:*)
      kg_usage >&2
      kg_leave 2
      ;;
    *) kg_run "$@" ;;
  esac
}
