vm a { memory 512G }  #! much-memory: more than most hosts have
vm b { memory 256G }
