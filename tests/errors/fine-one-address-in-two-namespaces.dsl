namespace a
namespace b
namespace c
namespace d
link a.eth0 10.0.0.1/24 - b.eth0 10.0.0.2/24
link c.eth0 10.0.0.1/24 - d.eth0 10.0.0.2/24
