router r { nat all via out to 192.0.2.1 }  #! not-defined
