# Two routers with their default routes at each other.
router a { route default via 10.0.0.2 }  #! routing-loop: `a` sends them to `b`
router b { route default via 10.0.0.1 }
link a.e 10.0.0.1/24 - b.e 10.0.0.2/24

# The subnet that goes round is the lab's own: `g` forgot where it is.
router f { route 10.9.0.0/16 via 10.5.0.2 }  #! routing-loop: `f` sends them to `g`
router g { route default via 10.5.0.1 }
router h { loopback 10.9.9.9/32 }
link f.e 10.5.0.1/24 - g.e 10.5.0.2/24
link g.f 10.6.0.1/24 - h.e 10.6.0.2/24

# Three, by routes of different lengths: 10.9.1.0/24 goes round, the rest of 10.9.0.0/16 does not.
router c { route 10.9.1.0/24 via 10.1.0.2 }  #! routing-loop: `c` sends them to `d`
router d {
    route 10.9.0.0/16 via 10.2.0.2
}
router e {
    route 10.0.0.0/8 via 10.3.0.2
    route 10.9.2.0/24 discard
}
link c.right 10.1.0.1/24 - d.left 10.1.0.2/24
link d.right 10.2.0.1/24 - e.left 10.2.0.2/24
link e.right 10.3.0.1/24 - c.left 10.3.0.2/24
