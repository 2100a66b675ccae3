target centos6
namespace a  #! target-lacks
namespace b  #! target-lacks
link a.e 10.0.0.1/24 - b.e 10.0.0.2/24
