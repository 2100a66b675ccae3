network all isolated  #! reserved-name
