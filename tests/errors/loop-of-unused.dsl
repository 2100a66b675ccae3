# All subnets of the lab are reached; 10.9.7.1 goes round between the two.
router a {
    route 10.9.0.0/16 via 10.0.0.2  #! loop-of-unused: `a` sends it to `b`
}
router b { route default via 10.0.0.1 }
namespace c { route default via 10.9.1.254 }
link a.e 10.0.0.1/24 - b.e 10.0.0.2/24
link b.f 10.9.1.254/24 - c.e 10.9.1.1/24
