# The host's own NIC as a port of a bridge. Its addresses and routes move to the bridge, and back, in one `ip -batch`
# in which each address is on the host at every moment and each route is replaced, never missing. What they were is
# kept in ${KG_RUN}/uplink-NAME (with .moving while the move is not done), a line each, read by a fixed grammar only.

KG_MOVED=()   # "address FAMILY WORDS" and "route FAMILY WORDS", in the words of `ip`, without the link
KG_BATCHES=() # family -> lines for `ip -FAMILY -batch`
KG_LEASED=''  # yes: an address has a limited life, so a DHCP client looks after it

# kg_uplink UPLINK BRIDGE: the move. When it fails, what was moved is moved back.
kg_uplink() {
  local file=${KG_RUN}/uplink-$1 said
  [[ ! -e ${file} && ! -e ${file}.moving ]] || kg_uplink_back "$1" "$2" || return 1
  kg_uplink_lines "$1" "$2" || return 1
  KG_SAID="cannot write ${file}"
  { printf '%s\n' ${KG_MOVED[@]+"${KG_MOVED[@]}"} >"${file}.moving"; } 2>/dev/null || return 1
  [[ -z ${KG_LEASED} ]] || kg_say "note: $1 has its address from DHCP. It moves to $2 with what is left of its lease."
  if kg_move && mv -f "${file}.moving" "${file}"; then
    return
  fi
  said=${KG_SAID}
  kg_uplink_back "$1" "$2" || :
  KG_SAID=${said}
  return 1
}

# kg_uplink_back UPLINK BRIDGE: gives all of it back, from any half-way state.
kg_uplink_back() {
  kg_uplink_back_lines "$1" "$2" || return 1
  kg_move -force || kg_note "${KG_SAID}"
  rm -f "${KG_RUN}/uplink-$1" "${KG_RUN}/uplink-$1.moving"
}

# kg_uplink_back_lines UPLINK BRIDGE: KG_BATCHES is the move back, of what the state file says; without one, of all
# that the bridge has.
kg_uplink_back_lines() {
  local file=${KG_RUN}/uplink-$1
  [[ ! -e ${file}.moving ]] || file+=.moving
  if [[ -e ${file} ]]; then
    kg_read_moved "${file}" || return 1
    kg_refresh_leases "$2"
  else
    kg_capture "$2" || return 1
  fi
  KG_BATCHES=()
  kg_lines 'addr add' "$1"
  KG_BATCHES[4]+="link set dev $1 nomaster"$'\n'
  kg_lines 'route replace' "$1"
  kg_lines 'addr del' "$2"
}

# kg_uplink_lines UPLINK BRIDGE: KG_BATCHES is the move, worked out from the live host.
kg_uplink_lines() {
  local mac
  kg_capture "$1" || return 1
  KG_SAID="there is no link $1"
  mac=$(ip -o link show dev "$1" 2>/dev/null) || return 1
  mac=${mac#*link/ether }
  KG_BATCHES=()
  # With its port's MAC the bridge keeps the host's address at the LAN's DHCP server and in its neighbours' tables.
  [[ ${KG_FACTS[*]} == *"mac - $2 "* ]] || KG_BATCHES[4]="link set dev $2 address ${mac%% *}"$'\n'
  KG_BATCHES[4]+="link set dev $2 up"$'\n'
  kg_lines 'addr add' "$2" nodad
  KG_BATCHES[4]+="link set dev $1 master $2"$'\n'
  kg_lines 'route replace' "$2"
  kg_lines 'addr del' "$1"
}

# kg_lines VERB LINK [nodad]: adds a line to KG_BATCHES for each address or route in KG_MOVED. Routes to the link itself come
# before those through a gateway, and a primary address goes after its secondary ones, which would go with it.
kg_lines() {
  local entry family head late=()
  for entry in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
    family=${entry#* }
    family=${family%% *}
    head=${entry#* * }
    case $1:${entry} in
      'addr add:address '*)
        head=${head/ label @/ label "$2"}
        [[ ${family} == 4 || ${head} == *nodad* ]] || head+=${3+" $3"}
        KG_BATCHES[family]+="addr add ${head} dev $2"$'\n'
        ;;
      'addr del:address '*)
        if [[ ${head} == *' peer '* ]]; then
          late=("${family} addr del ${head%% *} peer $(kg_word_after peer "${head}") dev $2" ${late[@]+"${late[@]}"})
        else
          late=("${family} addr del ${head%% *} dev $2" ${late[@]+"${late[@]}"})
        fi
        ;;
      'route replace:route '*' via '*) late+=("${family} route replace ${head} dev $2") ;;
      'route replace:route '*) KG_BATCHES[family]+="route replace ${head} dev $2"$'\n' ;;
      *) ;;
    esac
  done
  for entry in ${late[@]+"${late[@]}"}; do
    family=${entry%% *}
    KG_BATCHES[family]+="${entry#* }"$'\n'
  done
}

# kg_word_after WORD TEXT: prints the word that follows.
kg_word_after() {
  local rest=${2#*" $1 "}
  printf '%s' "${rest%% *}"
}

# kg_move [-force]: runs KG_BATCHES.
kg_move() {
  local family status=0
  for family in "${!KG_BATCHES[@]}"; do
    kg_log "ip -${family} -batch -"$'\n'"${KG_BATCHES[family]}"
    KG_SAID=$(
      trap '' HUP INT TERM
      printf '%s' "${KG_BATCHES[family]}" 2>/dev/null | ip "-${family}" ${1+"$1"} -batch - 2>&1
    ) || status=1
    [[ ${status} -eq 0 || -n ${1-} ]] || return 1
  done
  return "${status}"
}

# kg_capture LINK: KG_MOVED is what LINK has: its global addresses, and the routes that leave by it in the main table.
# Status 1 for what cannot be moved whole, with the reason in KG_SAID.
kg_capture() {
  local line family said
  KG_MOVED=()
  KG_LEASED=''
  for family in 4 6; do
    [[ ${family} == 4 || -e /proc/net/if_inet6 ]] || continue
    KG_SAID="cannot see the addresses and routes of $1"
    said=$(ip "-${family}" -o addr show dev "$1" scope global 2>/dev/null) || return 1
    while IFS= read -r line; do
      [[ -z ${line} ]] || kg_capture_address "$1" "${family}" "${line}" || return 1
    done < <(printf '%s\n' "${said}")
    said=$(ip "-${family}" -o route show table main 2>/dev/null) || return 1
    while IFS= read -r line; do
      [[ " ${line} " != *" dev $1 "* ]] || kg_capture_route "$1" "${family}" "${line}" || return 1
    done < <(printf '%s\n' "${said}")
  done
}

# kg_capture_address LINK FAMILY LINE, such as
# `2: ens33    inet 10.0.0.2/24 brd 10.0.0.255 scope global dynamic ens33\ valid_lft 9sec preferred_lft 9sec`
kg_capture_address() {
  local rest=${3#* inet} word words='' option=''
  rest=${rest#6}
  rest=${rest//\\/ }
  for word in ${rest}; do
    if [[ -n ${option} ]]; then
      [[ ${option} != *_lft || ${word} == forever ]] || KG_LEASED=yes
      [[ ${option} == proto ]] || words+=" ${option} ${word%sec}"
      option=''
    elif [[ -z ${words} ]]; then
      words=" ${word}"
    else
      case ${word} in
        peer | brd | any | metric | scope | proto | valid_lft | preferred_lft) option=${word} ;;
        noprefixroute | mngtmpaddr | home | nodad) words+=" ${word}" ;;
        temporary) return 0 ;; # the kernel makes it anew from the address that it belongs to
        dynamic | secondary | deprecated | tentative | permanent | "$1") ;;
        "$1":*) words+=" label @${word#"$1"}" ;;
        *)
          KG_SAID="an address of $1 has the word ${word}, which cannot be moved: $3"
          return 1
          ;;
      esac
    fi
  done
  KG_MOVED+=("address $2${words}")
}

# kg_capture_route LINK FAMILY LINE. Routes that the kernel makes of an address come with the address.
kg_capture_route() {
  local line=${3%%\\*} word words='' option='' address
  KG_SAID="a route by $1 has several next hops, which cannot be moved: $3"
  [[ $3 != *nexthop* ]] || return 1
  case $2:${line} in
    4:*' proto kernel '*)
      address=$(kg_word_after src "${line}")
      kg_has_own_route "${address}" || return 0
      ;;
    6:*' proto kernel '* | 6:*' proto ra '* | 6:fe80:* | 6:ff00:*) return 0 ;;
    *) ;;
  esac
  for word in ${line}; do
    if [[ -n ${option} ]]; then
      case ${option}:${word} in
        dev:* | expires:* | pref:*) option='' ;;
        mtu:lock) option='mtu lock' ;;
        *)
          words+=" ${option} ${word}"
          option=''
          ;;
      esac
    elif [[ -z ${words} ]]; then
      words=" ${word}"
    else
      case ${word} in
        dev | via | src | metric | proto | scope | mtu | advmss | expires | pref) option=${word} ;;
        onlink) words+=" ${word}" ;;
        linkdown | dead) ;;
        *)
          KG_SAID="a route by $1 has the word ${word}, which cannot be moved: $3"
          return 1
          ;;
      esac
    fi
  done
  KG_MOVED+=("route $2${words}")
}

# kg_has_own_route ADDRESS: whether the kernel makes no route of this address (NetworkManager wants it so), so that the
# route to its network is somebody's own.
kg_has_own_route() {
  local moved
  for moved in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
    [[ ${moved} != "address 4 $1/"*noprefixroute* ]] || return 0
  done
  return 1
}

# kg_read_moved FILE: KG_MOVED from it; status 1 when a line is not in the grammar that kg_uplink writes.
kg_read_moved() {
  local line word='[A-Za-z0-9@.:/_-]+' address route
  address="^address [46] [0-9a-f.:/]+( (peer|brd|any|metric|scope|label|valid_lft|preferred_lft) ${word}| (noprefixroute|mngtmpaddr|home|nodad))*$"
  route="^route [46] [a-z0-9.:/]+( (via|src|metric|proto|scope|mtu|mtu lock|advmss) ${word}| onlink)*$"
  KG_MOVED=()
  while IFS= read -r line; do
    KG_SAID="a line of $1 is not one that this script wrote: ${line}"
    [[ -z ${line} ]] && continue
    [[ ${line} =~ ${address} || ${line} =~ ${route} ]] || return 1
    KG_MOVED+=("${line}")
  done <"$1"
}

# kg_refresh_leases LINK: addresses with a limited life get the life that LINK now has of them.
kg_refresh_leases() {
  local n moved live
  local had=(${KG_MOVED[@]+"${KG_MOVED[@]}"})
  [[ " ${had[*]-} " == *_lft\ [0-9]* ]] || return 0
  kg_capture "$1" || return 0
  for n in "${!had[@]}"; do
    moved=${had[n]}
    [[ ${moved} == *_lft\ [0-9]* ]] || continue
    for live in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
      if [[ ${live%% valid_lft*} == "${moved%% valid_lft*}" ]]; then had[n]=${live}; fi
    done
  done
  KG_MOVED=("${had[@]}")
}
