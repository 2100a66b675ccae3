vm a { memory $memory }  #! unknown-variable
let memory 128M
for i in 1..2 { vm b$i { memory $memory } }
vm c$i { memory ${memroy} }  #! unknown-variable #! unknown-variable
