network br0 nat { address 10.1.0.254/24 }  #! nat-without-way-out: which way its packets leave cannot be told
network br1 nat { address 10.2.0.254/24  via br1 }  #! nat-without-way-out: this is the network itself
