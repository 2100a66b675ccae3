network br0 isolated {
    address 10.0.0.254/24
    lease 1h  #! setting-without-dhcp
    domain lab.example  #! setting-without-dhcp
}
