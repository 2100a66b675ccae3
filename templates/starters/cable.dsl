# The smallest lab there is: two network namespaces and a cable between them. It needs no image and no NIC.

lab cable

namespace a
namespace b

# A veth pair: what goes in at one end comes out at the other.
link a.eth0 10.99.0.1/24 - b.eth0 10.99.0.2/24

expect a reaches b
expect b reaches a
