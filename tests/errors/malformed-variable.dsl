vm a { append console=$ }  #! malformed-variable
vm b { append ${} }  #! malformed-variable
