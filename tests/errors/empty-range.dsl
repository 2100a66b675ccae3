for i in 5..1 { namespace n$i }  #! empty-range
