vm a { memory 128M  memory 256M }  #! repeated-keyword: again here
network br0 isolated {
    stp on
    stp off  #! repeated-keyword: again here
}
