let a 0123456789
let b $a$a$a$a$a$a$a$a$a$a
let c $b$b$b$b$b$b$b$b$b$b
let d $c$c$c$c$c$c$c$c$c$c  #! word-too-long
