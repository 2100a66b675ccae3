vm a { memory 1000K }  #! guest-memory: QEMU would round this
vm b { memory 1536K }  #! guest-memory: QEMU would round this
vm c { memory 2048K }
