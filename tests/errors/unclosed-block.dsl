vm a {
    nic on br-in {  #! unclosed-block
    memory 128M
}
vm b { memory 128M }
