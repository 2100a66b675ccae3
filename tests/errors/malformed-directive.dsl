let $memory 128M  #! malformed-directive
for i 1..3 { namespace n$i }  #! malformed-directive
