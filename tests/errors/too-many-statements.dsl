for i in 1..1000000 { namespace n$i }  #! too-many-statements
