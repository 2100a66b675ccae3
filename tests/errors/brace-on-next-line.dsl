vm a
{  #! brace-on-next-line
    memory 128M
}
