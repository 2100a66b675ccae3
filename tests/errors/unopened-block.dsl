vm a { memory 128M }
}  #! unopened-block
