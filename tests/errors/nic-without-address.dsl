network br0 isolated
router r { nic in on br0 }  #! nic-without-address: nothing can be sent from here or to here
namespace a
namespace b { bridge sw { port e } }
link a.e - b.e  #! nic-without-address
