vm a { append quiet }  #! kernel-missing: this guest boots from its drives
vm b { initrd /boot/initrd }  #! kernel-missing
