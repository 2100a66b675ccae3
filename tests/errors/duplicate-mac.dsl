# The notes: two guests with QEMU's one default MAC, and ping between them fails.
network br0 isolated { mac 52:54:00:00:00:01 }
network br1 isolated
vm test { nic on br0 { mac 52:54:00:12:34:56  address 10.0.0.1/24 } }
vm test1 { nic on br0 { mac 52:54:00:12:34:56  address 10.0.0.2/24 } }  #! duplicate-mac: used again here, by `test1`
router r { nic in on br1 { mac 52:54:00:00:00:01  address 10.0.0.254/24 } }  #! duplicate-mac: used again here, by `r`
for i in 3..4 {
    vm test$i { nic user { mac 52:54:00:12:34:57 } }  #! duplicate-mac: used again here, by `test4`
}
