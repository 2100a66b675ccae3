for i in 1..2 { vm same }  #! defined-twice: used again here
