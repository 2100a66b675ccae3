router a { route 10.0.0.2/31 via 10.0.0.1 }
router b
router c { route 10.0.0.0/31 via 10.0.0.2 }
link a.e 10.0.0.0/31 - b.e 10.0.0.1/31
link b.f 10.0.0.2/31 - c.e 10.0.0.3/31
expect a reaches c
