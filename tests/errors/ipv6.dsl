namespace a { loopback fd00::1/128 }  #! ipv6
