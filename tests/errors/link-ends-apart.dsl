namespace a
namespace b
link a.e 10.0.0.1/24 - b.e 10.0.1.1/24  #! link-ends-apart: in 10.0.1.0/24
router c
router d
link c.e 10.0.2.1/24 - d.e 10.0.3.1/24  #! link-ends-apart: in 10.0.3.0/24
