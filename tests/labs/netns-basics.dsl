# The notes, section 4: two network namespaces and one veth pair, both ends called eth0.
namespace r1
namespace r2
link r1.eth0 10.10.10.1/24 - r2.eth0 10.10.10.2/24

expect r1 reaches r2
expect r2 reaches r1
