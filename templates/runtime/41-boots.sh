# Bridges that the host's own boot makes, since `persist` told it to. `up` takes one for right and mends what goes with it;
# `down` leaves it. It bears no mark of the lab, and gets none: whose it is, is who made it.

declare -A KG_BOOTS=() # bridge -> yes: named by ${KG_VAR}/persist/manifest, or by ${KG_RUN}/boots

# kg_find_booted: KG_IS["link - BRIDGE"]=boot for those that are there. An alias, whoever's, says that somebody else made
# it, and the journal of this boot that the lab did.
kg_find_booted() {
  local n bridge
  kg_read_boots
  [[ ${#KG_BOOTS[@]} -gt 0 ]] || return 0
  for ((n = 1; n <= KG_COUNT; n++)); do
    bridge=${KG_FACTS[n]%%$'\n'*}
    [[ ${bridge} == 'link - '* && -z ${KG_NOTED[n]-} ]] || continue
    bridge=${bridge#link - }
    [[ -n ${KG_BOOTS[${bridge}]-} && -n ${KG_THERE["- ${bridge}"]-} && -d /sys/class/net/${bridge}/bridge ]] || continue
    [[ -n ${KG_IS["link - ${bridge}"]-}${KG_IS["alias - ${bridge}"]-} ]] || KG_IS["link - ${bridge}"]=boot
  done
}

# kg_read_boots: KG_BOOTS. What was named once in this run stays, though `down` or `unpersist` removes the file.
kg_read_boots() {
  local line files=("${KG_VAR}/persist/manifest")
  [[ -n ${KG_OTHER_BOOT} ]] || files+=("${KG_RUN}/boots")
  while IFS= read -r line; do
    if [[ ${line} =~ ^boots\ [A-Za-z0-9_.-]+$ ]]; then KG_BOOTS[${line#boots }]=yes; fi
  done < <(cat -- "${files[@]}" 2>/dev/null || :)
}

# kg_note_booted: ${KG_RUN}/boots keeps the bridges of the boot while the lab is up, for the time after an `unpersist`.
kg_note_booted() {
  local bridge text=''
  for bridge in ${KG_BOOTS[@]+"${!KG_BOOTS[@]}"}; do
    [[ ${KG_IS["link - ${bridge}"]-} != boot ]] || text+="boots ${bridge}"$'\n'
  done
  if [[ -n ${text} ]]; then
    printf '%s' "${text}" >"${KG_RUN}/boots"
  else
    rm -f "${KG_RUN}/boots"
  fi
}

# kg_booted NUMBER: whether what stands of the operation is a bridge of the boot's; REPLY is the bridge.
kg_booted() {
  REPLY=${KG_FACTS[$1]%%$'\n'*}
  [[ ${KG_IS[${REPLY}]-} == boot ]] || return 1
  REPLY=${REPLY#link - }
}
