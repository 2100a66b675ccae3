vm a { append console=ttyS0 quiet }  #! word-too-many
network br0 isolated fast  #! word-too-many
