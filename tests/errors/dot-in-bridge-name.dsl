network br.in isolated  #! dot-in-bridge-name
