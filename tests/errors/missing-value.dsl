vm a { memory }  #! missing-value
network br0  #! missing-value
link a.eth0  #! missing-value
