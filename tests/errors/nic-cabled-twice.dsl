network br0 isolated
namespace a
namespace b { nic f on br0 }
link a.e - b.e
link a.e - b.g  #! nic-cabled-twice: connected again here
link a.f - b.f  #! nic-cabled-twice
