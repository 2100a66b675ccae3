#!+1 unclosed-string
vm a { append "console=ttyS0 }
