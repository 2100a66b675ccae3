target cetnos7  #! unknown-target: cannot build for this
namespace a
namespace b
link a.eth0 10.0.0.1/24 - b.eth0 10.0.0.2/24
