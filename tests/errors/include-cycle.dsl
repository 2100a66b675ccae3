network br0 isolated
include include-cycle.dsl  #! include-cycle
