# The host's own NIC as a port of a bridge. Its addresses and routes move to the bridge, and back, in one `ip -batch`
# in which each address is on the host at every moment and each route is replaced, never missing. What they were is
# kept in ${KG_RUN}/uplink-NAME (with .moving while the move is not done), a line each, read by a fixed grammar only.

KG_MOVED=()   # "address FAMILY WORDS" and "route FAMILY WORDS", in the words of `ip`, without the link; "mac MAC"
KG_ROUTES=()  # family -> all routes of the host
KG_BATCHES=() # family -> lines for `ip -FAMILY -batch`
KG_LEASED=''  # yes: an IPv4 address has a limited life, so a DHCP client looks after it

# kg_uplink UPLINK BRIDGE: the move. When it fails, what was moved is moved back.
kg_uplink() {
  local file=${KG_RUN}/uplink-$1 said
  [[ ! -e ${file} && ! -e ${file}.moving ]] || kg_uplink_back "$1" "$2" || return 1
  kg_uplink_lines "$1" "$2" || return 1
  KG_SAID="cannot write ${file}"
  { printf '%s\n' ${KG_MOVED[@]+"${KG_MOVED[@]}"} >"${file}.moving"; } 2>/dev/null || return 1
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
  local entry file=${KG_RUN}/uplink-$1
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
  for entry in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
    [[ ${entry} != 'mac '* ]] || KG_BATCHES[4]+="link set dev $2 address ${entry#mac }"$'\n'
  done
}

# kg_uplink_lines UPLINK BRIDGE: KG_BATCHES is the move, worked out from the live host.
kg_uplink_lines() {
  local mac bridge
  kg_capture_uplink "$1" || return 1
  KG_SAID="there is no link $1"
  mac=$(ip -o link show dev "$1" 2>/dev/null) || return 1
  mac=${mac#*link/ether }
  KG_BATCHES=()
  # Somebody else's bridge gets its own MAC back.
  if [[ ${KG_FACTS[*]-} != *"link - $2"$'\n'* || ${KG_IS["link - $2"]-} == boot ]]; then
    KG_SAID="there is no link $2"
    bridge=$(ip -o link show dev "$2" 2>/dev/null) || return 1
    bridge=${bridge#*link/ether }
    KG_MOVED+=("mac ${bridge%% *}")
  fi
  # With its port's MAC the bridge keeps the host's address at the LAN's DHCP server and in its neighbours' tables.
  [[ ${KG_FACTS[*]-} == *"mac - $2 "* ]] || KG_BATCHES[4]="link set dev $2 address ${mac%% *}"$'\n'
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

# kg_capture_uplink LINK: kg_capture, and status 1 also for what would go wrong when its routes are replaced by others:
# `ip route replace` finds a route by its network, table and metric, and a rule for the NIC does not hold for the bridge.
kg_capture_uplink() {
  local line family entry rules
  local -A seen=()
  kg_capture "$1" || return 1
  for family in "${!KG_ROUTES[@]}"; do
    KG_SAID="cannot see the routing rules of $1"
    rules=$(ip "-${family}" rule show 2>/dev/null) || return 1
    while IFS= read -r line; do
      KG_SAID="a routing rule names $1: ${line}"
      [[ " ${line} " != *" "[io]"if $1 "* ]] || return 1
    done < <(printf '%s\n' "${rules}")
    while IFS= read -r line; do
      kg_route_key "${line}"
      seen["${family} ${REPLY}"]+=.
    done < <(printf '%s\n' "${KG_ROUTES[family]}")
  done
  for entry in ${KG_MOVED[@]+"${KG_MOVED[@]}"}; do
    [[ ${entry} == 'route '* ]] || continue
    kg_route_key "${entry#route ? }"
    KG_SAID="a route by $1 has another of the same network and metric beside it: ${entry#route ? }"
    family=${entry#route }
    [[ ${seen["${family%% *} ${REPLY}"]-} == . ]] || return 1
  done
}

# kg_route_key ROUTE: REPLY is its network, table and metric.
kg_route_key() {
  local line=" ${1%%\\*} " table=main metric=0
  if [[ ${line} == *' table '* ]]; then
    table=${line#* table }
    table=${table%% *}
  fi
  if [[ ${line} == *' metric '* ]]; then
    metric=${line#* metric }
    metric=${metric%% *}
  fi
  REPLY="${1%% *} ${table} ${metric}"
}

# kg_moves NUMBER: whether the operation moves an uplink; REPLY is "UPLINK BRIDGE".
kg_moves() {
  [[ ${KG_FACTS[$1]} == 'bridged '* ]] || return 1
  REPLY=${KG_FACTS[$1]#bridged }
  REPLY=${REPLY%%$'\n'*}
}

# kg_find_dhcp_client LINK: whether a process looks after the lease of LINK's address. Not every one tells the kernel
# of the lease.
kg_find_dhcp_client() {
  local file name word
  for file in /proc/[0-9]*/comm; do
    { read -r name <"${file}"; } 2>/dev/null || continue
    case ${name} in
      dhclient | dhcpcd | udhcpc) ;;
      *) continue ;;
    esac
    while IFS= read -r -d '' word; do
      [[ ${word} != "$1" ]] || return 0
    done 2>/dev/null <"${file%comm}cmdline"
  done
  return 1
}

# kg_check_uplinks: finds whether the uplinks among the operations in KG_CHOSEN can move whole.
kg_check_uplinks() {
  local n uplink bridge
  for n in ${KG_CHOSEN[@]+"${!KG_CHOSEN[@]}"}; do
    if [[ ${KG_STATE[n]} == right || ${KG_FACTS[n]} != bridged* ]] || ! kg_moves "${n}"; then continue; fi
    uplink=${REPLY% *} bridge=${REPLY#* }
    if ! kg_capture_uplink "${uplink}"; then
      kg_find missing "a way to move ${uplink} whole: ${KG_SAID}"
    elif [[ -z ${KG_LEASED} ]] && ! kg_find_dhcp_client "${uplink}"; then
      kg_find ok "the addresses and routes of ${uplink} can move to ${bridge}"
    elif [[ -n ${KG_YES} ]]; then
      kg_find warn "${uplink} has its address from DHCP: on ${bridge} nobody renews it, and it ends with its lease"
    else
      kg_find missing "a fixed address on ${uplink}: on ${bridge} nobody renews one from DHCP; \`up -y\` moves it until its lease ends"
    fi
  done
}

# kg_capture LINK: KG_MOVED is what LINK has: its global addresses, and the routes that leave by it, in any table.
# Status 1 for what cannot be moved whole, with the reason in KG_SAID.
kg_capture() {
  local line family said
  KG_MOVED=()
  KG_ROUTES=()
  KG_LEASED=''
  for family in 4 6; do
    [[ ${family} == 4 || -e /proc/net/if_inet6 ]] || continue
    KG_SAID="cannot see the addresses and routes of $1"
    said=$(ip "-${family}" -o addr show dev "$1" scope global 2>/dev/null) || return 1
    while IFS= read -r line; do
      [[ -z ${line} ]] || kg_capture_address "$1" "${family}" "${line}" || return 1
    done < <(printf '%s\n' "${said}")
    KG_ROUTES[family]=$(ip "-${family}" -o route show table all 2>/dev/null) || return 1
    while IFS= read -r line; do
      [[ " ${line} " != *" dev $1 "* ]] || kg_capture_route "$1" "${family}" "${line}" || return 1
    done < <(printf '%s\n' "${KG_ROUTES[family]}")
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
      [[ $2:${option} != 4:*_lft || ${word} == forever ]] || KG_LEASED=yes
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
  KG_SAID="a route by $1 has several next hops, which cannot be moved: ${line}"
  [[ $3 != *nexthop* ]] || return 1
  [[ " ${line} " != *' table local '* ]] || return 0
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
        table | dev | via | src | metric | proto | scope | expires | pref) option=${word} ;;
        mtu | advmss | hoplimit | initcwnd | initrwnd | window) option=${word} ;;
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
  local line word='[A-Za-z0-9@.:/_-]+' address route mac='^mac [0-9a-f:]{17}$'
  address="^address [46] [0-9a-f.:/]+( (peer|brd|any|metric|scope|label|valid_lft|preferred_lft) ${word}| (noprefixroute|mngtmpaddr|home|nodad))*$"
  route="^route [46] [a-z0-9.:/]+( (table|via|src|metric|proto|scope|mtu|mtu lock|advmss|hoplimit|initcwnd|initrwnd|window) ${word}| onlink)*$"
  KG_MOVED=()
  while IFS= read -r line; do
    KG_SAID="a line of $1 is not one that this script wrote: ${line}"
    [[ -z ${line} ]] && continue
    [[ ${line} =~ ${address} || ${line} =~ ${route} || ${line} =~ ${mac} ]] || return 1
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
