vm host  #! reserved-name
network lo isolated  #! reserved-name
namespace a
namespace b
link a.lo 10.0.0.1/24 - b.e 10.0.0.2/24
