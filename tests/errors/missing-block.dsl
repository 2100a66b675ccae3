host  #! missing-block
