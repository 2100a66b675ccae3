network br0 routed { address 10.0.0.254/24 }
vm a { nic on br0 { address 10.0.0.1/16 } }  #! prefix-differs: /16 here
namespace b { nic e on br0 { address 10.0.0.2/25 } }  #! prefix-differs: /25 here
router c
router d
link c.e 10.1.0.1/24 - d.e 10.1.0.2/30  #! prefix-differs: /30 here
