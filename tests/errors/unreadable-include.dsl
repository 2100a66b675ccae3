include no-such-file.dsl  #! unreadable-include
include /dev/null
include .  #! unreadable-include
