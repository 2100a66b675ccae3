router r {
    publish 192.0.2.1:80 to a:80  #! publish-ports
    publish tcp 192.0.2.1 to a  #! publish-ports
    publish 192.0.2.1 to a:80  #! publish-ports
}
namespace a { loopback 10.0.0.1/32 }
