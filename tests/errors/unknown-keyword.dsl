vm a { memroy 128M }  #! unknown-keyword: not known in `vm`
netwrok br0 isolated  #! unknown-keyword
uplink ens33  #! unknown-keyword
router r { vrf red }  #! unknown-keyword
